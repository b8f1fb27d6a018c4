import type { CaseName } from "../../../../src/app/small-case/recipes.js";

/** Steps in the order in which they are read: chapters and their steps. */
export const chapters = [
  { name: "gsd", steps: ["number", "table", "tile", "product"] },
  { name: "memory", steps: ["stack", "freelist"] },
  { name: "weights", steps: ["groups", "bytes"] },
  { name: "run", steps: ["race"] },
  { name: "puzzles", steps: ["index", "fit", "peak", "scope"] },
] as const;

export type ChapterName = (typeof chapters)[number]["name"];
export type StepName = (typeof chapters)[number]["steps"][number];

export interface Place {
  readonly chapter: ChapterName;
  readonly step: StepName;
}

export const places: readonly Place[] = chapters.flatMap(({ name, steps }) =>
  steps.map((step): Place => ({ chapter: name, step })),
);

/** Parts of a step that a teacher may hide. */
export const hideable = ["guess", "formula", "numbers", "code", "notes"] as const;
export type Hideable = (typeof hideable)[number];

/** Languages of the room, each by its own name. English is there from the start. */
export const languages = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof languages;
export const languageNames = Object.keys(languages) as readonly Language[];

/** Sizes of the two cases; a test compares them with the cases. */
export const caseSizes = {
  tiny: { particles: 4, orientations: 6, translations: 3, pixels: 32 },
  box64: { particles: 8, orientations: 80, translations: 9, pixels: 1651 },
} as const satisfies Readonly<Record<CaseName, unknown>>;
/** Tile of diff2_tiled as the room begins with it; a test compares it with the kernel's text. */
export const kernelTile = { side: 32, depth: 16, lanes: 256 } as const;
/** Steps that show the second case too. */
const stepsOfCases: readonly StepName[] = ["number", "table", "tile", "product", "groups"];

/** What a visitor sees, as the URL tells it. */
export interface TeachState {
  readonly place: Place;
  readonly case: CaseName;
  /** Chosen pose and pixel. */
  readonly i: number;
  readonly o: number;
  readonly t: number;
  readonly k: number;
  /** Which part of the sum of a tile is on show, counted from 0. */
  readonly part: number;
  readonly side: number;
  readonly depth: number;
  /** Event of a trace, -1 where a step has one to begin with; which trace is shown, and which program the free list replays. */
  readonly event: number;
  readonly trace: Chosen<"trace">;
  readonly program: Chosen<"program">;
  /** Where the strategies run, and their size. */
  readonly runtime: Chosen<"runtime">;
  readonly size: Chosen<"size">;
  /** Kept probability in thousandths, parents of the large search, bytes of a value, chosen element. */
  readonly kept: number;
  readonly parents: number;
  readonly bytes: number;
  readonly element: number;
  readonly teacher: boolean;
  readonly hidden: readonly Hideable[];
  readonly embedded: boolean;
  readonly language: Language;
}

interface NumberField {
  readonly least: number;
  readonly most: number;
  readonly initial: number;
}

function fieldsOf(name: CaseName) {
  const { particles, orientations, translations, pixels } = caseSizes[name];
  return {
    i: { least: 0, most: particles - 1, initial: 0 },
    o: { least: 0, most: orientations - 1, initial: 0 },
    // No translation at all is in the middle of the list.
    t: { least: 0, most: translations - 1, initial: (translations - 1) / 2 },
    k: { least: 0, most: pixels - 1, initial: 5 },
    part: { least: 0, most: pixels - 1, initial: 0 },
    side: { least: 1, most: 128, initial: kernelTile.side },
    depth: { least: 1, most: 64, initial: kernelTile.depth },
    event: { least: -1, most: 1e6, initial: -1 },
    kept: { least: 300, most: mostKept[name], initial: 999 },
    parents: { least: 1, most: 1658880, initial: 1000 },
    bytes: { least: 4, most: 8, initial: 4 },
    element: { least: -1, most: 1e6, initial: -1 },
  } as const satisfies Readonly<Record<string, NumberField>>;
}
type NumberName = keyof ReturnType<typeof fieldsOf>;
/** The fine pass over all parents of the second case would take a page ten seconds. */
export const mostKept = { tiny: 1000, box64: 999 } as const;
/** What is chosen by name; the first one at the start. */
const choices = {
  trace: ["recorded", "tab", "watched"],
  program: ["published", "mixed", "nested"],
  runtime: ["best", "webgpu", "cpu"],
  size: ["small", "medium", "batch"],
} as const;
type ChoiceName = keyof typeof choices;
type Chosen<Name extends ChoiceName> = (typeof choices)[Name][number];
const choiceNames = Object.keys(choices) as readonly ChoiceName[];

/** The state of a URL; what it does not tell, or tells wrongly, is as at the start. */
export function readState(parts: readonly string[], query: URLSearchParams): TeachState {
  const place =
    places.find(({ chapter, step }) => chapter === parts[0] && step === parts[1]) ??
    places.find(({ chapter }) => chapter === parts[0]) ??
    places[0];
  const name: CaseName = query.get("case") === "64" ? "box64" : "tiny";
  const numbers = Object.fromEntries(
    Object.entries(fieldsOf(name)).map(([name, { least, most, initial }]) => {
      const text = query.get(name);
      const value = text === null || text === "" ? Number.NaN : Number(text);
      const usable = Number.isInteger(value) && value >= least && value <= most;
      return [name, usable && (name !== "bytes" || value === 4 || value === 8) ? value : initial];
    }),
  ) as Record<NumberName, number>;
  const chosen = Object.fromEntries(
    choiceNames.map((name) => [
      name,
      choices[name].find((one) => one === query.get(name)) ?? choices[name][0],
    ]),
  ) as { readonly [Name in ChoiceName]: Chosen<Name> };
  const hidden = (query.get("hide") ?? "").split(",");
  return {
    place,
    case: name,
    ...numbers,
    ...chosen,
    teacher: query.get("teacher") === "1",
    hidden: hideable.filter((name) => hidden.includes(name)),
    embedded: query.get("embed") === "1",
    language: languageNames.find((name) => name === query.get("lang")) ?? "en",
  };
}

/** The case on show: only some steps have the second one. */
export const shownCase = ({ place, case: name }: TeachState): CaseName =>
  stepsOfCases.includes(place.step) ? name : "tiny";
export const hasCases = ({ step }: Place): boolean => stepsOfCases.includes(step);

/** Another case from its start, at the same step. */
export function withCase(state: TeachState, name: CaseName): TeachState {
  const { parts, query } = writeState({ ...state, case: name });
  const kept = Object.entries(query).flatMap(([key, value]) =>
    value === undefined || perCase.includes(key) ? [] : [[key, String(value)]],
  );
  return readState(parts, new URLSearchParams(kept));
}
const perCase = ["i", "o", "t", "k", "part", "element"];

/** The URL of a state: what differs from the start. */
export function writeState(state: TeachState): {
  parts: readonly string[];
  query: Readonly<Record<string, string | number | undefined>>;
} {
  const query: Record<string, string | number | undefined> = {};
  for (const [name, { initial }] of Object.entries(fieldsOf(state.case))) {
    const value = state[name as NumberName];
    if (value !== initial) query[name] = value;
  }
  if (state.case === "box64") query.case = 64;
  for (const name of choiceNames) if (state[name] !== choices[name][0]) query[name] = state[name];
  if (state.hidden.length > 0) query.hide = state.hidden.join(",");
  if (state.teacher) query.teacher = 1;
  if (state.embedded) query.embed = 1;
  if (state.language !== "en") query.lang = state.language;
  return { parts: [state.place.chapter, state.place.step], query };
}

/** The state at another place: each trace has events of its own. */
export const moved = (state: TeachState, place: Place): TeachState =>
  place.step === state.place.step ? { ...state, place } : { ...state, place, event: -1 };

/** The place `by` steps on, or undefined at the ends. */
export const neighbour = ({ chapter, step }: Place, by: number): Place | undefined =>
  places[places.findIndex((place) => place.chapter === chapter && place.step === step) + by];
