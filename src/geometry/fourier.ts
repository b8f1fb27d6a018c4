import { type HalfTransform, halfColumns, halfTransform } from "./fft.js";
import { round } from "./rounding.js";

/** Frequency of index `i` of an axis in FFT order: `n / 2` itself is positive, as in RELION. */
export const frequency = (i: number, n: number): number => (i <= n / 2 ? i : i - n);

/** Call `visit` for each pixel of the half transform of a `height` x `width` image: frequencies and index. */
export function forEachPixel(
  height: number,
  width: number,
  visit: (x: number, y: number, index: number) => void,
): void {
  const columns = halfColumns(width);
  for (let i = 0; i < height; i++) {
    const y = frequency(i, height);
    for (let x = 0; x < columns; x++) visit(x, y, i * columns + x);
  }
}

/** Whether a pixel is the only one of its Friedel pair that is counted in sums over a half transform: all but x = 0, y < 0. */
export const isUnique = (x: number, y: number): boolean => x > 0 || y >= 0;

/** Resolution shell of a pixel. Shell s is at `s / (box * pixelSize)` per Angstrom. */
export const shellOf = (x: number, y: number, z = 0): number => round(Math.sqrt(x * x + y * y + z * z));

/** Pixels in each shell 0 .. box / 2 of the half transform of a square image, Friedel mates on x = 0 counted once. */
export function shellCounts(box: number): Float64Array {
  const counts = new Float64Array(Math.floor(box / 2) + 1);
  forEachPixel(box, box, (x, y) => {
    const shell = shellOf(x, y);
    if (shell < counts.length && isUnique(x, y)) counts[shell]++;
  });
  return counts;
}

/** Shell of a resolution in Angstrom. */
export const shellOfResolution = (resolution: number, box: number, pixelSize: number): number =>
  round((box * pixelSize) / resolution);

/** Copy elements whose frequencies are in both transforms; `wanted` decides by frequency (x, y, z). */
function copyWindow(
  from: HalfTransform,
  to: HalfTransform,
  wanted: (x: number, y: number, z: number) => boolean,
): HalfTransform {
  const [depth, height, width] = to.shape.length === 3 ? to.shape : [1, ...to.shape];
  const [fromDepth, fromHeight, fromWidth] = from.shape.length === 3 ? from.shape : [1, ...from.shape];
  const columns = halfColumns(width);
  const fromColumns = halfColumns(fromWidth);
  // Of the two Nyquist frequencies of an even length only the positive one is stored.
  const outside = (k: number, n: number) => k > n / 2 || k <= -n / 2;
  const place = (k: number, n: number) => (k < 0 ? k + n : k);
  for (let k = 0; k < depth; k++) {
    const z = frequency(k, depth);
    for (let i = 0; i < height; i++) {
      const y = frequency(i, height);
      for (let x = 0; x < columns; x++) {
        if (
          x >= fromColumns ||
          outside(y, fromHeight) ||
          (depth > 1 && outside(z, fromDepth)) ||
          !wanted(x, y, z)
        )
          continue;
        const source = (place(z, fromDepth) * fromHeight + place(y, fromHeight)) * fromColumns + x;
        const target = (k * height + i) * columns + x;
        to.re[target] = from.re[source];
        to.im[target] = from.im[source];
      }
    }
  }
  return to;
}

/** The low frequencies of a half transform, as that of a `size` square or cube (RELION's Fourier window). */
export function cropHalf(transform: HalfTransform, size: number): HalfTransform {
  return copyWindow(transform, halfTransform(transform.shape.map(() => size)), () => true);
}

/** A half transform put into that of a larger square or cube: elements inside the inscribed circle or sphere, 0 around them. */
export function growHalf(transform: HalfTransform, size: number): HalfTransform {
  const radius = transform.shape[0] / 2;
  return copyWindow(
    transform,
    halfTransform(transform.shape.map(() => size)),
    (x, y, z) => x * x + y * y + z * z <= radius * radius,
  );
}

/** Move the phase origin between element 0 and the centre element n / 2 by the signs (-1)^(x + y + z), in place; even lengths only. */
export function centreBySign(transform: HalfTransform): HalfTransform {
  const { shape, re, im } = transform;
  if (shape.some((n) => n % 2 !== 0))
    throw new RangeError(`centring by sign needs even lengths, not ${shape.join(" x ")}`);
  const columns = halfColumns(shape[shape.length - 1]);
  const height = shape[shape.length - 2];
  for (let index = 0; index < re.length; index++) {
    const row = Math.floor(index / columns);
    const parity = (index % columns) + (row % height) + Math.floor(row / height);
    if (parity % 2 === 0) continue;
    re[index] = -re[index];
    im[index] = -im[index];
  }
  return transform;
}

/** Move the content of an image by (dx, dy) pixels, in place: phases `exp(-2 pi i (x dx + y dy) / box)`, `box` the full image. */
export function shiftImage(transform: HalfTransform, dx: number, dy: number, box: number): HalfTransform {
  const { re, im } = transform;
  const [height, width] = transform.shape;
  forEachPixel(height, width, (x, y, index) => {
    const angle = (-2 * Math.PI * (x * dx + y * dy)) / box;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const value = re[index];
    re[index] = value * c - im[index] * s;
    im[index] = value * s + im[index] * c;
  });
  return transform;
}

/**
 * Low-pass filter in place: raised cosine of `edge` shells around the shell of `resolution` (Angstrom), as `relion_image_handler --lowpass`
 * applies it. For cubes and squares.
 */
export function lowPass(
  transform: HalfTransform,
  resolution: number,
  pixelSize: number,
  edge = 2,
): HalfTransform {
  const { shape, re, im } = transform;
  const n = shape[0];
  const columns = halfColumns(shape[shape.length - 1]);
  const shell = shellOfResolution(resolution, n, pixelSize);
  const low = Math.max(0, shell - edge / 2);
  const high = shell + edge / 2;
  for (let index = 0; index < re.length; index++) {
    const row = Math.floor(index / columns);
    const x = index % columns;
    const y = frequency(row % n, n);
    const z = shape.length === 3 ? frequency(Math.floor(row / n), n) : 0;
    const radius = Math.sqrt(x * x + y * y + z * z);
    if (radius < low) continue;
    const factor = radius > high ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * (radius - low)) / (high - low));
    re[index] *= factor;
    im[index] *= factor;
  }
  return transform;
}

/**
 * Fourier shell correlation of two half transforms of equal squares or cubes, shells 0 to n / 2 (Harauz & van Heel 1986, Optik 73:146);
 * 1 at shell 0, whose one element (the sums of the maps) has a sign only; 0 where a shell of either is empty. Agrees with
 * `relion_image_handler --fsc`.
 */
export function fourierShellCorrelation(a: HalfTransform, b: HalfTransform): Float64Array {
  const n = a.shape[0];
  const columns = halfColumns(a.shape[a.shape.length - 1]);
  const shells = Math.floor(n / 2) + 1;
  const [cross, powerA, powerB] = [
    new Float64Array(shells),
    new Float64Array(shells),
    new Float64Array(shells),
  ];
  for (let index = 0; index < a.re.length; index++) {
    const row = Math.floor(index / columns);
    const z = a.shape.length === 3 ? frequency(Math.floor(row / n), n) : 0;
    const shell = shellOf(index % columns, frequency(row % n, n), z);
    if (shell >= shells) continue;
    cross[shell] += a.re[index] * b.re[index] + a.im[index] * b.im[index];
    powerA[shell] += a.re[index] ** 2 + a.im[index] ** 2;
    powerB[shell] += b.re[index] ** 2 + b.im[index] ** 2;
  }
  const correlation = cross.map((sum, shell) =>
    powerA[shell] > 0 && powerB[shell] > 0 ? sum / Math.sqrt(powerA[shell] * powerB[shell]) : 0,
  );
  correlation[0] = 1;
  return correlation;
}
