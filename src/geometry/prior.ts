import { viewingDirection } from "./euler.js";
import type { OrientationGrid } from "./sampling.js";

/** The samples that a local search keeps: rising indices into the grid, and their prior, which sums to 1. */
export interface LocalPrior {
  readonly index: Uint32Array;
  readonly weight: Float64Array;
}

/** Samples further than this many standard deviations are left out (RELION's convention). */
const cutoff = 3;

const degrees = (angle: number) => (angle * 180) / Math.PI;

/**
 * Gaussian of distances (degrees) within 3 sigma; the nearest sample alone where none is; all alike where sigma is 0 or
 * less.
 */
function gaussianPrior(distances: Float64Array, sigma: number): LocalPrior {
  if (!(sigma > 0)) {
    const index = Uint32Array.from(distances, (_, sample) => sample);
    return { index, weight: new Float64Array(index.length).fill(1 / index.length) };
  }
  const kept: number[] = [];
  let nearest = 0;
  for (const [sample, distance] of distances.entries()) {
    if (distance < cutoff * sigma) kept.push(sample);
    if (distance < distances[nearest]) nearest = sample;
  }
  if (kept.length === 0) return { index: Uint32Array.of(nearest), weight: Float64Array.of(1) };
  const weight = Float64Array.from(kept, (sample) => Math.exp(-0.5 * (distances[sample] / sigma) ** 2));
  const sum = weight.reduce((total, value) => total + value, 0);
  return { index: Uint32Array.from(kept), weight: weight.map((value) => value / sum) };
}

/**
 * Prior over the directions of a grid around (rot, tilt), all in degrees: a Gaussian of the angle to the nearest symmetry mate of
 * the centre. `sigma` is the larger of RELION's sigmas for rot and tilt. The grid counts unperturbed. Checked against a run of
 * `relion_refine --sigma_ang` in test/interop.
 */
export function directionPrior(
  grid: OrientationGrid,
  centre: { readonly rot: number; readonly tilt: number },
  sigma: number,
): LocalPrior {
  const [x, y, z] = viewingDirection(centre.rot, centre.tilt);
  const mates = grid.group.operators.map((m): [number, number, number] => [
    m[0] * x + m[1] * y + m[2] * z,
    m[3] * x + m[4] * y + m[5] * z,
    m[6] * x + m[7] * y + m[8] * z,
  ]);
  const distances = Float64Array.from(grid.rot, (rot, direction) => {
    const [vx, vy, vz] = viewingDirection(rot, grid.tilt[direction]);
    const cosine = mates.reduce(
      (most, mate) => Math.max(most, mate[0] * vx + mate[1] * vy + mate[2] * vz),
      -1,
    );
    return degrees(Math.acos(Math.min(1, cosine)));
  });
  return gaussianPrior(distances, sigma);
}

/**
 * Prior over the in-plane angles of a grid around `centre` (degrees, in [-180, 360)). `bimodal` also takes the opposite angle for
 * near, for particles whose polarity is unknown.
 */
export function psiPrior(grid: OrientationGrid, centre: number, sigma: number, bimodal = false): LocalPrior {
  const distances = grid.psi.map((psi) => {
    const turned = Math.abs(psi - centre) % 360;
    const distance = Math.min(turned, 360 - turned);
    return bimodal && distance > 90 ? 180 - distance : distance;
  });
  return gaussianPrior(distances, sigma);
}
