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

/** All samples alike. */
function flatPrior(count: number): LocalPrior {
  return {
    index: Uint32Array.from({ length: count }, (_, at) => at),
    weight: new Float64Array(count).fill(1 / count),
  };
}

/** Gaussian of the distances (degrees) of samples inside the cutoff. */
function gaussianPrior(index: Uint32Array, distances: Float64Array, sigma: number): LocalPrior {
  const weight = distances.map((distance) => Math.exp(-0.5 * (distance / sigma) ** 2));
  const sum = weight.reduce((total, value) => total + value, 0);
  return { index, weight: weight.map((value) => value / sum) };
}

/** A grid's directions by rising z, their unit vectors, and room for the cosine of each direction with what is looked for, else -2. */
interface Views {
  readonly byZ: Uint32Array;
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly z: Float64Array;
  readonly cosine: Float64Array;
}

const viewsOfGrids = new WeakMap<OrientationGrid, Views>();

function viewsOf(grid: OrientationGrid): Views {
  const held = viewsOfGrids.get(grid);
  if (held !== undefined) return held;
  const all = Array.from(grid.rot, (rot, direction) => viewingDirection(rot, grid.tilt[direction]));
  const byZ = Uint32Array.from(all, (_, direction) => direction).sort((a, b) => all[a][2] - all[b][2]);
  const [x, y, z] = [0, 1, 2].map((axis) => Float64Array.from(byZ, (direction) => all[direction][axis]));
  const views = { byZ, x, y, z, cosine: new Float64Array(z.length).fill(-2) };
  viewsOfGrids.set(grid, views);
  return views;
}

/** First place in `byZ` of a direction with at least this z. */
function firstAbove({ z }: Views, least: number): number {
  let [low, high] = [0, z.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (z[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Prior over the directions of a grid around (rot, tilt), all in degrees: a Gaussian of the angle to the nearest symmetry mate of
 * the centre, within 3 sigma; the nearest direction alone where none is there, all alike where sigma is 0 or less. `sigma` is the larger of
 * RELION's sigmas for rot and tilt. The grid counts unperturbed. Checked against a run of `relion_refine --sigma_ang` in test/interop.
 */
export function directionPrior(
  grid: OrientationGrid,
  centre: { readonly rot: number; readonly tilt: number },
  sigma: number,
): LocalPrior {
  if (!(sigma > 0)) return flatPrior(grid.rot.length);
  const views = viewsOf(grid);
  const { x, y, z, byZ, cosine } = views;
  const [cx, cy, cz] = viewingDirection(centre.rot, centre.tilt);
  const mates = grid.group.operators.map((m) => [
    m[0] * cx + m[1] * cy + m[2] * cz,
    m[3] * cx + m[4] * cy + m[5] * cz,
    m[6] * cx + m[7] * cy + m[8] * cz,
  ]);
  const found: number[] = [];
  const reach = Math.min(180, cutoff * sigma);
  // Rounding of the bounds must lose nothing: the distance decides.
  const slack = 1e-9;
  const least = Math.cos((reach * Math.PI) / 180) - slack;
  for (const mate of mates) {
    const tilt = degrees(Math.acos(Math.max(-1, Math.min(1, mate[2]))));
    const top = tilt > reach ? Math.cos(((tilt - reach) * Math.PI) / 180) + slack : 2;
    const bottom = tilt + reach < 180 ? Math.cos(((tilt + reach) * Math.PI) / 180) - slack : -2;
    const [mx, my, mz] = mate;
    for (let at = firstAbove(views, bottom); at < z.length && z[at] <= top; at++) {
      const own = mx * x[at] + my * y[at] + mz * z[at];
      if (own <= least) continue;
      const direction = byZ[at];
      if (cosine[direction] === -2) found.push(direction);
      if (own > cosine[direction]) cosine[direction] = own;
    }
  }
  const index = Uint32Array.from(found).sort();
  const distances = Float64Array.from(index, (direction) =>
    degrees(Math.acos(Math.min(1, cosine[direction]))),
  );
  for (const direction of found) cosine[direction] = -2;
  const near = (_: number, at: number) => distances[at] < cutoff * sigma;
  if (distances.some((distance) => distance < cutoff * sigma))
    return gaussianPrior(index.filter(near), distances.filter(near), sigma);
  let [nearest, most] = [0, -2];
  for (const [mx, my, mz] of mates)
    for (let at = 0; at < z.length; at++) {
      const own = mx * x[at] + my * y[at] + mz * z[at];
      if (own > most || (own === most && byZ[at] < nearest)) [nearest, most] = [byZ[at], own];
    }
  return { index: Uint32Array.of(nearest), weight: Float64Array.of(1) };
}

/**
 * Prior over the in-plane angles of a grid around `centre` (degrees, in [-180, 360)), as that of directions. `bimodal` also takes the opposite
 * angle for near, for particles whose polarity is unknown.
 */
export function psiPrior(grid: OrientationGrid, centre: number, sigma: number, bimodal = false): LocalPrior {
  if (!(sigma > 0)) return flatPrior(grid.psi.length);
  const near: number[] = [];
  const distances: number[] = [];
  let [nearest, least] = [0, Number.POSITIVE_INFINITY];
  for (let psi = 0; psi < grid.psi.length; psi++) {
    const turned = Math.abs(grid.psi[psi] - centre) % 360;
    const smaller = Math.min(turned, 360 - turned);
    const distance = bimodal && smaller > 90 ? 180 - smaller : smaller;
    if (distance < least) {
      nearest = psi;
      least = distance;
    }
    if (distance >= cutoff * sigma) continue;
    near.push(psi);
    distances.push(distance);
  }
  return near.length > 0
    ? gaussianPrior(Uint32Array.from(near), Float64Array.from(distances), sigma)
    : { index: Uint32Array.of(nearest), weight: Float64Array.of(1) };
}
