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

/** Unit vectors of a grid's directions, and the directions by rising z. */
interface Views {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly z: Float64Array;
  readonly byZ: Uint32Array;
}

const viewsOfGrids = new WeakMap<OrientationGrid, Views>();

function viewsOf(grid: OrientationGrid): Views {
  const held = viewsOfGrids.get(grid);
  if (held !== undefined) return held;
  const all = Array.from(grid.rot, (rot, direction) => viewingDirection(rot, grid.tilt[direction]));
  const [x, y, z] = [0, 1, 2].map((axis) => Float64Array.from(all, (view) => view[axis]));
  const byZ = Uint32Array.from(z, (_, direction) => direction).sort((a, b) => z[a] - z[b]);
  const views = { x, y, z, byZ };
  viewsOfGrids.set(grid, views);
  return views;
}

/** First place in `byZ` of a direction with at least this z. */
function firstAbove({ z, byZ }: Views, least: number): number {
  let [low, high] = [0, byZ.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (z[byZ[middle]] < least) low = middle + 1;
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
  const { x, y, z, byZ } = views;
  const [cx, cy, cz] = viewingDirection(centre.rot, centre.tilt);
  const mates = grid.group.operators.map((m) => [
    m[0] * cx + m[1] * cy + m[2] * cz,
    m[3] * cx + m[4] * cy + m[5] * cz,
    m[6] * cx + m[7] * cy + m[8] * cz,
  ]);
  const cosine = (direction: number, [mx, my, mz]: number[]) =>
    mx * x[direction] + my * y[direction] + mz * z[direction];
  const distance = (of: number) => degrees(Math.acos(Math.min(1, of)));
  const found = new Map<number, number>();
  const reach = Math.min(180, cutoff * sigma);
  // Rounding of the bounds must lose nothing: the distance decides.
  const slack = 1e-9;
  const least = Math.cos((reach * Math.PI) / 180) - slack;
  for (const mate of mates) {
    const tilt = degrees(Math.acos(Math.max(-1, Math.min(1, mate[2]))));
    const top = tilt > reach ? Math.cos(((tilt - reach) * Math.PI) / 180) + slack : 1;
    const bottom = tilt + reach < 180 ? Math.cos(((tilt + reach) * Math.PI) / 180) - slack : -1;
    for (let at = firstAbove(views, bottom); at < byZ.length && z[byZ[at]] <= top; at++) {
      const own = cosine(byZ[at], mate);
      if (own > least && own > (found.get(byZ[at]) ?? -1)) found.set(byZ[at], own);
    }
  }
  const near = [...found.keys()].filter(
    (direction) => distance(found.get(direction) as number) < cutoff * sigma,
  );
  if (near.length > 0) {
    const index = Uint32Array.from(near).sort();
    return gaussianPrior(
      index,
      Float64Array.from(index, (direction) => distance(found.get(direction) as number)),
      sigma,
    );
  }
  let [nearest, most] = [0, -2];
  for (let direction = 0; direction < z.length; direction++)
    for (const mate of mates)
      if (cosine(direction, mate) > most) [nearest, most] = [direction, cosine(direction, mate)];
  return { index: Uint32Array.of(nearest), weight: Float64Array.of(1) };
}

/**
 * Prior over the in-plane angles of a grid around `centre` (degrees, in [-180, 360)), as that of directions. `bimodal` also takes the opposite
 * angle for near, for particles whose polarity is unknown.
 */
export function psiPrior(grid: OrientationGrid, centre: number, sigma: number, bimodal = false): LocalPrior {
  if (!(sigma > 0)) return flatPrior(grid.psi.length);
  const distances = grid.psi.map((psi) => {
    const turned = Math.abs(psi - centre) % 360;
    const distance = Math.min(turned, 360 - turned);
    return bimodal && distance > 90 ? 180 - distance : distance;
  });
  const near = Uint32Array.from(distances.keys()).filter((psi) => distances[psi] < cutoff * sigma);
  if (near.length > 0)
    return gaussianPrior(
      near,
      Float64Array.from(near, (psi) => distances[psi]),
      sigma,
    );
  const nearest = distances.indexOf(distances.reduce((least, value) => Math.min(least, value)));
  return { index: Uint32Array.of(nearest), weight: Float64Array.of(1) };
}
