import { describe, expect, test } from "vitest";
import { scoreStrategies } from "../../src/runtime/contract.js";
import { tileSides } from "../../src/runtime/gpu/expectation.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { coarseScratch, makePhases, makePixels } from "../../src/runtime/tables.js";
import { webGpuTolerances } from "../../src/runtime/tolerances.js";
import { compareCase, contractCases, Random } from "../../src/runtime/verify/index.js";
import { loadShaderFile } from "../../src/runtime/webgpu/node.js";
import { compileKernel, KernelError } from "../../web/src/teach/kernel/compile.js";
import { openCounting } from "../../web/src/teach/kernel/machine.js";
import {
  countReads,
  operandReads,
  readTiles,
  tileBytes,
  totalReads,
} from "../../web/src/teach/model/counts.js";
import { kernelTile } from "../../web/src/teach/model/state.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);

/** Sums in float64: only their order differs from that of the reference. */
const float64 = 1e-13;

describe(`production kernels run lane by lane, seed ${seed}`, () => {
  const cases = contractCases(seed).filter(
    ({ operation, variant }) =>
      ["diff2Coarse", "imageConstants", "crossCorrelation"].includes(operation) &&
      // The largest case takes seconds lane by lane.
      !variant.startsWith("direct, 9 particles"),
  );
  test.each(cases.map((one) => [`${one.operation} ${one.variant}`, one] as const))("%s", async (_, one) => {
    const counting = openCounting({ loadShader: loadShaderFile });
    const { error } = await compareCase(one, openReference(), counting, webGpuTolerances);
    expect(error).toBeLessThan(float64);
  });
});

/** Run a coarse pass of a size and return the reads that were counted, by kernel and buffer. */
async function counted(strategy: (typeof scoreStrategies)[number], shape: Parameters<typeof countReads>[1]) {
  const { particles, orientations, translations } = shape;
  const random = new Random(seed);
  const runtime = openCounting({ loadShader: loadShaderFile });
  const put = (kind: "real" | "complex", name: string, values: ArrayLike<number>) => {
    const buffer = runtime.alloc(kind, name, kind === "complex" ? values.length / 2 : values.length);
    runtime.upload(buffer, values);
    return buffer;
  };
  const pixels = makePixels(runtime, 8, "shells");
  const K = pixels.count;
  await runtime.diff2Coarse({
    strategy,
    batch: {
      count: particles,
      pixels,
      images_ik: put("complex", "images", random.normals(2 * particles * K)),
      ctf_ik: put("real", "ctf", random.normals(particles * K)),
      weights_ik: put("real", "weights", random.uniforms(particles * K)),
    },
    slices_ok: put("complex", "slices", random.normals(2 * orientations * K)),
    orientations,
    phases: makePhases(runtime, random.uniforms(2 * translations, -2, 2), 8, 16),
    scratch: runtime.alloc(
      "real",
      "scratch",
      coarseScratch({ particles, pixels: K }, orientations, translations),
    ),
    diff2_iot: runtime.alloc("real", "diff2", particles * orientations * translations),
  });
  const sums: Record<string, Record<string, number>> = {};
  for (const { kernel, buffers } of runtime.counts)
    for (const [name, { reads }] of Object.entries(buffers)) {
      sums[kernel] ??= {};
      if (reads > 0) sums[kernel][name] = (sums[kernel][name] ?? 0) + reads;
    }
  return { K, sums, counts: runtime.counts };
}

describe(`reads, seed ${seed}`, () => {
  const random = new Random(seed + 1);
  const shapes = [
    { particles: 4, orientations: 6, translations: 3, pixels: 33 },
    {
      particles: random.integer(1, 3),
      orientations: random.integer(33, 70),
      translations: random.integer(11, 17),
      pixels: 33,
    },
    { particles: random.integer(65, 70), orientations: random.integer(1, 3), translations: 1, pixels: 33 },
  ];
  test.each(scoreStrategies.flatMap((strategy) => shapes.map((shape) => [strategy, shape] as const)))(
    "%s: the closed form is what was counted, %o",
    async (strategy, shape) => {
      const tiles = await readTiles(loadShaderFile);
      const { K, sums, counts } = await counted(strategy, shape);
      expect(K).toBe(shape.pixels);
      const formula = countReads(strategy, shape, tiles);
      expect(sums).toEqual(formula);
      if (strategy === "tiled") {
        const { slices, shifted } = formula.diff2_tiled;
        expect(operandReads(shape, tiles.tiled.side)).toEqual({ slices, images: shifted });
      }
      const bytes = counts
        .flatMap(({ buffers }) => Object.values(buffers))
        .map((own) => own.reads * own.bytes);
      expect(totalReads(formula).bytes).toBe(bytes.reduce((sum, own) => sum + own, 0));
    },
  );

  test("the reduction of a 32 x 32 tile is that of the paper", async () => {
    const shape = { particles: 8, orientations: 64, translations: 8, pixels: 100 };
    const [naive, tile] = [1, 32].map((side) => operandReads(shape, side));
    expect(naive.slices / tile.slices).toBe(32);
    expect(naive.images / tile.images).toBe(32);
    const { diff2_tiled } = countReads("tiled", shape, await readTiles(loadShaderFile));
    expect(tile).toEqual({ slices: diff2_tiled.slices, images: diff2_tiled.shifted });
  });
});

describe("tile constants", () => {
  test("are those of the launches, and memory is what the kernels declare", async () => {
    const { tiled, gemm } = await readTiles(loadShaderFile);
    expect([tiled.side, gemm.side]).toEqual([tileSides.tiled, tileSides.gemm]);
    // What the room begins with, and names in its words.
    expect(tiled).toMatchObject(kernelTile);
    // As their headers say: 16 pixels a part, 256 lanes; 8 pixels a part, 16 KiB.
    expect([tiled.depth, tiled.lanes, gemm.depth, gemm.lanes]).toEqual([16, 256, 8, 256]);
    expect(gemm.sharedBytes).toBe(16384);
    expect(tiled.sharedBytes).toBe(tileBytes(tiled.side, tiled.depth));
  });
});

describe("texts with mistakes", () => {
  const kernel = (body: string) =>
    `@group(0) @binding(1) var<storage, read_write> a: array<f32>;\n@compute @workgroup_size(1)\nfn main(@builtin(local_invocation_index) lane: u32) {\n${body}\n}`;
  test.each([
    ["let x = b[lane];", "there is no variable b"],
    ["a[lane] = 1.0 +;", "a value is missing here"],
    ["a[lane] = lane * 1.5;", "u32 * f32 is not allowed"],
    ["a[lane] = sine(1.0);", "there is no function sine"],
  ])("%s", (body, message) => {
    const run = () => compileKernel(kernel(body));
    expect(run).toThrow(KernelError);
    expect(run).toThrow(message);
  });
});
