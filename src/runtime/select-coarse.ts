import type { CoarseSelection, CoarseStrategy, DenseSamples, DeviceBuffer, Runtime } from "./contract.js";
import { screenScratch } from "./screen-tables.js";
import { coarseScratch, compactScratch } from "./tables.js";

/** The screen ends 32 nats below the best sample: what is left out must be more than what may lie there. */
const leastTail = 1e-6;

/**
 * The coarse pass of a batch: with `screen` on the runtimes that have it, and else scores, weights, selection and list one after the other.
 * Allocates what it needs for the time being in the scope that is open.
 */
export async function selectCoarse(
  runtime: Runtime,
  pass: CoarseSelection & { readonly strategy: CoarseStrategy; readonly report: DeviceBuffer },
): Promise<void> {
  const { strategy, report, batch, phases, orientations, correlation, priors, scale, fraction, cap } = pass;
  const { compressed, runs, threshold_i, count_i } = pass;
  const shape = { particles: batch.count, pixels: batch.pixels.count };
  await runtime.clear(report);
  if (strategy === "screen" && runtime.layout.screens && (correlation || 1 - fraction >= leastTail)) {
    const lengths = { ...shape, orientations, translations: phases.count, capacity: compressed.capacity };
    const scratch = runtime.alloc("real", "screen scratch", screenScratch({ ...lengths, correlation }));
    await runtime.screenCoarse?.({ ...pass, scratch });
    runtime.free(scratch);
    return;
  }
  const values = runtime.alloc("real", "diff2", shape.particles * orientations * phases.count);
  const scratch = runtime.alloc("real", "coarse scratch", coarseScratch(shape, orientations, phases.count));
  const scores = { batch, slices_ok: pass.slices_ok, orientations, phases, scratch };
  if (correlation) await runtime.crossCorrelation({ ...scores, score_iot: values });
  else
    await runtime.diff2Coarse({
      ...scores,
      strategy: strategy === "screen" ? "gemm" : strategy,
      diff2_iot: values,
    });
  runtime.free(scratch);
  const samples: DenseSamples = {
    layout: "dense",
    particles: shape.particles,
    orientations,
    translations: phases.count,
    values,
  };
  const { logMax_i, sum_i, best_i } = pass;
  await runtime.weightsFromDiff2({ samples, priors, scale, logMax_i, sum_i, best_i });
  await runtime.selectSignificant({ samples, sum_i, fraction, cap, threshold_i, count_i });
  const counts = runtime.alloc("index", "compact scratch", compactScratch(shape.particles, orientations));
  await runtime.compactWeights({ samples, threshold_i, compressed, runs, scratch: counts });
  runtime.free(counts);
  runtime.free(values);
}
