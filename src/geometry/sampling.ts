import { UserError } from "../errors.js";
import { type EulerAngles, eulerToMatrix, matrixToEuler, multiply, viewingDirection } from "./euler.js";
import { childPixels, directionCount, maxPixelRadius, pixelDirection } from "./healpix.js";
import { type PointGroup, pointGroup } from "./symmetry.js";

/** Step of the direction grid of a HEALPix order in degrees, as RELION counts it: 60 / 2^order. */
export const angularStep = (order: number): number => 360 / (6 * 2 ** order);

export interface OrientationGridOptions {
  readonly order: number;
  /** Default C1. */
  readonly group?: PointGroup;
  /** In-plane step in degrees; default: the step of the directions. The step in use divides 360. */
  readonly psiStep?: number;
  /** RELION's `--limit_tilt`: positive: only side views, |tilt| >= it; negative: only top views, |tilt| <= -it. */
  readonly limitTilt?: number;
}

/** Directions of the asymmetric unit times in-plane angles, in RELION's order: psi runs fastest. Degrees. */
export interface OrientationGrid {
  readonly order: number;
  readonly group: PointGroup;
  /** HEALPix number (nested) of each direction. */
  readonly pixel: Uint32Array;
  readonly rot: Float64Array;
  readonly tilt: Float64Array;
  readonly psi: Float64Array;
  readonly psiStep: number;
}

/** A step that is a whole part of the circle but for its last digits stays that part. */
const roundingOfSteps = 1e-6;
/** Symmetry copies are looked for only in lists shorter than this, as in RELION. */
const longestChecked = 4000;

/**
 * The coarse orientations: the asymmetric unit, without symmetry copies on its seams, then the tilt limit. Throws UserError
 * where nothing is left (I2 and I3 have no direction at order 1). Checked against `relion_refine` for all point groups in
 * test/interop.
 */
export function orientationGrid(options: OrientationGridOptions): OrientationGrid {
  const { order, group = pointGroup("C1"), limitTilt } = options;
  if (!Number.isInteger(order) || order < 0 || order > 10)
    throw new RangeError(`HEALPix order ${order} is not 0 to 10`);
  let kept: { pixel: number; rot: number; tilt: number }[] = [];
  for (let pixel = 0; pixel < directionCount(order); pixel++) {
    const { rot, tilt } = pixelDirection(order, pixel);
    if (group.contains(rot, tilt)) kept.push({ pixel, rot, tilt });
  }
  if (group.operators.length > 1 && kept.length < longestChecked) kept = withoutCopies(kept, group, order);
  kept = kept.filter(({ tilt }) => tiltAllowed(tilt, limitTilt));
  if (kept.length === 0)
    throw new UserError(
      `HEALPix order ${order} has no direction in the asymmetric unit of ${group.name}${limitTilt === undefined ? "" : ` within a tilt limit of ${limitTilt}`}; ask for a higher order`,
    );
  const wanted = options.psiStep ?? angularStep(order);
  const count = Math.max(1, Math.ceil(360 / wanted - roundingOfSteps));
  const psiStep = 360 / count;
  return {
    order,
    group,
    pixel: Uint32Array.from(kept, ({ pixel }) => pixel),
    rot: Float64Array.from(kept, ({ rot }) => rot),
    tilt: Float64Array.from(kept, ({ tilt }) => tilt),
    psi: Float64Array.from({ length: count }, (_, index) => index * psiStep),
    psiStep,
  };
}

function tiltAllowed(tilt: number, limit: number | undefined): boolean {
  if (limit === undefined || Math.abs(limit) >= 90) return true;
  const fromTop = tilt > 90 ? 180 - tilt : tilt;
  return limit > 0 ? fromTop >= limit : fromTop <= -limit;
}

/** Drop directions that lie within half a pixel radius of a symmetry copy of an earlier one. */
function withoutCopies<T extends { rot: number; tilt: number }>(
  directions: T[],
  group: PointGroup,
  order: number,
): T[] {
  const limit = Math.cos((0.5 * maxPixelRadius(order) * Math.PI) / 180);
  const copies: [number, number, number][] = [];
  return directions.filter(({ rot, tilt }) => {
    const [x, y, z] = viewingDirection(rot, tilt);
    if (copies.some((copy) => copy[0] * x + copy[1] * y + copy[2] * z > limit)) return false;
    for (const m of group.operators.slice(1))
      copies.push([
        x * m[0] + y * m[3] + z * m[6],
        x * m[1] + y * m[4] + z * m[7],
        x * m[2] + y * m[5] + z * m[8],
      ]);
    return true;
  });
}

/** Fine orientations of one coarse orientation: 8^levels of them (4^levels directions, 2^levels in-plane angles each, psi fastest). */
export function oversampledOrientations(
  grid: OrientationGrid,
  direction: number,
  psi: number,
  levels: number,
): EulerAngles[] {
  return Array.from({ length: 8 ** levels }, (_, child) =>
    oversampledOrientation(grid, direction, psi, levels, child),
  );
}

/** Number `child` of these fine orientations. */
function oversampledOrientation(
  grid: OrientationGrid,
  direction: number,
  psi: number,
  levels: number,
  child: number,
): EulerAngles {
  const parts = 2 ** levels;
  const pixels = childPixels(grid.pixel[direction], levels);
  const { rot, tilt } = pixelDirection(grid.order + levels, pixels[Math.floor(child / parts)]);
  return { rot, tilt, psi: grid.psi[psi] + grid.psiStep * ((0.5 + (child % parts)) / parts - 0.5) };
}

/** An orientation turned by the perturbation of an iteration: `instance` times the coarse step about each axis. */
export function perturbed(angles: EulerAngles, instance: number, order: number): EulerAngles {
  if (instance === 0) return angles;
  const turn = instance * angularStep(order);
  return matrixToEuler(
    multiply(eulerToMatrix(angles.rot, angles.tilt, angles.psi), eulerToMatrix(turn, turn, turn)),
  );
}

/** Sizes of a search over classes, directions, in-plane angles and translations, and RELION's numbering of its samples. */
export interface SampleShape {
  readonly directions: number;
  readonly psis: number;
  readonly translations: number;
}

/** Number of a coarse sample: translations run fastest, then psi, direction and class. */
export const coarseSample = (
  shape: SampleShape,
  k: number,
  direction: number,
  psi: number,
  translation: number,
): number => ((k * shape.directions + direction) * shape.psis + psi) * shape.translations + translation;

/** Number of a fine sample: 8^levels orientations times 4^levels translations under each coarse sample, translations fastest. */
export const fineSample = (
  coarse: number,
  levels: number,
  orientation: number,
  translation: number,
): number => (coarse * 8 ** levels + orientation) * 4 ** levels + translation;
