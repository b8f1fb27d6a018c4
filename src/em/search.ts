import { type EulerAngles, eulerToMatrix, matrixToEuler, multiply } from "../geometry/euler.js";
import { childPixels, pixelDirection } from "../geometry/healpix.js";
import { angularStep, type OrientationGrid } from "../geometry/sampling.js";
import { oversampledTranslations, type TranslationGrid } from "../geometry/translations.js";

export interface Pose extends EulerAngles {
  /** Pixels. */
  readonly x: number;
  readonly y: number;
  readonly class: number;
}

/** The samples of an iteration: coarse ones and their children, perturbed, and how to read a sample's number. */
export interface Search {
  readonly grid: OrientationGrid;
  readonly translations: TranslationGrid;
  readonly oversampling: number;
  /** Coarse orientations of one class. */
  readonly orientations: number;
  readonly rotations: number;
  readonly shifts: number;
  readonly children: number;
  /** Translations in pixels, pairs. */
  readonly coarseShifts: Float64Array;
  readonly childShifts: Float64Array;
  /** Perturbed orientations in parts: coarse ones, and all their children. */
  readonly coarseTables: OrientationTables;
  readonly childTables: OrientationTables;
  /** The pose of a fine sample. */
  pose(sample: number): Pose;
}

/** Orientations as rotations of directions to z and in-plane angles, each with so many children. */
export interface OrientationTables {
  /** Nine numbers each. */
  readonly directions: ArrayLike<number>;
  readonly directionChildren: number;
  /** Cosine and sine. */
  readonly psis: ArrayLike<number>;
  readonly psiChildren: number;
}

const radians = Math.PI / 180;

/** `instance` is the perturbation as a share of a step. */
export function makeSearch(
  grid: OrientationGrid,
  translations: TranslationGrid,
  oversampling: number,
  instance: number,
  pixelSize: number,
): Search {
  const psis = grid.psi.length;
  const orientations = grid.rot.length * psis;
  const rotations = 8 ** oversampling;
  const shifts = 4 ** oversampling;
  const children = rotations * shifts;
  const turn = instance * angularStep(grid.order);
  const perturbation = eulerToMatrix(turn, turn, turn);
  const turned = (angles: EulerAngles): EulerAngles =>
    instance === 0
      ? angles
      : matrixToEuler(multiply(eulerToMatrix(angles.rot, angles.tilt, angles.psi), perturbation));
  /** The rotation that takes a direction to z, after the perturbation: eulerToMatrix(rot, tilt, 0) x perturbation. */
  const putDirection = (to: Float64Array, at: number, rot: number, tilt: number) => {
    const [cr, sr] = [Math.cos(rot * radians), Math.sin(rot * radians)];
    const [ct, st] = [Math.cos(tilt * radians), Math.sin(tilt * radians)];
    for (let column = 0; column < 3; column++) {
      const [x, y, z] = [perturbation[column], perturbation[3 + column], perturbation[6 + column]];
      const across = cr * x + sr * y;
      to[at + column] = ct * across - st * z;
      to[at + 3 + column] = cr * y - sr * x;
      to[at + 6 + column] = st * across + ct * z;
    }
  };
  const coarse: number[] = [];
  const child: number[] = [];
  for (let t = 0; t < translations.x.length; t++) {
    for (const axis of [translations.x, translations.y])
      coarse.push((axis[t] + instance * translations.step) / pixelSize);
    for (const [x, y] of oversampledTranslations(translations, t, oversampling, instance))
      child.push(x / pixelSize, y / pixelSize);
  }
  const turns = (angles: readonly number[]) =>
    Float64Array.from(angles.flatMap((psi) => [Math.cos(psi * radians), Math.sin(psi * radians)]));
  const coarseDirections = new Float64Array(9 * grid.rot.length);
  for (const [direction, rot] of grid.rot.entries())
    putDirection(coarseDirections, 9 * direction, rot, grid.tilt[direction]);
  const coarseTables: OrientationTables = {
    directions: coarseDirections,
    directionChildren: 1,
    psis: turns([...grid.psi]),
    psiChildren: 1,
  };
  const directionChildren = 4 ** oversampling;
  const psiChildren = 2 ** oversampling;
  // Angles of the child directions, before the perturbation.
  const childRot = new Float64Array(directionChildren * grid.rot.length);
  const childTilt = new Float64Array(childRot.length);
  for (const [direction, parent] of grid.pixel.entries())
    for (const [child, pixel] of childPixels(parent, oversampling).entries()) {
      const { rot, tilt } = pixelDirection(grid.order + oversampling, pixel);
      childRot[direction * directionChildren + child] = rot;
      childTilt[direction * directionChildren + child] = tilt;
    }
  const childPsi = (psi: number, child: number) =>
    grid.psi[psi] + grid.psiStep * ((0.5 + child) / psiChildren - 0.5);
  const childTables = (): OrientationTables => {
    if (oversampling === 0) return coarseTables;
    const directions = new Float64Array(9 * childRot.length);
    for (let at = 0; at < childRot.length; at++)
      putDirection(directions, 9 * at, childRot[at], childTilt[at]);
    const own = Array.from({ length: psiChildren }, (_, child) => child);
    const angles = Array.from(grid.psi, (_, psi) => own.map((child) => childPsi(psi, child))).flat();
    return { directions, directionChildren, psis: turns(angles), psiChildren };
  };
  return {
    grid,
    translations,
    oversampling,
    orientations,
    rotations,
    shifts,
    children,
    coarseShifts: Float64Array.from(coarse),
    childShifts: Float64Array.from(child),
    coarseTables,
    childTables: childTables(),
    pose(sample) {
      const [parent, own] = [Math.floor(sample / children), sample % children];
      const count = translations.x.length;
      const [row, translation] = [Math.floor(parent / count), parent % count];
      const o = row % orientations;
      const rotation = Math.floor(own / shifts);
      const direction = Math.floor(o / psis) * directionChildren + Math.floor(rotation / psiChildren);
      const at = 2 * (translation * shifts + (own % shifts));
      return {
        ...turned({
          rot: childRot[direction],
          tilt: childTilt[direction],
          psi: childPsi(o % psis, rotation % psiChildren),
        }),
        x: child[at],
        y: child[at + 1],
        class: Math.floor(row / orientations),
      };
    },
  };
}
