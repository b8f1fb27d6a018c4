import { cpus } from "node:os";
import { type CoarseStrategy, coarseStrategies, type Runtime } from "../src/runtime/contract.js";
import {
  centredGeometry,
  centredLength,
  coarseScratch,
  makePhases,
  makePixels,
  pixelTable,
} from "../src/runtime/tables.js";
import { Random } from "../src/runtime/verify/harness.js";
import { openWebGpu } from "../src/runtime/webgpu/index.js";
import { loadShaderFile, requestNodeAdapter } from "../src/runtime/webgpu/node.js";
import { denseBytes, groupedBytes } from "../src/runtime/weights.js";
import type { BenchResult, BenchRow } from "./record.js";

/** Orientations of HEALPix order 3, translations of a 5 px range in steps of 2, pixels of a size of 62, particles of a batch. */
export const coarseShape = { orientations: 36864, translations: 21, size: 62, particles: 64 };
const order2 = { parents: 36864 * 45, children: 32, kept: 1000 };

export interface Timing {
  readonly seconds: number;
  /** Share of the time in which the host prepares and submits work; the rest it waits for the device. */
  readonly hostShare: number;
}

const middle = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];

/** Medians of runs that take `least` ms together, at least three, after two that measure the device's rates. */
export async function time(
  submit: () => Promise<void>,
  finish: () => Promise<void>,
  least: number,
): Promise<Timing> {
  for (let warm = 0; warm < 2; warm++) {
    await submit();
    await finish();
  }
  const seconds: number[] = [];
  const shares: number[] = [];
  for (const begun = performance.now(); seconds.length < 3 || performance.now() - begun < least; ) {
    const start = performance.now();
    await submit();
    const submitted = performance.now();
    await finish();
    const end = performance.now();
    seconds.push((end - start) / 1000);
    shares.push((submitted - start) / (end - start));
  }
  return { seconds: middle(seconds), hostShare: middle(shares) };
}

/** The coarse pass by its strategies; `reach`: the share of the particles that each is timed with. */
export async function timeStrategies(
  runtime: Runtime,
  shape: typeof coarseShape,
  reach: Readonly<Record<CoarseStrategy, number>>,
): Promise<Map<CoarseStrategy, Timing & { particles: number }>> {
  const { orientations, translations, size, particles } = shape;
  const random = new Random(1);
  const geometry = centredGeometry(size, 2 * size, size);
  const pixels = makePixels(runtime, size, "shells");
  const upload = (kind: "real" | "complex", name: string, values: Float64Array) => {
    const buffer = runtime.alloc(kind, name, kind === "complex" ? values.length / 2 : values.length);
    runtime.upload(buffer, values);
    return buffer;
  };
  const slices = runtime.alloc("complex", "slices", orientations * pixels.count);
  await runtime.projectSlices({
    projector: {
      ...geometry,
      classes: 1,
      data: upload("complex", "projector", random.normals(2 * centredLength(geometry))),
    },
    first: 0,
    matrices: upload("real", "matrices", random.rotations(orientations)),
    rows: orientations,
    count: orientations,
    pixels,
    slices_ok: slices,
  });
  const batch = {
    pixels,
    images_ik: upload("complex", "images", random.normals(2 * particles * pixels.count)),
    ctf_ik: upload("real", "ctf", random.uniforms(particles * pixels.count, -1, 1)),
    weights_ik: upload("real", "weights", random.uniforms(particles * pixels.count)),
  };
  const phases = makePhases(runtime, random.uniforms(2 * translations, -5, 5), size, 2 * size);
  const scratch = runtime.alloc(
    "real",
    "scratch",
    coarseScratch({ particles, pixels: pixels.count }, orientations, translations),
  );
  const diff2 = runtime.alloc("real", "diff2", particles * orientations * translations);
  await runtime.finish();
  const timings = new Map<CoarseStrategy, Timing & { particles: number }>();
  for (const strategy of coarseStrategies) {
    const count = Math.max(1, Math.floor(particles * reach[strategy]));
    const pass = { batch: { ...batch, count }, slices_ok: slices, orientations, phases, scratch, strategy };
    const submit = () => runtime.diff2Coarse({ ...pass, diff2_iot: diff2 });
    const timing = await time(submit, () => runtime.finish(), 1000);
    timings.set(strategy, { ...timing, particles: count });
  }
  return timings;
}

/** The coarse pass by its three strategies on WebGPU, at the shape of a global search. */
export async function benchCoarse(): Promise<BenchResult> {
  const adapter = await requestNodeAdapter(true);
  const runtime = await openWebGpu(adapter, { loadShader: loadShaderFile, bytes: 2 ** 30 });
  const { software, device } = runtime.capabilities;
  // Scaled in orientations and particles alike where the processor plays the card.
  const scale = software ? 3 / 32 : 1;
  const shape = {
    ...coarseShape,
    orientations: coarseShape.orientations * scale,
    particles: coarseShape.particles * scale,
  };
  runtime.push("iteration");
  const timings = await timeStrategies(runtime, shape, { direct: software ? 1 / 6 : 1, tiled: 1, gemm: 1 });
  await runtime.close();
  const pixels = pixelTable(shape.size, "shells").length;
  const rows: BenchRow[] = [];
  const perParticle = (strategy: CoarseStrategy) => {
    const { seconds, particles } = timings.get(strategy) as Timing & { particles: number };
    return seconds / particles;
  };
  const operations = 4 * shape.orientations * shape.translations * pixels;
  for (const strategy of coarseStrategies)
    rows.push({
      name: `${strategy}: ${shape.orientations} orientations x ${shape.translations} translations x ${pixels} pixels`,
      value: 1e3 * perParticle(strategy),
      unit: "ms a particle",
    });
  rows.push(
    {
      name: "tiled over direct",
      value: perParticle("direct") / perParticle("tiled"),
      unit: "times faster",
      ...(software ? {} : { goal: 3 }),
      better: "higher",
    },
    {
      name: "gemm over tiled",
      value: perParticle("tiled") / perParticle("gemm"),
      unit: "times faster",
      ...(software ? {} : { goal: 4 }),
      better: "higher",
    },
  );
  const rate = operations / perParticle("gemm") / 1e9;
  if (software)
    rows.push({
      name: "gemm rate a core",
      value: rate / cpus().length,
      unit: "GFLOP/s",
      goal: 1.5,
      better: "higher",
    });
  else {
    const cublas = Number(process.env.CRYOTILE_CUBLAS_TFLOPS);
    rows.push({ name: "gemm rate", value: rate / 1e3, unit: "TFLOP/s" });
    if (cublas > 0)
      rows.push(
        { name: "cuBLAS float32 product of the same shape", value: cublas, unit: "TFLOP/s" },
        {
          name: "gemm over cuBLAS",
          value: (100 * rate) / 1e3 / cublas,
          unit: "%",
          goal: 60,
          better: "higher",
        },
      );
  }
  rows.push(
    {
      name: "host share of the time (gemm)",
      value: 100 * (timings.get("gemm")?.hostShare ?? 1),
      unit: "%",
      goal: 5,
      better: "lower",
    },
    {
      name: "fine weights of a particle, dense (36,864 x 45 x 32)",
      value: denseBytes(order2.parents, order2.children, 4) / 1e6,
      unit: "MB",
    },
    {
      name: "the same, 1,000 parents kept, compressed",
      value: groupedBytes(order2.kept, order2.children, 4) / 1e3,
      unit: "kB",
    },
  );
  return { rows, gpu: device, label: software ? "software" : "gpu" };
}
