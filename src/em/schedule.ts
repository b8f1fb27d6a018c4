import { round } from "../geometry/rounding.js";
import type { Model } from "./model.js";

export interface SizeOptions {
  /** Angstrom. */
  readonly particleDiameter: number;
  readonly incrementSize: number;
  readonly oversampling: number;
  /** `--coarse_size`, pixels; undefined for none. */
  readonly maxCoarseSize?: number;
  /** `--strict_highres_exp`, Angstrom; undefined for none. */
  readonly strictHighRes?: number;
  /** The last iteration of an automated refinement uses all data. */
  readonly last: boolean;
  /** Half sets agree up to the current size: look further ahead. */
  readonly highFsc: boolean;
  /** Coarse angular step, degrees. */
  readonly angularStep: number;
}

/** Image sizes of an iteration: of the coarse pass, of the fine pass' probabilities, and of the sums. */
export interface ImageSizes {
  readonly coarse: number;
  readonly fine: number;
  readonly current: number;
}

/** Shells that every iteration uses at least. */
const leastShell = 5;

/** Image sizes from the resolution that the model has. */
export function imageSizes(model: Model, options: SizeOptions): ImageSizes {
  const { box, pixelSize } = model;
  const ahead = options.highFsc ? round(0.125 * box) : options.incrementSize;
  const shell = round(box * pixelSize * model.currentResolution) + ahead;
  const current = Math.min(2 * shell, box);
  const rotated = (options.angularStep / 360) * Math.PI * options.particleDiameter;
  const wanted = 2 * Math.ceil((pixelSize * box) / (rotated / 1.2));
  const most = options.maxCoarseSize ?? box;
  let coarse = options.oversampling === 0 ? current : Math.min(current, most, wanted);
  let fine = current;
  if (options.last) return { coarse: Math.min(box, most, wanted), fine: box, current: box };
  if (options.strictHighRes !== undefined)
    coarse = fine = Math.min(current, 2 * round((box * pixelSize) / options.strictHighRes));
  return { coarse, fine, current };
}

/** Gaps that a later shell with signal may bridge where half sets tell signal from noise. */
const longestGap = 3;

/** The resolution that the classes reach together (1 / Angstrom): the last shell before signal falls under noise in the best class. */
export function modelResolution(model: Model, halves = false): number {
  const { box, pixelSize } = model;
  let best = leastShell;
  for (const { radial } of model.classes) {
    const ssnr = radial.dataVsPrior;
    let shell = 1;
    while (shell < box / 2 && ssnr[shell] >= 1) shell++;
    shell -= 1;
    if (halves) {
      const last = ssnr.findLastIndex((value) => value > 1);
      if (last > shell + longestGap) shell = last;
    }
    best = Math.max(best, shell);
  }
  return best / (box * pixelSize);
}

/** The resolution of the initial low-pass filter as a whole shell (1 / Angstrom). */
export const initialResolution = (box: number, pixelSize: number, iniHigh: number): number =>
  round((box * pixelSize) / iniHigh) / (box * pixelSize);
