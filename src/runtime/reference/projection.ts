import { halfColumns } from "../../geometry/fft.js";
import type { CentredGeometry } from "../contract.js";
import type { Operations, ProjectionOperation } from "../operations.js";
import { centredLength, pixelX, pixelY, sphereLimit } from "../tables.js";
import type { HostMemory } from "./memory.js";

export const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Corners and trilinear weights around a point of a centred half array, after moving it to x >= 0. */
export function forEachCorner(
  radius: number,
  point: readonly [number, number, number],
  visit: (index: number, weight: number) => void,
): boolean {
  const mirrored = point[0] < 0;
  const [px, py, pz] = mirrored ? [-point[0], -point[1], -point[2]] : point;
  const [x0, y0, z0] = [Math.floor(px), Math.floor(py), Math.floor(pz)];
  const [fx, fy, fz] = [px - x0, py - y0, pz - z0];
  const side = 2 * radius + 1;
  for (let corner = 0; corner < 8; corner++) {
    const [dx, dy, dz] = [corner & 1, (corner >> 1) & 1, corner >> 2];
    const weight = (dx ? fx : 1 - fx) * (dy ? fy : 1 - fy) * (dz ? fz : 1 - fz);
    if (weight === 0) continue;
    visit(((z0 + dz + radius) * side + y0 + dy + radius) * (radius + 1) + x0 + dx, weight);
  }
  return mirrored;
}

/** The point of a pixel at an inverse orientation (row-major 3 x 3 from `at`), in elements of the padded array. */
export function slicePoint(
  matrices: Float64Array,
  at: number,
  x: number,
  y: number,
  padding: number,
): [number, number, number] {
  return [
    padding * (matrices[at] * x + matrices[at + 1] * y),
    padding * (matrices[at + 3] * x + matrices[at + 4] * y),
    padding * (matrices[at + 6] * x + matrices[at + 7] * y),
  ];
}

/** The slice value at a pixel: complex, 0 beyond the largest shell of the projector or of the image. */
export function sliceValue(
  data: Float64Array,
  geometry: CentredGeometry,
  size: number,
  matrices: Float64Array,
  at: number,
  x: number,
  y: number,
  base = 0,
): [number, number] {
  if (x * x + y * y > Math.min(geometry.maxShell, size / 2) ** 2) return [0, 0];
  let re = 0;
  let im = 0;
  const mirrored = forEachCorner(
    geometry.radius,
    slicePoint(matrices, at, x, y, geometry.padding),
    (index, weight) => {
      re += weight * data[2 * (base + index)];
      im += weight * data[2 * (base + index) + 1];
    },
  );
  return [re, mirrored ? -im : im];
}

/** Visit the elements of a centred half array: frequencies, index and squared distance. */
export function forEachElement(
  { radius }: { radius: number },
  visit: (index: number, x: number, y: number, z: number, r2: number) => void,
): void {
  let index = 0;
  for (let z = -radius; z <= radius; z++)
    for (let y = -radius; y <= radius; y++)
      for (let x = 0; x <= radius; x++) visit(index++, x, y, z, x * x + y * y + z * z);
}

export const projectionOperations: Operations<HostMemory, ProjectionOperation> = {
  listOrientations(memory, { list, directions, directionChildren, psis, psiChildren, matrices }) {
    const out = memory.real(matrices);
    const [direction, psi] = [memory.real(directions), memory.real(psis)];
    const start = memory.index(list.start_i);
    const [firstDirection, firstPsi] = [memory.index(list.directionStart_i), memory.index(list.psiStart_i)];
    let at = 0;
    for (let i = 0; i < list.particles; i++) {
      const angles = firstPsi[i + 1] - firstPsi[i];
      for (let n = 0; n < start[i + 1] - start[i]; n++)
        for (let d = 0; d < directionChildren; d++)
          for (let a = 0; a < psiChildren; a++, at += 9) {
            const from =
              9 *
              (memory.index(list.direction_d)[firstDirection[i] + Math.floor(n / angles)] *
                directionChildren +
                d);
            const angle = 2 * (memory.index(list.psi_a)[firstPsi[i] + (n % angles)] * psiChildren + a);
            const [cosine, sine] = [psi[angle], psi[angle + 1]];
            for (let column = 0; column < 3; column++) {
              const [x, y] = [direction[from + column], direction[from + 3 + column]];
              out[at + 3 * column] = cosine * x + sine * y;
              out[at + 3 * column + 1] = cosine * y - sine * x;
              out[at + 3 * column + 2] = direction[from + 6 + column];
            }
          }
    }
  },

  padMap(memory, { map, box, padded, paddedBox, correct }) {
    const from = memory.real(map);
    const to = memory.real(padded);
    to.fill(0, 0, paddedBox ** 3);
    const centre = Math.floor(box / 2);
    const margin = paddedBox / 2 - centre;
    for (let z = 0; z < box; z++)
      for (let y = 0; y < box; y++)
        for (let x = 0; x < box; x++) {
          const distance = Math.hypot(x - centre, y - centre, z - centre);
          const divisor = correct ? sinc(distance / paddedBox) ** 2 : 1;
          to[((z + margin) * paddedBox + y + margin) * paddedBox + x + margin] =
            from[(z * box + y) * box + x] / divisor;
        }
  },

  makeProjector(memory, { spectrum, paddedBox, scale, projector, slot, least = 0 }) {
    const from = memory.real(spectrum);
    const to = memory.real(projector.data).subarray(2 * slot * centredLength(projector));
    const limit = sphereLimit(projector);
    const columns = halfColumns(paddedBox);
    const row = (k: number) => (k < 0 ? k + paddedBox : k);
    forEachElement(projector, (index, x, y, z, r2) => {
      const inside = r2 >= least && r2 <= limit && x < columns;
      const source = inside ? 2 * ((row(z) * paddedBox + row(y)) * columns + x) : 0;
      const factor = inside ? ((x + y + z) % 2 === 0 ? scale : -scale) : 0;
      to[2 * index] = inside ? factor * from[source] : 0;
      to[2 * index + 1] = inside ? factor * from[source + 1] : 0;
    });
  },

  projectSlices(memory, { projector, first, matrices, rows, count, pixels, slices_ok }) {
    const data = memory.real(projector.data);
    const angles = memory.real(matrices);
    const xy = memory.index(pixels.xy_k);
    const to = memory.real(slices_ok);
    for (let o = 0; o < count; o++)
      for (let k = 0; k < pixels.count; k++) {
        const [re, im] = sliceValue(
          data,
          projector,
          pixels.size,
          angles,
          9 * ((first + o) % rows),
          pixelX(xy[k]),
          pixelY(xy[k]),
          Math.floor((first + o) / rows) * centredLength(projector),
        );
        to[2 * (o * pixels.count + k)] = re;
        to[2 * (o * pixels.count + k) + 1] = im;
      }
  },

  cropMap(memory, { padded, paddedBox, map, box, scale }) {
    const from = memory.real(padded);
    const to = memory.real(map);
    const margin = paddedBox / 2 - Math.floor(box / 2);
    for (let z = 0, at = 0; z < box; z++)
      for (let y = 0; y < box; y++)
        for (let x = 0; x < box; x++, at++)
          to[at] = scale * from[((z + margin) * paddedBox + y + margin) * paddedBox + x + margin];
  },

  correctGridding(memory, { map, box, paddedBox }) {
    const data = memory.real(map);
    const centre = Math.floor(box / 2);
    for (let z = 0, at = 0; z < box; z++)
      for (let y = 0; y < box; y++)
        for (let x = 0; x < box; x++, at++)
          data[at] /= sinc(Math.hypot(x - centre, y - centre, z - centre) / paddedBox) ** 2;
  },

  insertData(memory, { data, estimate, geometry, spectrum, paddedBox }) {
    const from = memory.real(data);
    const factor = memory.real(estimate);
    const to = memory.real(spectrum);
    const columns = halfColumns(paddedBox);
    const half = paddedBox / 2;
    const limit = geometry.radius ** 2;
    to.fill(0, 0, 2 * paddedBox * paddedBox * columns);
    const row = (k: number) => (k < 0 ? k + paddedBox : k);
    forEachElement(geometry, (index, x, y, z, r2) => {
      const outside = (k: number) => k > half || k <= -half;
      if (r2 > limit || x >= columns || outside(y) || outside(z)) return;
      const target = 2 * ((row(z) * paddedBox + row(y)) * columns + x);
      const sign = (x + y + z) % 2 === 0 ? 1 : -1;
      to[target] = sign * factor[index] * from[2 * index];
      to[target + 1] = sign * factor[index] * from[2 * index + 1];
    });
  },
};
