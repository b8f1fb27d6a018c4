import type {
  CoarseSelection,
  CoarseStrategy,
  DenseSamples,
  DeviceBuffer,
  ListedSamples,
  Runtime,
  Selection,
} from "./contract.js";
import { screenScratch } from "./screen-tables.js";
import { coarseScratch, compactScratch } from "./tables.js";

/** The screen ends 32 nats below the best sample: what is left out must be more than what may lie there. */
const leastTail = 1e-6;

/**
 * The coarse pass of a batch: with `screen` on the runtimes that have it, and else scores, weights, selection and list one after the other.
 * Allocates what it needs for the time being in the scope that is open. `report` holds `screenReport.length` words.
 */
export async function selectCoarse(
  runtime: Runtime,
  pass: CoarseSelection & { readonly strategy: CoarseStrategy; readonly report: DeviceBuffer },
): Promise<void> {
  const { strategy, batch, slices_ok, phases, orientations, correlation, compressed } = pass;
  const shape = { particles: batch.count, pixels: batch.pixels.count };
  const translations = phases.count;
  await runtime.clear(pass.report);
  if (strategy === "screen" && runtime.layout.screens && (correlation || 1 - pass.fraction >= leastTail)) {
    const lengths = { ...shape, orientations, translations, capacity: compressed.capacity, correlation };
    const scratch = runtime.alloc("real", "screen scratch", screenScratch(lengths));
    await runtime.screenCoarse?.({ ...pass, scratch });
    runtime.free(scratch);
    return;
  }
  const rows = shape.particles * orientations;
  const values = runtime.alloc("real", "diff2", rows * translations);
  const scratch = runtime.alloc("real", "coarse scratch", coarseScratch(shape, orientations, translations));
  const scores = { batch, slices_ok, orientations, phases, scratch };
  if (correlation) await runtime.crossCorrelation({ ...scores, score_iot: values });
  else {
    const product = strategy === "screen" ? "gemm" : strategy;
    await runtime.diff2Coarse({ ...scores, strategy: product, diff2_iot: values });
  }
  runtime.free(scratch);
  const { particles } = shape;
  await selectScored(runtime, { layout: "dense", particles, orientations, translations, values }, rows, pass);
  runtime.free(values);
}

/** Scores to the list of the samples that hold the fraction; `rows` is room for their orientations. */
export async function selectScored(
  runtime: Runtime,
  samples: DenseSamples | ListedSamples,
  rows: number,
  selection: Selection,
): Promise<void> {
  const { scale, priors, logMax_i, sum_i, best_i, fraction, cap, threshold_i, count_i } = selection;
  await runtime.weightsFromDiff2({ samples, priors, scale, logMax_i, sum_i, best_i });
  await runtime.selectSignificant({ samples, sum_i, fraction, cap, threshold_i, count_i });
  const scratch = runtime.alloc("index", "compact scratch", compactScratch(rows));
  const { compressed, runs } = selection;
  await runtime.compactWeights({ samples, threshold_i, compressed, runs, scratch });
  runtime.free(scratch);
}
