import { type EulerAngles, eulerToMatrix, transpose } from "../geometry/euler.js";
import { type OrientationGrid, oversampledOrientations, perturbed } from "../geometry/sampling.js";
import { oversampledTranslations, type TranslationGrid } from "../geometry/translations.js";

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
  /** Inverse orientations, nine numbers each. */
  readonly coarseMatrices: Float64Array;
  readonly childMatrices: Float64Array;
  /** Translations in pixels, pairs. */
  readonly coarseShifts: Float64Array;
  readonly childShifts: Float64Array;
  /** The pose of a fine sample; x and y in pixels. */
  pose(sample: number): EulerAngles & { readonly x: number; readonly y: number; readonly class: number };
}

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
  const turned = (angles: EulerAngles) => perturbed(angles, instance, grid.order);
  const coarseMatrices = new Float64Array(9 * orientations);
  const childMatrices = new Float64Array(9 * orientations * rotations);
  const put = (to: Float64Array, row: number, angles: EulerAngles) => {
    const { rot, tilt, psi } = turned(angles);
    to.set(transpose(eulerToMatrix(rot, tilt, psi)), 9 * row);
  };
  for (let o = 0; o < orientations; o++) {
    const [direction, psi] = [Math.floor(o / psis), o % psis];
    put(coarseMatrices, o, { rot: grid.rot[direction], tilt: grid.tilt[direction], psi: grid.psi[psi] });
    for (const [r, angles] of oversampledOrientations(grid, direction, psi, oversampling).entries())
      put(childMatrices, o * rotations + r, angles);
  }
  const coarse: number[] = [];
  const child: number[] = [];
  for (let t = 0; t < translations.x.length; t++) {
    for (const axis of [translations.x, translations.y])
      coarse.push((axis[t] + instance * translations.step) / pixelSize);
    for (const [x, y] of oversampledTranslations(translations, t, oversampling, instance))
      child.push(x / pixelSize, y / pixelSize);
  }
  return {
    grid,
    translations,
    oversampling,
    orientations,
    rotations,
    shifts,
    children: rotations * shifts,
    coarseMatrices,
    childMatrices,
    coarseShifts: Float64Array.from(coarse),
    childShifts: Float64Array.from(child),
    pose(sample) {
      const children = rotations * shifts;
      const [parent, own] = [Math.floor(sample / children), sample % children];
      const count = translations.x.length;
      const [row, translation] = [Math.floor(parent / count), parent % count];
      const o = row % orientations;
      const angles = oversampledOrientations(grid, Math.floor(o / psis), o % psis, oversampling);
      const at = 2 * (translation * shifts + (own % shifts));
      return {
        ...turned(angles[Math.floor(own / shifts)]),
        x: child[at],
        y: child[at + 1],
        class: Math.floor(row / orientations),
      };
    },
  };
}
