import { type MagnificationMatrix, wavelength } from "./ctf.js";
import { type Matrix3, multiply } from "./euler.js";
import { type HalfTransform, halfColumns } from "./fft.js";
import { forEachPixel } from "./fourier.js";

/** Size and scale of the images whose aberrations are asked for. */
export interface AberrationGrid {
  /** Pixels of the full image and Angstrom a pixel. */
  readonly box: number;
  readonly pixelSize: number;
  /** Size of the (cropped) half transform; default `box`. */
  readonly size?: number;
}

/** Radial Zernike polynomial R(m, n), n >= 0, at a radius (Born & Wolf, Principles of Optics, 9.2). */
function radial(m: number, n: number, rho: number): number {
  let sum = 0;
  for (let k = 0; k <= (m - n) / 2; k++) {
    const sign = k % 2 === 0 ? 1 : -1;
    const below = factorial(k) * factorial((m + n) / 2 - k) * factorial((m - n) / 2 - k);
    sum += ((sign * factorial(m - k)) / below) * rho ** (m - 2 * k);
  }
  return sum;
}

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

/** Zernike polynomial of degree m and angular frequency n (negative: sine) at (x, y). */
function zernike(m: number, n: number, x: number, y: number): number {
  const phi = Math.atan2(y, x);
  return radial(m, Math.abs(n), Math.hypot(x, y)) * (n < 0 ? Math.sin(-n * phi) : Math.cos(n * phi));
}

/** Degree and frequency of each coefficient: degrees of one parity in order, frequencies from -m to m. */
function* orders(parity: 0 | 1): Generator<[number, number]> {
  for (let m: number = parity; ; m += 2) for (let n = -m; n <= m; n += 2) yield [m, n];
}

/** Sum of Zernike polynomials over a half transform in radians; coordinates are spatial frequencies in 1/Angstrom. */
function zernikeImage(
  parity: 0 | 1,
  coefficients: ArrayLike<number>,
  grid: AberrationGrid,
  magnification?: MagnificationMatrix,
): Float64Array {
  const { box, pixelSize, size = box } = grid;
  const terms = orders(parity);
  const used = Array.from(coefficients, (coefficient) => ({
    coefficient,
    order: terms.next().value as [number, number],
  })).filter(({ coefficient }) => coefficient !== 0);
  const out = new Float64Array(size * halfColumns(size));
  const step = 1 / (box * pixelSize);
  const [a, b, c, d] = magnification ?? [1, 0, 0, 1];
  forEachPixel(size, size, (x, y, index) => {
    const [fx, fy] = [step * (a * x + b * y), step * (c * x + d * y)];
    for (const { coefficient, order } of used) out[index] += coefficient * zernike(...order, fx, fy);
  });
  return out;
}

/**
 * Symmetric aberrations (`rlnEvenZernike`): radians to add to the phase of the CTF (Zivanov et al. 2020, IUCrJ 7:253). Checked against
 * `relion_project`.
 */
export const evenAberration = (
  coefficients: ArrayLike<number>,
  grid: AberrationGrid,
  magnification?: MagnificationMatrix,
): Float64Array => zernikeImage(0, coefficients, grid, magnification);

/** Antisymmetric aberrations (`rlnOddZernike`): the phase in radians that they add to an image. Checked against `relion_reconstruct`. */
export const oddAberration = (
  coefficients: ArrayLike<number>,
  grid: AberrationGrid,
  magnification?: MagnificationMatrix,
): Float64Array => zernikeImage(1, coefficients, grid, magnification);

/**
 * The phase in radians that a beam tilt (`rlnBeamTiltX`, `rlnBeamTiltY`, mrad) adds to an image: `-2 pi Cs lambda^2 k^2 (k . tilt)` (Glaeser et
 * al. 2011, J. Struct. Biol. 174:1). Checked against `relion_reconstruct`.
 */
export function beamTiltAberration(
  tilt: readonly [number, number],
  optics: { readonly voltage: number; readonly sphericalAberration: number },
  grid: AberrationGrid,
): Float64Array {
  const { box, pixelSize, size = box } = grid;
  const out = new Float64Array(size * halfColumns(size));
  const factor =
    (-2 * Math.PI * 1e-3 * optics.sphericalAberration * 1e7 * wavelength(optics.voltage) ** 2) /
    (box * pixelSize) ** 3;
  forEachPixel(size, size, (x, y, index) => {
    out[index] = factor * (x * x + y * y) * (x * tilt[0] + y * tilt[1]);
  });
  return out;
}

/** Multiply an image by `exp(-i phase)`, in place: removes an antisymmetric aberration. With `sign` 1 it adds one. */
export function applyPhase(image: HalfTransform, phase: Float64Array, sign: 1 | -1 = -1): HalfTransform {
  const { re, im } = image;
  for (let i = 0; i < re.length; i++) {
    const [c, s] = [Math.cos(phase[i]), sign * Math.sin(phase[i])];
    const value = re[i];
    re[i] = value * c - im[i] * s;
    im[i] = value * s + im[i] * c;
  }
  return image;
}

/**
 * The matrix with which to slice a map for an image taken at a magnification M: the pixel (x, y) samples the map, like the CTF, at M (x, y), so
 * the two upper rows are combined by the transpose of M.
 */
export const magnifiedOrientation = (matrix: Matrix3, [a, b, c, d]: MagnificationMatrix): Matrix3 =>
  multiply(Float64Array.of(a, c, 0, b, d, 0, 0, 0, 1), matrix);
