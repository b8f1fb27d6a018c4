import type { Matrix3 } from "./euler.js";
import { type HalfTransform, halfColumns, halfTransform, realFft } from "./fft.js";
import { centreBySign, forEachPixel, frequency } from "./fourier.js";
import { round } from "./rounding.js";

/** A padded 3D transform from which central slices are interpolated, in RELION's layout and scale. */
export interface Projector {
  /** Voxels of the map along an axis. */
  readonly box: number;
  /** The padding in use: a whole even padded box divided by `box`. */
  readonly padding: number;
  /** Largest shell that slices have. */
  readonly maxShell: number;
  /** Half the extent of the stored cube: y and z run from -radius to radius, x from 0 to radius. */
  readonly radius: number;
  readonly re: Float64Array;
  readonly im: Float64Array;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/**
 * Prepare a map for slices: division by the interpolation's own transform (sinc^2, "gridding correction"), zero padding, transform, origin
 * at the centre voxel. Scaled so that a slice is the transform of a `box` x `box` image divided by its number of pixels. `currentSize`
 * limits the frequencies that are kept.
 */
export function makeProjector(
  volume: ArrayLike<number>,
  box: number,
  { padding = 2, currentSize = box } = {},
): Projector {
  if (volume.length !== box ** 3)
    throw new RangeError(`projector: ${volume.length} voxels are no cube of ${box}`);
  const wanted = round(padding * box);
  const padded = wanted + (wanted % 2);
  const exact = padded / box;
  const values = new Float64Array(padded ** 3);
  const centre = Math.floor(box / 2);
  const margin = padded / 2 - centre;
  for (let z = 0; z < box; z++) {
    for (let y = 0; y < box; y++) {
      for (let x = 0; x < box; x++) {
        const distance = Math.hypot(x - centre, y - centre, z - centre) / (box * exact);
        values[((z + margin) * padded + y + margin) * padded + x + margin] =
          volume[(z * box + y) * box + x] / sinc(distance) ** 2;
      }
    }
  }
  const transform = centreBySign(realFft(values, [padded, padded, padded]));
  const maxShell = Math.min(currentSize / 2, box / 2);
  const radius = round(exact * maxShell) + 1;
  const side = 2 * radius + 1;
  const re = new Float64Array(side * side * (radius + 1));
  const im = new Float64Array(re.length);
  const scale = exact ** 3 * box;
  const limit = round(exact * maxShell) ** 2;
  const columns = halfColumns(padded);
  for (let k = 0; k < padded; k++) {
    const z = frequency(k, padded);
    for (let i = 0; i < padded; i++) {
      const y = frequency(i, padded);
      for (let x = 0; x < columns; x++) {
        if (x * x + y * y + z * z > limit) continue;
        const target = ((z + radius) * side + y + radius) * (radius + 1) + x;
        const source = (k * padded + i) * columns + x;
        re[target] = transform.re[source] * scale;
        im[target] = transform.im[source] * scale;
      }
    }
  }
  return { box, padding: exact, maxShell, radius, re, im };
}

/**
 * The central slice at an orientation as the half transform of a `size` x `size` image, phase origin at the centre pixel, by trilinear
 * interpolation. Rows 0 and 1 of `matrix` are the image axes. Pixels beyond the largest shell are 0.
 */
export function projectSlice(
  projector: Projector,
  matrix: Matrix3,
  size: number,
  out: HalfTransform = halfTransform([size, size]),
): HalfTransform {
  const { padding, radius, re, im } = projector;
  const side = 2 * radius + 1;
  const columns = radius + 1;
  const limit = Math.min(projector.maxShell, size / 2) ** 2;
  forEachPixel(size, size, (x, y, index) => {
    out.re[index] = 0;
    out.im[index] = 0;
    if (x * x + y * y > limit) return;
    let px = padding * (matrix[0] * x + matrix[3] * y);
    let py = padding * (matrix[1] * x + matrix[4] * y);
    let pz = padding * (matrix[2] * x + matrix[5] * y);
    const conjugate = px < 0;
    if (conjugate) [px, py, pz] = [-px, -py, -pz];
    const [x0, y0, z0] = [Math.floor(px), Math.floor(py), Math.floor(pz)];
    const [fx, fy, fz] = [px - x0, py - y0, pz - z0];
    let sumR = 0;
    let sumI = 0;
    for (let corner = 0; corner < 8; corner++) {
      const [dx, dy, dz] = [corner & 1, (corner >> 1) & 1, corner >> 2];
      const weight = (dx ? fx : 1 - fx) * (dy ? fy : 1 - fy) * (dz ? fz : 1 - fz);
      if (weight === 0) continue;
      const at = ((z0 + dz + radius) * side + y0 + dy + radius) * columns + x0 + dx;
      sumR += weight * re[at];
      sumI += weight * im[at];
    }
    out.re[index] = sumR;
    out.im[index] = conjugate ? -sumI : sumI;
  });
  return out;
}
