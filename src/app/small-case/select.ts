import type { CompressedSamples, DenseSamples, LogPriors, Runtime } from "../../runtime/contract.js";
import { compactScratch, fineScratch, makePhases, put } from "../../runtime/tables.js";
import type { CompressedWeights } from "../../runtime/weights.js";
import { type Case, type CaseShape, childrenOf, coarseScores, parentsOf, putBatch } from "./case.js";

/** Weights of both passes of the case, and the compressed layout of what the first one kept. */
export interface Selection {
  /** exp(-diff2), 1 for the best coarse sample of each particle: [i][coarse sample]. */
  readonly coarse: Float64Array;
  readonly threshold_i: Float64Array;
  /** What the device's buffers hold after the fine pass: 1 for the best fine sample of each particle. */
  readonly weights: CompressedWeights;
}

function flatPriors(runtime: Runtime, { particles, orientations, translations }: CaseShape): LogPriors {
  return {
    orientation_o: put(runtime, "real", "orientation priors", new Float64Array(orientations)),
    perParticle: false,
    translation_it: put(runtime, "real", "translation priors", new Float64Array(particles * translations)),
  };
}

/** Both passes of the expectation step on the case: keep the samples that hold `fraction` of the probability, compute their children. */
export async function select(runtime: Runtime, data: Case, fraction: number): Promise<Selection> {
  const { shape } = data;
  const { particles, orientations, translations, pixels, rotations, shifts, size, box } = shape;
  const [parents, children] = [parentsOf(shape), childrenOf(shape)];
  const scores = await coarseScores(runtime, data);
  runtime.push("job");
  try {
    const alloc = (name: string, length: number, kind: "real" | "index" = "real") =>
      runtime.alloc(kind, name, length);
    const dense: DenseSamples = {
      layout: "dense",
      particles,
      orientations,
      translations,
      values: put(runtime, "real", "diff2", scores),
    };
    const priors = flatPriors(runtime, shape);
    const results = () => ({
      logMax_i: alloc("log max", particles),
      sum_i: alloc("sums", particles),
      best_i: alloc("best", particles, "index"),
    });
    const first = results();
    await runtime.weightsFromDiff2({ samples: dense, priors, scale: 1, ...first });
    const coarse = Float64Array.from(await runtime.download(dense.values));
    const threshold_i = alloc("thresholds", particles);
    const count_i = alloc("kept", particles, "index");
    await runtime.selectSignificant({
      samples: dense,
      sum_i: first.sum_i,
      fraction,
      cap: particles * parents,
      threshold_i,
      count_i,
    });
    const capacity = particles * parents;
    const compressed: CompressedSamples = {
      layout: "compressed",
      particles,
      orientations,
      translations,
      children,
      capacity,
      groups: 0,
      start_i: alloc("group starts", particles + 1, "index"),
      firstSample_g: alloc("first samples", capacity, "index"),
      values: alloc("fine weights", capacity * children),
    };
    const runs = {
      capacity: particles * orientations,
      runStart_i: alloc("run starts", particles + 1, "index"),
      runGroup_r: alloc("run groups", particles * orientations + 1, "index"),
    };
    await runtime.compactWeights({
      samples: dense,
      threshold_i,
      compressed,
      runs,
      scratch: alloc("compact scratch", compactScratch(particles * orientations), "index"),
    });
    const start_i = Uint32Array.from(await runtime.download(compressed.start_i));
    const groups = start_i[particles];
    const samples = { ...compressed, groups };
    const batch = putBatch(runtime, data);
    await runtime.diff2Fine({
      batch,
      projector: { ...data.geometry, classes: 1, data: put(runtime, "complex", "projector", data.projector) },
      matrices: put(runtime, "real", "child orientations", data.childMatrices),
      rows: orientations * rotations,
      rotations,
      phases: makePhases(runtime, data.childTranslations_t2, size, box),
      shifts,
      scratch: alloc("fine scratch", fineScratch({ particles, pixels })),
      correlation: false,
      samples,
    });
    await runtime.weightsFromDiff2({ samples, priors, scale: 1, ...results() });
    return {
      coarse,
      threshold_i: Float64Array.from(await runtime.download(threshold_i)),
      weights: {
        children,
        samples: parents * children,
        start_i,
        firstSample_g: Uint32Array.from(await runtime.download(samples.firstSample_g, 0, groups)),
        values_gs: Float64Array.from(await runtime.download(samples.values, 0, groups * children)),
      },
    };
  } finally {
    runtime.pop("job");
  }
}
