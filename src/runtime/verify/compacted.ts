import type { CompressedSamples, DenseSamples, ListedSamples, Runs } from "../contract.js";
import { compactScratch } from "../tables.js";
import type { Outputs, Workbench } from "./harness.js";

const children = 32;

/** What `compactWeights` makes of samples: `level` is the threshold of every particle, `rows` the orientations of all of them. */
export async function compacted(
  bench: Workbench,
  samples: DenseSamples | ListedSamples,
  {
    particles,
    orientations,
    translations,
  }: Pick<CompressedSamples, "particles" | "orientations" | "translations">,
  rows: number,
  capacity: number,
  level: number,
): Promise<Outputs> {
  const compressed: CompressedSamples = {
    layout: "compressed",
    particles,
    orientations,
    translations,
    children,
    capacity,
    groups: 0,
    start_i: await bench.out("index", "starts", particles + 1),
    firstSample_g: await bench.zeros("index", "first samples", capacity),
    values: await bench.zeros("real", "values", 1),
  };
  const runs: Runs = {
    capacity: rows,
    runStart_i: await bench.out("index", "run starts", particles + 1),
    runGroup_r: await bench.zeros("index", "run groups", rows + 1),
  };
  await bench.runtime.compactWeights({
    samples,
    threshold_i: bench.put("real", "thresholds", new Float64Array(particles).fill(level)),
    compressed,
    runs,
    scratch: await bench.out("index", "scratch", compactScratch(rows)),
  });
  return {
    starts: await bench.get(compressed.start_i),
    first: await bench.get(compressed.firstSample_g),
    runStarts: await bench.get(runs.runStart_i),
    runGroups: await bench.get(runs.runGroup_r),
  };
}
