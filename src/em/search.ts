import { type EulerAngles, eulerToMatrix, matrixToEuler, multiply } from "../geometry/euler.js";
import { childPixels, pixelDirection } from "../geometry/healpix.js";
import { angularStep, type OrientationGrid, oversampledOrientation } from "../geometry/sampling.js";
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
  const childTables = (): OrientationTables => {
    if (oversampling === 0) return coarseTables;
    const directionChildren = 4 ** oversampling;
    const directions = new Float64Array(9 * directionChildren * grid.rot.length);
    let at = 0;
    for (const parent of grid.pixel)
      for (const pixel of childPixels(parent, oversampling)) {
        const { rot, tilt } = pixelDirection(grid.order + oversampling, pixel);
        putDirection(directions, at, rot, tilt);
        at += 9;
      }
    const psiChildren = 2 ** oversampling;
    const own = Array.from({ length: psiChildren }, (_, k) => grid.psiStep * ((0.5 + k) / psiChildren - 0.5));
    const psis = turns([...grid.psi].flatMap((psi) => own.map((child) => psi + child)));
    return { directions, directionChildren, psis, psiChildren };
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
      const at = 2 * (translation * shifts + (own % shifts));
      return {
        ...turned(oversampledOrientation(grid, Math.floor(o / psis), o % psis, oversampling, rotation)),
        x: child[at],
        y: child[at + 1],
        class: Math.floor(row / orientations),
      };
    },
  };
}
