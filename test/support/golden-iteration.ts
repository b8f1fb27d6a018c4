import type { Refinement } from "../../src/em/refinement.js";
import type { StarTable } from "../../src/formats/star/index.js";
import { goldenTable } from "./golden.js";
import { largest } from "./numbers.js";

/** Tables of an iteration as `relion_refine` wrote them: the golden files, or those of a run just made. */
export interface IterationTables {
  readonly particles: StarTable;
  /** Undefined where only the particle table was kept. */
  model?(table: string): StarTable;
}

export function goldenIteration(folder: string, iteration: string, withModel = true): IterationTables {
  const root = `iterations/${folder}/${iteration}`;
  return {
    particles: goldenTable(`${root}_data.star.gz`, "particles"),
    ...(withModel ? { model: (table: string) => goldenTable(`${root}_model.star.gz`, table) } : {}),
  };
}

/** Half a unit in the last place that RELION prints: six decimals, or seven digits of what is small or large. */
export const printError = (value: number): number => {
  const size = Math.abs(value);
  if (size === 0) return 0;
  if (size >= 1e5 || size < 1e-3) return 0.51 * 10 ** (Math.floor(Math.log10(size)) - (value < 0 ? 5 : 6));
  return value < 0 ? 5.1e-6 : 5.1e-7;
};

/** Largest distance beyond the print's rounding, absolute or by the size of the value. */
export function beyondPrint(
  found: ArrayLike<number>,
  printed: ArrayLike<number>,
  relative: "absolute" | "relative" = "absolute",
): number {
  if (found.length !== printed.length) return Number.POSITIVE_INFINITY;
  return largest(
    Array.from(printed, (value, at) => {
      const off = Math.abs(found[at] - value);
      const more = Number.isNaN(off) ? off : Math.max(0, off - printError(value));
      return relative === "absolute" || more === 0 ? more : more / Math.abs(value);
    }),
  );
}

/** Particles whose pose or class is another one; numbers in the table. */
export function otherPoses(
  { particles: state }: Refinement,
  table: StarTable,
  degrees = 2e-5,
  angstrom = 2e-5,
): number[] {
  const column = (label: string) => table.numbers(`rln${label}`);
  const angles = (
    [
      ["AngleRot", state.rot],
      ["AngleTilt", state.tilt],
      ["AnglePsi", state.psi],
    ] as const
  ).map(([label, own]) => [column(label), own] as const);
  const origins = (
    [
      ["OriginXAngst", state.originX],
      ["OriginYAngst", state.originY],
    ] as const
  ).map(([label, own]) => [column(label), own] as const);
  const classes = column("ClassNumber");
  return Array.from(classes.keys()).filter(
    (p) =>
      angles.some(([theirs, own]) => !(Math.abs(turn(own[p] - theirs[p])) <= degrees)) ||
      origins.some(([theirs, own]) => !(Math.abs(own[p] - theirs[p]) <= angstrom)) ||
      state.class[p] + 1 !== classes[p],
  );
}

const turn = (degrees: number) => degrees - 360 * Math.round(degrees / 360);
