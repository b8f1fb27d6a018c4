import { UserError } from "../errors.js";
import { inverseRealFft, realFft } from "../geometry/fft.js";
import { centreBySign, cropHalf } from "../geometry/fourier.js";
import { extent, type GaussianModel } from "./molecule.js";

/** Standard deviation of the blur that gives a resolution in Angstrom: 0.225 of it, the convention of ChimeraX's molmap. */
export const blurOfResolution = (resolution: number): number => 0.225 * resolution;

/** Gaussians are followed to this many standard deviations (1e-5 of their peak). */
const reach = 4.8;

/**
 * The density of a model on a cubic grid, centre voxel box / 2, values per voxel volume so that they sum to the model's weight. The blur of
 * `resolution` is added to every Gaussian. The grid is made finer than asked and cut in Fourier space, so that nothing is aliased.
 * Throws `UserError` where the box is too small.
 */
export function modelDensity(
  model: GaussianModel,
  box: number,
  pixelSize: number,
  resolution: number,
): Float32Array {
  const size = 2 * extent(model);
  if (size > box * pixelSize)
    throw new UserError(
      `the molecule is ${size.toFixed(0)} A across and the box ${(box * pixelSize).toFixed(0)} A (${box} pixels of ${pixelSize} A); take --box ${Math.ceil(size / pixelSize / 0.8 / 2) * 2} or more, or a larger --angpix`,
    );
  const finer = box <= 160 ? 2 : 1;
  const grid = box * finer;
  const step = pixelSize / finer;
  const blur = blurOfResolution(resolution);
  const values = new Float64Array(grid ** 3);
  for (let atom = 0; atom < model.x.length; atom++) {
    const sigma = Math.hypot(model.sigma[atom], blur);
    const half = Math.ceil((reach * sigma) / step);
    const [gx, gy, gz] = [model.x, model.y, model.z].map((c) =>
      axisProfile(c[atom] / step + grid / 2, sigma / step, half, grid),
    );
    for (let k = gz.first; k <= gz.last; k++) {
      const wz = model.weight[atom] * gz.values[k - gz.start];
      for (let j = gy.first; j <= gy.last; j++) {
        const wyz = wz * gy.values[j - gy.start];
        const row = (k * grid + j) * grid;
        for (let i = gx.first; i <= gx.last; i++) values[row + i] += wyz * gx.values[i - gx.start];
      }
    }
  }
  if (finer === 1) return Float32Array.from(values);
  const shape = [grid, grid, grid];
  const cropped = centreBySign(cropHalf(centreBySign(realFft(values, shape)), box));
  // A coefficient is divided by the number of voxels, of which there are finer^3 times fewer now.
  const scale = finer ** 3;
  return Float32Array.from(inverseRealFft(cropped), (value) => value * scale);
}

/** A Gaussian of unit sum-integral on a line of voxels: its part inside the grid. */
function axisProfile(centre: number, sigma: number, half: number, grid: number) {
  const start = Math.round(centre) - half;
  const values = Float64Array.from({ length: 2 * half + 1 }, (_, i) => {
    const distance = (start + i - centre) / sigma;
    return Math.exp(-0.5 * distance * distance) / (sigma * Math.sqrt(2 * Math.PI));
  });
  return { start, values, first: Math.max(0, start), last: Math.min(grid - 1, start + 2 * half) };
}
