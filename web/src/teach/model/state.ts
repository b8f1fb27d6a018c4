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

/** What a visitor sees, as the URL tells it. */
export interface TeachState {
  readonly place: Place;
  /** Chosen pose and pixel. */
  readonly i: number;
  readonly o: number;
  readonly t: number;
  readonly k: number;
  /** Which part of the sum of a tile is on show, counted from 0. */
  readonly part: number;
  readonly side: number;
  readonly depth: number;
  /** Event of a trace, and which program the free list replays. */
  readonly event: number;
  readonly program: string;
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

const fields = {
  i: { least: 0, most: 3, initial: 0 },
  o: { least: 0, most: 5, initial: 0 },
  t: { least: 0, most: 2, initial: 1 },
  k: { least: 0, most: 31, initial: 5 },
  part: { least: 0, most: 1, initial: 0 },
  side: { least: 1, most: 128, initial: 32 },
  depth: { least: 1, most: 64, initial: 16 },
  event: { least: 0, most: 1e6, initial: 0 },
  kept: { least: 300, most: 1000, initial: 999 },
  parents: { least: 1, most: 1658880, initial: 1000 },
  bytes: { least: 4, most: 8, initial: 4 },
  element: { least: -1, most: 1e6, initial: -1 },
} as const satisfies Readonly<Record<string, NumberField>>;
type NumberName = keyof typeof fields;
const programs = ["published", "mixed", "nested"] as const;

/** The state of a URL; what it does not tell, or tells wrongly, is as at the start. */
export function readState(parts: readonly string[], query: URLSearchParams): TeachState {
  const place =
    places.find(({ chapter, step }) => chapter === parts[0] && step === parts[1]) ??
    places.find(({ chapter }) => chapter === parts[0]) ??
    places[0];
  const numbers = Object.fromEntries(
    Object.entries(fields).map(([name, { least, most, initial }]) => {
      const text = query.get(name);
      const value = text === null || text === "" ? Number.NaN : Number(text);
      const usable = Number.isInteger(value) && value >= least && value <= most;
      return [name, usable && (name !== "bytes" || value === 4 || value === 8) ? value : initial];
    }),
  ) as Record<NumberName, number>;
  const program = query.get("program") ?? "";
  const hidden = (query.get("hide") ?? "").split(",");
  return {
    place,
    ...numbers,
    program: programs.find((name) => name === program) ?? programs[0],
    teacher: query.get("teacher") === "1",
    hidden: hideable.filter((name) => hidden.includes(name)),
    embedded: query.get("embed") === "1",
    language: languageNames.find((name) => name === query.get("lang")) ?? "en",
  };
}

/** The URL of a state: what differs from the start. */
export function writeState(state: TeachState): {
  parts: readonly string[];
  query: Readonly<Record<string, string | number | undefined>>;
} {
  const query: Record<string, string | number | undefined> = {};
  for (const [name, { initial }] of Object.entries(fields)) {
    const value = state[name as NumberName];
    if (value !== initial) query[name] = value;
  }
  if (state.program !== programs[0]) query.program = state.program;
  if (state.hidden.length > 0) query.hide = state.hidden.join(",");
  if (state.teacher) query.teacher = 1;
  if (state.embedded) query.embed = 1;
  if (state.language !== "en") query.lang = state.language;
  return { parts: [state.place.chapter, state.place.step], query };
}

/** The place `by` steps on, or undefined at the ends. */
export const neighbour = ({ chapter, step }: Place, by: number): Place | undefined =>
  places[places.findIndex((place) => place.chapter === chapter && place.step === step) + by];
