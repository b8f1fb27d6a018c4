import { computed, signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Language } from "./model/state.js";
import english from "./text/en.json" with { type: "json" };

export type Words = typeof english;

/** Texts beside the English ones; they are loaded when they are asked for. */
const others: Readonly<Record<Exclude<Language, "en">, () => Promise<{ readonly default: Words }>>> = {
  de: () => import("./text/de.json", { with: { type: "json" } }),
};

const shown = signal<{ readonly language: Language; readonly words: Words }>({
  language: "en",
  words: english,
});

/** The language that is shown: the one that was asked for, once its texts are there. */
export const language = computed(() => shown.value.language);

/** Why the language that was asked for is not shown. */
export const languageProblem = signal<string | undefined>(undefined);

let wanted: Language = "en";
export async function speak(language: Language): Promise<void> {
  wanted = language;
  languageProblem.value = undefined;
  try {
    const words = language === "en" ? english : (await others[language]()).default;
    if (wanted === language) shown.value = { language, words };
  } catch (error) {
    if (wanted === language) languageProblem.value = (error as Error).message;
  }
}

/** The texts in the language that is shown. What reads them while it is drawn is drawn again when the language changes. */
export const words = new Proxy(english, { get: (_, part: keyof Words) => shown.value.words[part] });

/** A text with its places filled in: `{name}` stands for the value of that name, numbers as `number` writes them. */
export const fill = (text: string, values: Readonly<Record<string, string | number>>): string =>
  text.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name] ?? place;
    return typeof value === "number" ? number(value) : value;
  });

/** Text with marks: `{slice|words}` in the colour of slices, and the like; `{key|t}` is a key, `{code|tile_s}` code. */
export function Rich({ text }: { readonly text: string }) {
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const match of text.matchAll(/\{(\w+)\|([^}]*)\}/g)) {
    const [whole, mark, own] = match;
    parts.push(text.slice(at, match.index));
    if (mark === "key") parts.push(<kbd key={match.index}>{own}</kbd>);
    else if (mark === "code") parts.push(<code key={match.index}>{own}</code>);
    else
      parts.push(
        <span key={match.index} class={`teach-word teach-${mark}`}>
          {own}
        </span>,
      );
    at = match.index + whole.length;
  }
  return (
    <>
      {parts}
      {text.slice(at)}
    </>
  );
}

export type Origin = keyof Words["origins"];

/** Where a number comes from, in a word; the sentence is its title. */
export function From({ origin }: { readonly origin: Origin }) {
  const { word, sentence } = words.origins[origin];
  return (
    <span class="teach-origin" title={sentence}>
      {word}
    </span>
  );
}

/** Whole numbers with thin groups, others with a few digits. */
export const number = (value: number, digits = 2): string =>
  Number.isInteger(value)
    ? value.toLocaleString(language.value)
    : value.toLocaleString(language.value, { minimumFractionDigits: digits, maximumFractionDigits: digits });

const decimalMark = computed(
  () =>
    new Intl.NumberFormat(language.value).formatToParts(0.5).find(({ type }) => type === "decimal")?.value ??
    ".",
);
/** A number that `toFixed`, `toPrecision` or `toExponential` wrote, with the decimal mark of the language. */
export const decimal = (text: string): string => text.replace(".", decimalMark.value);

/** Large counts in words: 5.52 billion. */
export const count = (value: number): string =>
  value < 1e6
    ? number(value)
    : value.toLocaleString(language.value, {
        notation: "compact",
        compactDisplay: "long",
        maximumSignificantDigits: 3,
      });

/** Bytes with their unit, powers of 1000 as in docs/weights.md. */
export function bytesText(bytes: number): string {
  for (const [unit, size] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ] as const)
    if (bytes >= size) {
      const value = bytes / size;
      return `${decimal(value.toFixed(value >= 100 ? 0 : 1))} ${unit}`;
    }
  return `${bytes} B`;
}
