import type { OrientationGrid } from "../../geometry/sampling.js";
import { pointGroup } from "../../geometry/symmetry.js";
import { type TranslationGrid, translationGrid } from "../../geometry/translations.js";
import type { Random } from "../../runtime/verify/harness.js";
import { modelDensity } from "../../simulator/density.js";
import { proceduralMolecule } from "../../simulator/molecule.js";

/** What a case is made from. Lengths in Angstrom, but for boxes. */
export interface Recipe {
  readonly box: number;
  /** Size of the half transform that is used. */
  readonly size: number;
  readonly pixelSize: number;
  /** Padding of the projector. */
  readonly padding: number;
  /** HEALPix order of the coarse orientations, and which of them take part: direction x in-plane angles + angle. */
  readonly order: number;
  readonly listed: (grid: OrientationGrid) => readonly number[];
  readonly offsets: TranslationGrid;
  /** Where each particle is: orientation, translation. */
  readonly truth: readonly (readonly [number, number])[];
  readonly density: (random: Random) => ArrayLike<number>;
  /** Variance of the noise in a shell by the mean power of the slices. */
  readonly noise: (shell: number) => number;
  /** Of the first particle, and how much more each next one has. */
  readonly defocus: number;
  readonly defocusStep: number;
}

export const seed = 20180704;

/** A handful of blobs without symmetry, as a molecule. */
function blobs(random: Random, box: number): Float64Array {
  const blobs = Array.from({ length: 9 }, () => ({
    at: [0, 1, 2].map(() => box / 2 + 1.9 * random.normal()),
    weight: 0.5 + random.uniform(),
  }));
  return Float64Array.from({ length: box ** 3 }, (_, voxel) => {
    const here = [voxel % box, Math.floor(voxel / box) % box, Math.floor(voxel / box ** 2)];
    return blobs.reduce((sum, { at, weight }) => {
      const r2 = here.reduce((square, c, axis) => square + (c - at[axis]) ** 2, 0);
      return sum + weight * Math.exp(-r2 / (2 * 1.1 ** 2));
    }, 0);
  });
}

/** The 32 pixels of an 8 x 8 half transform: all values can be seen. */
const tiny: Recipe = {
  box: 16,
  size: 8,
  pixelSize: 4,
  padding: 2,
  order: 1,
  listed: () => [0, 1, 25, 64, 140, 301],
  offsets: { x: Float64Array.of(-4, 0, 4), y: new Float64Array(3), step: 4 },
  truth: [
    [0, 1],
    [3, 2],
    [1, 0],
    [4, 1],
  ],
  density: (random) => blobs(random, 16),
  // White noise would hide the high shells of so small a particle: it falls with the shell.
  noise: (shell) => 1.8 / shell,
  defocus: 9000,
  defocusStep: 2500,
};

/** The directions nearest to one of a grid, each with a run of in-plane angles, as a local search takes them. */
function neighbourhood(grid: OrientationGrid, centre: number, directions: number, psis: number): number[] {
  const radians = Math.PI / 180;
  const towards = (d: number) => {
    const [rot, tilt] = [grid.rot[d] * radians, grid.tilt[d] * radians];
    return [Math.sin(tilt) * Math.cos(rot), Math.sin(tilt) * Math.sin(rot), Math.cos(tilt)];
  };
  const from = towards(centre);
  // Rounded, so that machines whose cosines differ in the last digit choose the same.
  const nearness = Array.from(grid.rot, (_, d) =>
    Math.round(1e9 * towards(d).reduce((sum, c, axis) => sum + c * from[axis], 0)),
  );
  return nearness
    .map((_, d) => d)
    .sort((a, b) => nearness[b] - nearness[a] || a - b)
    .slice(0, directions)
    .sort((a, b) => a - b)
    .flatMap((d) => Array.from({ length: psis }, (_, psi) => d * grid.psi.length + psi));
}

/**
 * A protein-like molecule at 10 Angstrom in a box of 64 pixels, all shells up to the last; a local search of 3.75 degrees with RELION's
 * translations. Less noise than cryo-EM has: one particle tells neighbouring poses apart, and sums of squares less their constants keep five
 * digits in float32.
 */
const box64: Recipe = {
  box: 64,
  size: 64,
  pixelSize: 2,
  padding: 2,
  order: 4,
  listed: (grid) => neighbourhood(grid, 1200, 10, 8),
  offsets: translationGrid(3, 2),
  truth: [
    [12, 4],
    [67, 7],
    [30, 0],
    [45, 4],
    [3, 5],
    [58, 2],
    [76, 3],
    [21, 8],
  ],
  // Of a size that makes the weights of the pixels about 1.
  density: () =>
    modelDensity(proceduralMolecule(pointGroup("C1"), seed), 64, 2, 10).map((value) => 130 * value),
  noise: () => 1.5,
  defocus: 9000,
  defocusStep: 1500,
};

/** A case that can be seen whole, and one of the size of a refinement's first steps. */
export const recipes = { tiny, box64 } as const satisfies Readonly<Record<string, Recipe>>;
export type CaseName = keyof typeof recipes;
