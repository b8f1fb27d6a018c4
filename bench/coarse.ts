import { cpus } from "node:os";
import { type ScoreStrategy, scoreStrategies } from "../src/runtime/contract.js";
import { pixelTable } from "../src/runtime/tables.js";
import { denseBytes, groupedBytes } from "../src/runtime/weights.js";
import { type BenchRuntime, deviceLabel, openBenchRuntime } from "./devices.js";
import type { BenchResult, BenchRow } from "./record.js";
import { coarseShape, type Timing, timeStrategies } from "./timing.js";

const order2 = { parents: 36864 * 45, children: 32, kept: 1000 };

/** The coarse pass by its three strategies, at the shape of a global search. */
export async function benchCoarse(kind: BenchRuntime = "webgpu"): Promise<BenchResult> {
  const runtime = await openBenchRuntime(kind, 2 ** 31);
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
  const perParticle = (strategy: ScoreStrategy) => {
    const { seconds, particles } = timings.get(strategy) as Timing & { particles: number };
    return seconds / particles;
  };
  const operations = 4 * shape.orientations * shape.translations * pixels;
  for (const strategy of scoreStrategies)
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
  return { rows, gpu: device, label: deviceLabel(runtime) };
}
