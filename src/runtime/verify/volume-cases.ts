import type { CentredGeometry } from "../contract.js";
import { kaiserBesselTable } from "../reconstruct.js";
import {
  centredGeometry,
  centredLength,
  centredPlanes,
  makePixels,
  paddedBoxOf,
  shellScratch,
  sphereLimit,
} from "../tables.js";
import type { Case, Outputs, Random } from "./harness.js";

const halfCube = (n: number) => n * n * (Math.floor(n / 2) + 1);

/** Maps and their padded transforms. */
function paddingCases(random: Random, box: number, padding: number, currentSize: number): Case[] {
  const paddedBox = paddedBoxOf(box, padding);
  const geometry = centredGeometry(box, paddedBox, currentSize);
  const variant = `box ${box} in ${paddedBox}, size ${currentSize}`;
  const map = random.normals(box ** 3);
  const padded = random.normals(paddedBox ** 3);
  const spectrum = random.normals(2 * halfCube(paddedBox));
  const data = random.normals(2 * centredLength(geometry));
  const estimate = random.uniforms(centredLength(geometry), 0.5, 2);
  const twice = random.normals(4 * centredLength(geometry));
  const count = 7;
  const rotations = random.rotations(count);
  return [
    {
      operation: "padMap",
      variant,
      async run(bench) {
        const out = await bench.out("real", "padded", paddedBox ** 3);
        await bench.runtime.padMap({
          map: bench.put("real", "map", map),
          box,
          padded: out,
          paddedBox,
          correct: true,
        });
        return { padded: await bench.get(out) };
      },
    },
    {
      operation: "cropMap",
      variant,
      async run(bench) {
        const out = await bench.out("real", "map", box ** 3);
        await bench.runtime.cropMap({
          padded: bench.put("real", "padded", padded),
          paddedBox,
          map: out,
          box,
          scale: 0.3,
        });
        return { map: await bench.get(out) };
      },
    },
    {
      operation: "correctGridding",
      variant,
      async run(bench) {
        const out = bench.put("real", "map", map);
        await bench.runtime.correctGridding({ map: out, box, paddedBox });
        return { map: await bench.get(out) };
      },
    },
    ...[0, 5].map(
      (least): Case => ({
        operation: "makeProjector",
        variant: `${least > 0 ? "without the middle, " : ""}${variant}`,
        async run(bench) {
          const out = await bench.zeros("complex", "projector", 3 * centredLength(geometry));
          await bench.runtime.makeProjector({
            slot: 1,
            spectrum: bench.put("complex", "spectrum", spectrum),
            paddedBox,
            scale: 1.7,
            projector: { ...geometry, classes: 3, data: out },
            least,
          });
          return { projector: await bench.get(out) };
        },
      }),
    ),
    {
      operation: "insertData",
      variant,
      async run(bench) {
        const out = await bench.out("complex", "spectrum", halfCube(paddedBox));
        await bench.runtime.insertData({
          data: bench.put("complex", "data", data),
          estimate: bench.put("real", "estimate", estimate),
          geometry,
          spectrum: out,
          paddedBox,
        });
        return { spectrum: await bench.get(out) };
      },
    },
    {
      operation: "projectSlices",
      variant,
      async run(bench) {
        const pixels = makePixels(bench.runtime, currentSize, "all");
        const out = await bench.out("complex", "slices", count * pixels.count);
        await bench.runtime.projectSlices({
          projector: { ...geometry, classes: 2, data: bench.put("complex", "projector", twice) },
          first: 1,
          rows: 4,
          matrices: bench.put("real", "matrices", rotations),
          count,
          pixels,
          slices_ok: out,
        });
        return { slices: await bench.get(out) };
      },
    },
  ];
}

function backprojectionCases(random: Random, box: number, padding: number, currentSize: number): Case[] {
  const geometry = centredGeometry(box, paddedBoxOf(box, padding), currentSize);
  const length = centredLength(geometry);
  const count = 9;
  const views = 21;
  const rotations = random.rotations(count);
  const orientation = Uint32Array.from({ length: views }, () => random.integer(0, 2 * count - 1));
  const size = currentSize;
  const most = size * (size / 2 + 1);
  const numerators = random.normals(2 * views * most, 3);
  const weights = random.uniforms(views * most, -0.05, 1);
  const variant = `${views} views, box ${box}, padding ${padding}, size ${currentSize}`;
  return [
    {
      operation: "backproject",
      variant,
      async run(bench) {
        const { runtime } = bench;
        const pixels = makePixels(runtime, size, "shells");
        const accumulator = await bench.out("accumulator", "accumulator", 2 * length);
        const status = await bench.zeros("index", "status", 1);
        const matrices = bench.put("real", "matrices", rotations);
        // Two parts, as an iteration adds them.
        for (const [first, end] of [
          [0, 13],
          [13, views],
        ])
          await runtime.backproject({
            numerator_vk: bench.put(
              "complex",
              "numerators",
              numerators.slice(2 * first * pixels.count, 2 * end * pixels.count),
            ),
            weight_vk: bench.put("real", "weights", weights.slice(first * pixels.count, end * pixels.count)),
            matrices,
            rows: count,
            orientation_v: bench.put("index", "orientations", orientation.slice(first, end)),
            count: end - first,
            pixels,
            accumulator,
            geometry,
            unit: 2 ** -30,
            status,
          });
        const outputs: Record<string, Outputs[string]> = { status: await bench.get(status) };
        for (const slot of [0, 1]) {
          const data = await bench.out("complex", "data", length);
          const weight = await bench.out("real", "weight", length);
          await runtime.finishAccumulator({ accumulator, geometry, slot, unit: 2 ** -30, data, weight });
          outputs[`data ${slot}`] = await bench.get(data);
          outputs[`weight ${slot}`] = await bench.get(weight);
        }
        return outputs;
      },
    },
  ];
}

/** Operations on accumulated arrays. */
function accumulatedCases(random: Random, geometry: CentredGeometry, name: string): Case[] {
  const length = centredLength(geometry);
  const { radius } = geometry;
  const side = 2 * radius + 1;
  const shells = Math.floor(geometry.maxShell) + 1;
  const variant = `${name}, radius ${radius}`;
  const data = random.normals(2 * length);
  const other = random.normals(2 * length);
  const weight = random.uniforms(length, 0, 4);
  const otherWeight = random.uniforms(length, 0, 4);
  const operators = random.rotations(3);
  const perShell = random.uniforms(shells, 0.2, 3);
  const prior = random.uniforms(shells, 0.2, 3);
  prior[shells >> 1] = -1;
  const grid = random.normals(2 * side * side * (radius + 1));
  const cube = random.normals(side ** 3);
  const table = kaiserBesselTable(geometry.padding);
  const outRadius = Math.floor(geometry.maxShell) + 1;
  const cases: Case[] = [
    {
      operation: "symmetrise",
      variant,
      async run(bench) {
        const outData = await bench.out("complex", "out data", length);
        const outWeight = await bench.out("real", "out weight", length);
        await bench.runtime.symmetrise({
          data: bench.put("complex", "data", data),
          weight: bench.put("real", "weight", weight),
          geometry,
          operators: bench.put("real", "operators", operators),
          count: 3,
          outData,
          outWeight,
        });
        return { data: await bench.get(outData), weight: await bench.get(outWeight) };
      },
    },
    {
      operation: "joinHalves",
      variant,
      async run(bench) {
        const buffers = {
          data1: bench.put("complex", "data 1", data),
          weight1: bench.put("real", "weight 1", weight),
          data2: bench.put("complex", "data 2", other),
          weight2: bench.put("real", "weight 2", otherWeight),
        };
        await bench.runtime.joinHalves({ ...buffers, geometry, limit: Math.floor((radius / 2) ** 2) });
        return {
          data1: await bench.get(buffers.data1),
          weight1: await bench.get(buffers.weight1),
          data2: await bench.get(buffers.data2),
          weight2: await bench.get(buffers.weight2),
        };
      },
    },
    {
      operation: "downsample",
      variant,
      async run(bench) {
        const out = await bench.out("complex", "out", centredLength({ radius: outRadius }));
        await bench.runtime.downsample({
          data: bench.put("complex", "data", data),
          weight: bench.put("real", "weight", weight),
          geometry,
          out,
          outRadius,
        });
        return { out: await bench.get(out) };
      },
    },
    {
      operation: "addPrior",
      variant,
      async run(bench) {
        const out = bench.put("real", "weight", weight);
        const prior_s = bench.put("real", "prior", prior);
        await bench.runtime.addPrior({ weight: out, geometry, prior_s, shells, minShell: 2, norm: 1.3 });
        return { weight: await bench.get(out) };
      },
    },
    {
      operation: "griddingProduct",
      variant,
      async run(bench) {
        const out = await bench.out("complex", "grid", grid.length / 2);
        const estimate = bench.put("real", "estimate", otherWeight);
        await bench.runtime.griddingProduct({
          estimate,
          weight: bench.put("real", "weight", weight),
          geometry,
          grid: out,
        });
        return { grid: await bench.get(out) };
      },
    },
    {
      operation: "griddingKernel",
      variant,
      async run(bench) {
        const values = bench.put("real", "values", cube);
        const scale = table.length / (0.9 * side);
        await bench.runtime.griddingKernel({ values, side, table: bench.put("real", "table", table), scale });
        return { values: await bench.get(values) };
      },
    },
    {
      operation: "griddingUpdate",
      variant,
      async run(bench) {
        const estimate = bench.put("real", "estimate", weight);
        await bench.runtime.griddingUpdate({ estimate, grid: bench.put("complex", "grid", grid), geometry });
        return { estimate: await bench.get(estimate) };
      },
    },
    {
      operation: "inverseWeight",
      variant,
      async run(bench) {
        const estimate = await bench.out("real", "estimate", length);
        await bench.runtime.inverseWeight({
          weight: bench.put("real", "weight", weight),
          geometry,
          floor_s: bench.put("real", "floors", perShell),
          shells,
          estimate,
        });
        return { estimate: await bench.get(estimate) };
      },
    },
    {
      operation: "shellProducts",
      variant: `centred, ${variant}`,
      async run(bench) {
        const sums = await bench.out("real", "sums", 4 * shells);
        await bench.runtime.shellProducts({
          a: bench.put("complex", "a", data),
          b: bench.put("complex", "b", other),
          layout: {
            kind: "centred",
            slot: 0,
            radius,
            padding: geometry.padding,
            limit: sphereLimit(geometry),
          },
          shells,
          sums_s4: sums,
          scratch: await bench.out("real", "scratch", shellScratch(centredPlanes(geometry), shells)),
        });
        return { sums: await bench.get(sums) };
      },
    },
  ];
  for (const rounding of ["round", "floor"] as const)
    cases.push({
      operation: "shellStatistics",
      variant: `${rounding}, ${variant}`,
      async run(bench) {
        const sums = await bench.out("real", "sums", 4 * shells);
        await bench.runtime.shellStatistics({
          weight: bench.put("real", "weight", weight),
          geometry,
          shells,
          rounding,
          threshold_s: bench.put("real", "thresholds", perShell),
          sums_s4: sums,
          scratch: await bench.out("real", "scratch", shellScratch(centredPlanes(geometry), shells)),
        });
        return { sums: await bench.get(sums) };
      },
    });
  return cases;
}

function productCase(random: Random, shape: readonly number[]): Case {
  const n = shape[0];
  const length = (shape.length === 3 ? n : 1) * n * (Math.floor(n / 2) + 1);
  const [a, b] = [random.normals(2 * length), random.normals(2 * length)];
  const shells = Math.floor(n / 2) + 1;
  return {
    operation: "shellProducts",
    variant: `transform ${shape.join(" x ")}`,
    async run(bench) {
      const sums = await bench.out("real", "sums", 4 * shells);
      await bench.runtime.shellProducts({
        a: bench.put("complex", "a", a),
        b: bench.put("complex", "b", b),
        layout: { kind: "fft", shape },
        shells,
        sums_s4: sums,
        scratch: await bench.out("real", "scratch", shellScratch(shape.length === 3 ? n : 1, shells)),
      });
      return { sums: await bench.get(sums) };
    },
  };
}

export function volumeCases(random: Random): Case[] {
  return [
    ...paddingCases(random, 14, 2, 14),
    ...paddingCases(random, 18, 1.5, 10),
    ...paddingCases(random, 13, 1, 12),
    ...backprojectionCases(random, 14, 2, 14),
    ...backprojectionCases(random, 18, 1.5, 12),
    ...accumulatedCases(random, centredGeometry(14, 28, 14), "padding 2"),
    ...accumulatedCases(random, centredGeometry(20, 30, 12), "padding 1.5"),
    ...accumulatedCases(random, centredGeometry(40, 80, 40), "padding 2"),
    productCase(random, [22, 22]),
    productCase(random, [18, 18, 18]),
  ];
}
