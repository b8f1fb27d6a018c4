import { UserError } from "../../errors.js";
import { nearest } from "../../text.js";
import { parseBytes } from "../bytes.js";
import {
  type OptionName,
  type OptionValues,
  type RefineOption,
  refineOptions,
  refusedOptions,
} from "./relion-options.js";

const keyOf = (name: string) => name.replaceAll("-", "_");
const known = new Map(refineOptions.map((option) => [keyOf(option.name), option]));
const refused = new Map(
  refusedOptions.flatMap(({ reason, options }) =>
    Object.entries(options).map(([name, standard]) => [name, { reason, standard }] as const),
  ),
);

function unknownOption(word: string): UserError {
  const name = word.replace(/^-+/, "");
  const names = [...known.values()].map((option) => option.name as string).concat([...refused.keys()]);
  const close =
    name.length > 2
      ? nearest(name, names)
      : names.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return new UserError(
    `unknown option ${word}${close === undefined ? "; cryotile refine --help lists the options" : `; did you mean --${close}?`}`,
  );
}

const numeral = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function parseNumber(text: string, option: RefineOption & { kind: "integer" | "number" }): number {
  const value = numeral.test(text.trim()) ? Number(text) : Number.NaN;
  const refuse = (problem: string) => new UserError(`--${option.name} ${text}: ${problem}`);
  if (!Number.isFinite(value)) throw refuse("is not a number");
  if (option.kind === "integer" && !Number.isSafeInteger(value)) throw refuse("must be a whole number");
  if (value === option.off) return value;
  const { min, max, above, off } = option;
  if (value < (min ?? value) || value > (max ?? value) || (above !== undefined && value <= above)) {
    const bounds = [
      ...(min === undefined ? [] : [`at least ${min}`]),
      ...(above === undefined ? [] : [`above ${above}`]),
      ...(max === undefined ? [] : [`at most ${max}`]),
    ].join(" and ");
    throw refuse(`must be ${bounds}${off === undefined ? "" : `, or ${off} for none`}`);
  }
  return value;
}

type Value = boolean | number | string | undefined;

function parseValue(text: string, option: RefineOption): Value {
  switch (option.kind) {
    case "flag":
      throw new UserError(`--${option.name}=${text}: --${option.name} takes no value`);
    case "integer":
    case "number": {
      const value = parseNumber(text, option);
      return value === option.off ? undefined : value;
    }
    case "bytes":
      return parseBytes(text, `--${option.name}`);
    case "choice":
      if (!option.choices.includes(text))
        throw new UserError(`--${option.name} ${text}: must be one of ${option.choices.join(", ")}`);
      return text;
    case "file":
      return text === "" || text === "None" ? undefined : text;
    case "text":
    case "devices":
      return text;
  }
}

function standardValue(option: RefineOption): Value {
  if (option.kind === "flag") return false;
  if (option.kind === "choice" || option.kind === "text") return option.default;
  if (option.kind !== "integer" && option.kind !== "number") return undefined;
  return option.default === option.off ? undefined : option.default;
}

/** The text of a value: in the same word after "=", or the next word. Only flags and device lists go without. */
interface Words {
  readonly inline: string | undefined;
  readonly next: string | undefined;
}

function followingValue(name: string, { inline, next }: Words): string {
  const text = inline ?? (next?.startsWith("--") ? undefined : next);
  if (text === undefined) throw new UserError(`--${name} needs a value`);
  return text;
}

/** Refuse an option unless it is given its default; returns whether the next word was taken. */
function checkRefused(
  name: string,
  { reason, standard }: { reason: string; standard: false | number | string },
  words: Words,
): boolean {
  const problem = new UserError(`--${name} is not supported: ${reason}`);
  if (standard === false) throw problem;
  const text = followingValue(name, words);
  const same =
    typeof standard === "number" ? numeral.test(text) && Number(text) === standard : text === standard;
  if (!same) throw problem;
  return words.inline === undefined;
}

export interface GivenValues {
  readonly values: OptionValues;
  readonly given: ReadonlySet<OptionName>;
}

/** Values of all options from words of the command line. @throws UserError */
export function parseWords(argv: readonly string[]): GivenValues {
  const values = new Map<string, Value>(refineOptions.map((option) => [option.name, standardValue(option)]));
  const given = new Set<OptionName>();
  const seen = new Set<string>();
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index];
    if (!word.startsWith("-")) {
      const before = known.get(keyOf((argv[index - 1] ?? "").replace(/^--/, "")));
      throw new UserError(
        `unexpected argument ${JSON.stringify(word)}${before?.kind === "flag" ? ` after --${before.name}, which takes no value` : "; options are --name value"}`,
      );
    }
    const [, text = "", equals, tail] = /^--([^=]*)(=(.*))?$/s.exec(word) ?? [];
    const key = keyOf(text);
    const words: Words = {
      inline: equals === undefined ? undefined : tail,
      next: argv[index + 1],
    };
    const option = known.get(key);
    const refusal = refused.get(key);
    if (option === undefined && refusal === undefined) throw unknownOption(word.split("=")[0]);
    if (seen.has(key)) throw new UserError(`--${option?.name ?? key} is given twice`);
    seen.add(key);
    if (option === undefined) {
      if (refusal !== undefined && checkRefused(key, refusal, words)) index++;
      continue;
    }
    given.add(option.name);
    if (option.kind === "flag" && words.inline === undefined) {
      values.set(option.name, true);
    } else if (
      option.kind === "devices" &&
      words.inline === undefined &&
      (words.next ?? "--").startsWith("--")
    ) {
      values.set(option.name, "");
    } else {
      values.set(option.name, parseValue(words.inline ?? followingValue(option.name, words), option));
      if (words.inline === undefined) index++;
    }
  }
  return { values: Object.fromEntries(values) as unknown as OptionValues, given };
}

/** Words of the command line by option; they must have been parsed before. */
function byOption(argv: readonly string[]): Map<string, readonly string[]> {
  const options = new Map<string, string[]>();
  let last: string[] = [];
  for (const word of argv) {
    if (word.startsWith("--")) {
      last = [];
      options.set(keyOf(word.slice(2).split("=")[0]), last);
    }
    last.push(word);
  }
  return options;
}

/**
 * The arguments that a run began with, with those of its continuation in their place; without those that are of one start alone.
 * `replaces` gives the names of options that another one stands for.
 */
export function mergeWords(
  begun: readonly string[],
  continued: readonly string[],
  replaces: Readonly<Partial<Record<string, readonly string[]>>>,
): string[] {
  const merged = byOption(begun);
  for (const name of ownFiles) merged.delete(name);
  for (const [key, words] of byOption(continued)) {
    const option = known.get(key);
    if (option === undefined || option.continued === "only" || key === "o" || ownFiles.has(key)) continue;
    for (const name of replaces[option.name] ?? []) merged.delete(keyOf(name));
    merged.set(key, words);
  }
  return [...merged.values()].flat();
}

/** Of one start of a run alone. */
const ownFiles: ReadonlySet<string> = new Set(["continue", "trace", "pipeline_control", "verb"]);
