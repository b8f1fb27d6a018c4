import { halfColumns } from "../../geometry/fft.js";
import { frequency, isUnique, shellOf } from "../../geometry/fourier.js";
import { round } from "../../geometry/rounding.js";
import type { HalfLayout } from "../contract.js";
import type { MaximisationOperation, Operations } from "../operations.js";
import { centredLength, edgeSlack, pixelX, pixelY, sphereLimit } from "../tables.js";
import type { HostMemory } from "./memory.js";
import { forEachCorner, forEachElement, slicePoint } from "./projection.js";

/** Index of an element of a centred half array. */
const elementAt = (radius: number, x: number, y: number, z: number) =>
  ((z + radius) * (2 * radius + 1) + y + radius) * (radius + 1) + x;

/** Shell of an element on the padded grid. */
const paddedShell = (r2: number, { padding }: { padding: number }) => round(Math.sqrt(r2) / padding);

/** Visit the elements of a half transform or a centred array: index and shell. */
function forEachShell(layout: HalfLayout, visit: (index: number, shell: number) => void): void {
  if (layout.kind === "centred") {
    const base = layout.slot * centredLength(layout);
    forEachElement(layout, (index, _x, _y, _z, r2) => {
      if (r2 <= layout.limit) visit(base + index, paddedShell(r2, layout));
    });
    return;
  }
  const n = layout.shape[layout.shape.length - 1];
  const columns = halfColumns(n);
  const rows = layout.shape.length === 3 ? n * n : n;
  for (let row = 0, index = 0; row < rows; row++)
    for (let x = 0; x < columns; x++, index++)
      visit(index, shellOf(x, frequency(row % n, n), frequency(Math.floor(row / n), n)));
}

export const maximisationOperations: Operations<HostMemory, MaximisationOperation> = {
  backproject(
    memory,
    { numerator_vk, weight_vk, matrices, rows, orientation_v, count, pixels, accumulator, geometry },
  ) {
    const numerator = memory.real(numerator_vk);
    const weight = memory.real(weight_vk);
    const angles = memory.real(matrices);
    const orientation = memory.index(orientation_v);
    const sums = memory.real(accumulator);
    const xy = memory.index(pixels.xy_k);
    const limit = edgeSlack * sphereLimit(geometry);
    for (let v = 0; v < count; v++)
      for (let k = 0; k < pixels.count; k++) {
        const at = v * pixels.count + k;
        const [x, y] = [pixelX(xy[k]), pixelY(xy[k])];
        if (!(weight[at] > 0) || !isUnique(x, y)) continue;
        const point = slicePoint(angles, 9 * (orientation[v] % rows), x, y, geometry.padding);
        if (point[0] ** 2 + point[1] ** 2 + point[2] ** 2 > limit) continue;
        const sign = point[0] < 0 ? -1 : 1;
        const base = Math.floor(orientation[v] / rows) * centredLength(geometry);
        forEachCorner(geometry.radius, point, (corner, part) => {
          const element = base + corner;
          sums[3 * element] += part * numerator[2 * at];
          sums[3 * element + 1] += part * sign * numerator[2 * at + 1];
          sums[3 * element + 2] += part * weight[at];
        });
      }
  },

  finishAccumulator(memory, { accumulator, geometry, slot, data, weight }) {
    const sums = memory.real(accumulator).subarray(3 * slot * centredLength(geometry));
    const [toData, toWeight] = [memory.real(data), memory.real(weight)];
    forEachElement(geometry, (index, x, y, z, r2) => {
      const mate = x === 0 && r2 > 0 ? 3 * elementAt(geometry.radius, 0, -y, -z) : undefined;
      toData[2 * index] = sums[3 * index] + (mate === undefined ? 0 : sums[mate]);
      toData[2 * index + 1] = sums[3 * index + 1] - (mate === undefined ? 0 : sums[mate + 1]);
      toWeight[index] = sums[3 * index + 2] + (mate === undefined ? 0 : sums[mate + 2]);
    });
  },

  symmetrise(memory, { data, weight, geometry, operators, count, outData, outWeight }) {
    const [fromData, fromWeight] = [memory.real(data), memory.real(weight)];
    const [toData, toWeight] = [memory.real(outData), memory.real(outWeight)];
    const m = memory.real(operators);
    const limit = sphereLimit(geometry);
    const length = centredLength(geometry);
    toData.set(fromData.subarray(0, 2 * length));
    toWeight.set(fromWeight.subarray(0, length));
    forEachElement(geometry, (index, x, y, z, r2) => {
      if (r2 > limit) return;
      for (let operator = 0; operator < count; operator++) {
        const at = 9 * operator;
        const point = [0, 3, 6].map((row) => m[at + row] * x + m[at + row + 1] * y + m[at + row + 2] * z);
        let im = 0;
        const mirrored = forEachCorner(
          geometry.radius,
          point as [number, number, number],
          (element, part) => {
            toData[2 * index] += part * fromData[2 * element];
            im += part * fromData[2 * element + 1];
            toWeight[index] += part * fromWeight[element];
          },
        );
        toData[2 * index + 1] += mirrored ? -im : im;
      }
    });
  },

  shellStatistics(memory, { weight, geometry, shells, rounding, threshold_s, sums_s4 }) {
    const from = memory.real(weight);
    const threshold = memory.real(threshold_s);
    const sums = memory.real(sums_s4).fill(0, 0, 4 * shells);
    const limit = sphereLimit(geometry);
    forEachElement(geometry, (index, _x, _y, _z, r2) => {
      if (r2 >= limit) return;
      const shell =
        rounding === "round" ? paddedShell(r2, geometry) : Math.floor(Math.sqrt(r2) / geometry.padding);
      if (shell >= shells) return;
      sums[4 * shell] += from[index];
      sums[4 * shell + 1] += from[index] ** 2;
      if (from[index] >= threshold[shell]) sums[4 * shell + 2]++;
      sums[4 * shell + 3]++;
    });
  },

  shellProducts(memory, { a, b, layout, shells, sums_s4 }) {
    const [va, vb] = [memory.real(a), memory.real(b)];
    const sums = memory.real(sums_s4).fill(0, 0, 4 * shells);
    forEachShell(layout, (index, shell) => {
      if (shell >= shells) return;
      const [ar, ai, br, bi] = [va[2 * index], va[2 * index + 1], vb[2 * index], vb[2 * index + 1]];
      sums[4 * shell] += ar * br + ai * bi;
      sums[4 * shell + 1] += ar * ar + ai * ai;
      sums[4 * shell + 2] += br * br + bi * bi;
      sums[4 * shell + 3]++;
    });
  },

  joinHalves(memory, { data1, weight1, data2, weight2, geometry, limit }) {
    const pairs = [
      { one: memory.real(data1), two: memory.real(data2), width: 2 },
      { one: memory.real(weight1), two: memory.real(weight2), width: 1 },
    ];
    forEachElement(geometry, (index, _x, _y, _z, r2) => {
      if (r2 > limit) return;
      for (const { one, two, width } of pairs)
        for (let at = index * width; at < (index + 1) * width; at++)
          one[at] = two[at] = (one[at] + two[at]) / 2;
    });
  },

  downsample(memory, { data, weight, geometry, out, outRadius }) {
    const [fromData, fromWeight, to] = [memory.real(data), memory.real(weight), memory.real(out)];
    const length = centredLength({ radius: outRadius });
    const sums = new Float64Array(length);
    to.fill(0, 0, 2 * length);
    forEachElement(geometry, (index, x, y, z) => {
      const [sx, sy, sz] = [x, y, z].map((k) => round(k / geometry.padding));
      if (sx > outRadius || Math.abs(sy) > outRadius || Math.abs(sz) > outRadius) return;
      const target = elementAt(outRadius, sx, sy, sz);
      to[2 * target] += fromData[2 * index];
      to[2 * target + 1] += fromData[2 * index + 1];
      sums[target] += fromWeight[index];
    });
    for (let at = 0; at < length; at++) {
      to[2 * at] = sums[at] > 0 ? to[2 * at] / sums[at] : 0;
      to[2 * at + 1] = sums[at] > 0 ? to[2 * at + 1] / sums[at] : 0;
    }
  },

  addPrior(memory, { weight, geometry, prior_s, shells, minShell, norm }) {
    const data = memory.real(weight);
    const prior = memory.real(prior_s);
    const limit = sphereLimit(geometry);
    forEachElement(geometry, (index, _x, _y, _z, r2) => {
      const shell = paddedShell(r2, geometry);
      const own = r2 > limit ? 0 : data[index];
      let added = 0;
      if (r2 < limit && shell >= minShell && shell < shells) {
        added = prior[shell];
        if (added < 0) added = own > 1e-20 ? 1 / (0.001 * own) : 0;
      }
      data[index] = (own + added) / norm;
    });
  },

  griddingProduct(memory, { estimate, weight, geometry, grid }) {
    const { radius } = geometry;
    const side = 2 * radius + 1;
    const to = memory.real(grid);
    const [f, w] = [memory.real(estimate), memory.real(weight)];
    forEachElement(geometry, (index, x, y, z) => {
      const target = ((((z + side) % side) * side + ((y + side) % side)) * (radius + 1) + x) * 2;
      to[target] = f[index] * w[index];
      to[target + 1] = 0;
    });
  },

  griddingKernel(memory, { values, side, table, scale }) {
    const data = memory.real(values);
    const kernel = memory.real(table);
    const place = (k: number) => (k < Math.floor(side / 2) ? k : k - side);
    for (let z = 0, at = 0; z < side; z++)
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++, at++) {
          // Not hypot, whose last bit may put a whole radius into the entry before.
          const radius = Math.sqrt(place(x) ** 2 + place(y) ** 2 + place(z) ** 2);
          const entry = Math.trunc(radius * scale);
          data[at] *= entry < table.length ? kernel[entry] : 0;
        }
  },

  griddingUpdate(memory, { estimate, grid, geometry }) {
    const { radius } = geometry;
    const side = 2 * radius + 1;
    const data = memory.real(estimate);
    const from = memory.real(grid);
    const limit = sphereLimit(geometry);
    forEachElement(geometry, (index, x, y, z, r2) => {
      if (r2 >= limit) return;
      const source = ((((z + side) % side) * side + ((y + side) % side)) * (radius + 1) + x) * 2;
      data[index] /= Math.max(1e-6, Math.hypot(from[source], from[source + 1]));
    });
  },

  inverseWeight(memory, { weight, geometry, floor_s, shells, estimate }) {
    const from = memory.real(weight);
    const floors = memory.real(floor_s);
    const to = memory.real(estimate);
    const limit = sphereLimit(geometry);
    forEachElement(geometry, (index, _x, _y, _z, r2) => {
      const shell = Math.min(Math.floor(Math.sqrt(r2) / geometry.padding), shells - 1);
      const divisor = Math.max(r2 > limit ? 0 : from[index], floors[shell]);
      to[index] = r2 > limit ? 0 : divisor > 0 ? 1 / divisor : 1;
    });
  },
};
