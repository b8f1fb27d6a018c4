import { type EulerAngles, eulerToMatrix, type Matrix3, matrixToEuler, multiply } from "../geometry/euler.js";
import { childPixels, pixelDirection } from "../geometry/healpix.js";
import { angularStep, type OrientationGrid, oversampledOrientations } from "../geometry/sampling.js";
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
  /** Inverse orientations of listed coarse orientations, and of all their children: nine numbers each. */
  coarseMatrices(list: ArrayLike<number>): Float64Array;
  childMatrices(list: ArrayLike<number>): Float64Array;
  /** The pose of a fine sample. */
  pose(sample: number): Pose;
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
  /** Transposed Rz(psi) times a perturbed direction. */
  const put = (to: Float64Array, at: number, direction: Matrix3, psi: number) => {
    const [c, s] = [Math.cos(psi * radians), Math.sin(psi * radians)];
    for (let column = 0; column < 3; column++) {
      const [x, y] = [direction[column], direction[3 + column]];
      to[at + 3 * column] = c * x + s * y;
      to[at + 3 * column + 1] = c * y - s * x;
      to[at + 3 * column + 2] = direction[6 + column];
    }
  };
  const directionMatrix = (rot: number, tilt: number) => multiply(eulerToMatrix(rot, tilt, 0), perturbation);
  const parts = 2 ** oversampling;
  const coarse: number[] = [];
  const child: number[] = [];
  for (let t = 0; t < translations.x.length; t++) {
    for (const axis of [translations.x, translations.y])
      coarse.push((axis[t] + instance * translations.step) / pixelSize);
    for (const [x, y] of oversampledTranslations(translations, t, oversampling, instance))
      child.push(x / pixelSize, y / pixelSize);
  }
  const coarseDirections = new Map<number, Matrix3>();
  const childDirections = new Map<number, Matrix3[]>();
  const held = <T>(map: Map<number, T>, direction: number, make: () => T): T => {
    let found = map.get(direction);
    if (found === undefined) {
      found = make();
      map.set(direction, found);
    }
    return found;
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
    coarseMatrices(list) {
      const matrices = new Float64Array(9 * list.length);
      for (let at = 0; at < list.length; at++) {
        const direction = Math.floor(list[at] / psis);
        const matrix = held(coarseDirections, direction, () =>
          directionMatrix(grid.rot[direction], grid.tilt[direction]),
        );
        put(matrices, 9 * at, matrix, grid.psi[list[at] % psis]);
      }
      return matrices;
    },
    childMatrices(list) {
      if (oversampling === 0) return this.coarseMatrices(list);
      const matrices = new Float64Array(9 * rotations * list.length);
      let out = 0;
      for (let at = 0; at < list.length; at++) {
        const direction = Math.floor(list[at] / psis);
        const own = held(childDirections, direction, () =>
          childPixels(grid.pixel[direction], oversampling).map((pixel) => {
            const { rot, tilt } = pixelDirection(grid.order + oversampling, pixel);
            return directionMatrix(rot, tilt);
          }),
        );
        const psi = grid.psi[list[at] % psis];
        for (const matrix of own)
          for (let k = 0; k < parts; k++, out += 9)
            put(matrices, out, matrix, psi + grid.psiStep * ((0.5 + k) / parts - 0.5));
      }
      return matrices;
    },
    pose(sample) {
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
