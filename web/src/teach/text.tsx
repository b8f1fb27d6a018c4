import type { ComponentChildren } from "preact";
import words from "./text/en.json" with { type: "json" };

export { words };

/** A text with its places filled in: `{name}` stands for the value of that name. */
export const fill = (text: string, values: Readonly<Record<string, string | number>>): string =>
  text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));

/** Text with marks: `{slice|words}` in the colour of slices, and the like. */
export function Rich({ text }: { readonly text: string }) {
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const match of text.matchAll(/\{(\w+)\|([^}]*)\}/g)) {
    parts.push(
      text.slice(at, match.index),
      <span key={match.index} class={`teach-word teach-${match[1]}`}>
        {match[2]}
      </span>,
    );
    at = match.index + match[0].length;
  }
  return (
    <>
      {parts}
      {text.slice(at)}
    </>
  );
}

export type Origin = keyof typeof words.origins;

/** Where a number comes from, in a word; the sentence is its title. */
export function From({ origin }: { readonly origin: Origin }) {
  return (
    <span class="teach-origin" title={words.origins[origin]}>
      {origin}
    </span>
  );
}

/** Whole numbers with thin groups, others with a few digits. */
export const number = (value: number, digits = 2): string =>
  Number.isInteger(value)
    ? value.toLocaleString("en")
    : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

const large = new Intl.NumberFormat("en", {
  notation: "compact",
  compactDisplay: "long",
  maximumSignificantDigits: 3,
});
/** Large counts in words: 5.52 billion. */
export const count = (value: number): string => (value < 1e6 ? number(value) : large.format(value));

/** Bytes with their unit, powers of 1000 as in docs/weights.md. */
export function bytesText(bytes: number): string {
  for (const [unit, size] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ] as const)
    if (bytes >= size) {
      const value = bytes / size;
      return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${unit}`;
    }
  return `${bytes} B`;
}
