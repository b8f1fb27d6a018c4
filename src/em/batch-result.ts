import { gridOrientation } from "./candidates.js";
import type { ExpectationResult } from "./expectation.js";
import { type HostBatch, keepsOrientations } from "./host-batch.js";
import type { IterationInput } from "./iteration.js";
import type { Pose } from "./search.js";

/** What the device found of a batch, and what it was sent. */
export interface FoundBatch {
  readonly particles: readonly number[];
  readonly host: HostBatch;
  readonly result: ExpectationResult;
  /** Power of the masked images by shell 0 .. box / 2: [i][s]. */
  readonly power: Float64Array;
  /** Particles whose set of significant samples was cut to what fits. */
  readonly limited: number;
}

/** Results of a batch in the terms of the iteration. */
export interface BatchResult extends Omit<FoundBatch, "host"> {
  /** The best pose of each particle; undefined where none was better than any other. */
  readonly poses: readonly (Pose | undefined)[];
  /** Whole pixels by which the images were moved: pairs. */
  readonly shifts: Int32Array;
}

/** The poses and orientations that a batch came to. */
export function readBatch(input: IterationInput, found: FoundBatch): BatchResult {
  const { host, ...rest } = found;
  return { ...rest, ...inGrid(input, found), shifts: Int32Array.from(host.shifts_i2) };
}

/** Poses of the best samples, and runs by the orientations of the search's grid. */
function inGrid(
  input: IterationInput,
  { result, host: { listed }, particles }: FoundBatch,
): Pick<BatchResult, "result" | "poses"> {
  const { search, state } = input;
  const poseOf = (sample: number) => (sample >= 0 ? search.pose(sample) : undefined);
  if (listed === undefined) return { result, poses: Array.from(result.bestSample, poseOf) };
  const { candidates, ownShifts } = listed;
  const own = keepsOrientations(input);
  const psis = search.grid.psi.length;
  const gridOf = (o: number, i: number) =>
    Math.floor(o / candidates.count) * search.orientations +
    (own ? 0 : gridOrientation(candidates, psis, i, o % candidates.count));
  const translations = ownShifts === undefined ? search.translations.x.length : particles.length;
  const each = translations * search.children;
  const poses = Array.from(result.bestSample, (sample, i): Pose | undefined => {
    if (sample < 0) return undefined;
    const inGrid = gridOf(Math.floor(sample / each), i) * each + (sample % each);
    if (!own) return search.pose(inGrid);
    const p = particles[i];
    const { class: k, ...shift } =
      ownShifts === undefined
        ? search.pose(inGrid)
        : {
            class: Math.floor(sample / each / candidates.count),
            x: ownShifts[2 * i],
            y: ownShifts[2 * i + 1],
          };
    return { ...shift, rot: state.rot[p], tilt: state.tilt[p], psi: state.psi[p], class: k };
  });
  const runOrientation = result.runOrientation.slice();
  for (const i of particles.keys())
    for (let run = result.runStart[i]; run < result.runStart[i + 1]; run++)
      runOrientation[run] = gridOf(runOrientation[run], i);
  return { result: { ...result, runOrientation }, poses };
}
