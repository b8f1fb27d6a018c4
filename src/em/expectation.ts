import { UserError } from "../errors.js";
import type {
  CandidateList,
  CentredArray,
  ChildSlices,
  CoarseStrategy,
  CompressedSamples,
  DeviceBuffer,
  LogPriors,
  ParticleBatch,
  Phases,
  Runs,
  Runtime,
  Selection,
} from "../runtime/contract.js";
import { readScreenReport, type ScreenReport, screenReport } from "../runtime/screen-tables.js";
import { selectCoarse } from "../runtime/select-coarse.js";
import { fineScratch } from "../runtime/tables.js";
import { addViews, allocViews } from "./add-views.js";
import type { PhaseClock } from "./phase-clock.js";
import { selectListed } from "./select-listed.js";
import { listViews } from "./views.js";
import { within } from "./within.js";

/** Factor of correlations: a difference in the last bit of a float32 correlation still tells weights apart. */
const correlationScale = 2 ** 22;

/** A batch that keeps more samples than there is room for: smaller batches or `maxSignificant` help. */
export class CapacityError extends UserError {
  override readonly name = "CapacityError";
}

/** Counts that an expectation step's memory depends on. */
export interface ExpectationCapacity {
  /** Coarse samples that the batch may keep together, and their runs (particle and orientation). */
  readonly groups: number;
  readonly runs: number;
  /** Views that are in memory at one time. */
  readonly blockViews: number;
}

/** The model of an iteration, in buffers of that scope. */
export interface ExpectationModel {
  readonly projector: CentredArray;
  /** Slices of the coarse orientations at the coarse pixels, class-major; undefined where each batch lists its orientations. */
  readonly slices_ok?: DeviceBuffer;
  /** Coarse orientations of all classes. */
  readonly orientations: number;
  /** Coarse translations at the coarse size; child translations at the sizes of the fine pass and of the sums, and in pixels. */
  readonly coarsePhases: Phases;
  readonly finePhases: Phases;
  readonly sumPhases: Phases;
  readonly childTranslations_t2: DeviceBuffer;
  /** Inverse orientations of the children, parent-major, the same for every class. */
  readonly matrices: DeviceBuffer;
  /** Rows of `matrices`: orientations of one class times rotations. */
  readonly rows: number;
  readonly rotations: number;
  readonly shifts: number;
  /** What is kept of all children, in ranges of rows that each fit one buffer; undefined: nothing. */
  readonly kept?: readonly KeptRows[];
  /** Where views are added. */
  readonly accumulator: DeviceBuffer;
  readonly unit: number;
  readonly status: DeviceBuffer;
}

/** Particles of a batch, prepared for both passes and for the sums (which may be the same as the fine pass). All see the masked images. */
export interface ExpectationBatch {
  readonly coarse: ParticleBatch;
  readonly fine: ParticleBatch;
  readonly sums: ParticleBatch;
  /** CTF that views are weighted by: also where references are compared without one. */
  readonly viewCtf_ik: DeviceBuffer;
  readonly unmasked_ik: DeviceBuffer;
  readonly sumWeights_ik: DeviceBuffer;
  readonly priors: LogPriors;
  /** Where every particle has its own orientations: those, in place of all coarse ones. */
  readonly listed?: ListedOrientations;
}

/** The orientations of the model are the candidates of the batch then, class-major; their priors are written on the way. */
export interface ListedOrientations {
  readonly list: CandidateList;
  /** Room for candidates. */
  readonly capacity: number;
  readonly coarseMatrices: DeviceBuffer;
  /** Translation number i belongs to particle i alone. */
  readonly ownTranslation: boolean;
  readonly classPrior_c: DeviceBuffer;
  /** First candidate of each particle, and the number of all. */
  readonly start: ArrayLike<number>;
}

export interface ExpectationOptions {
  /** Share of the probability that is kept (0.999) and most coarse samples of a particle. */
  readonly fraction: number;
  readonly maxSignificant: number;
  readonly strategy: CoarseStrategy;
  /** Normalised cross-correlation: the best sample of all takes the whole weight. */
  readonly correlation: boolean;
  /** No oversampling: the coarse pass gives the probabilities, at the size of the fine pass. */
  readonly singlePass: boolean;
}

/** What the batch leaves on the host, by particle. */
export interface ExpectationResult {
  readonly significant: Uint32Array;
  /** Best fine sample: coarse sample x children + child; and its share of the probability. */
  readonly bestSample: Float64Array;
  readonly maxProbability: Float64Array;
  /** Its correlation where those are the scores. */
  readonly bestScore: Float64Array;
  /** ln of the sum of prior x exp(-diff2), diff2 less the constant of the particle, and that constant. */
  readonly logEvidence: Float64Array;
  readonly constants: Float64Array;
  /** Sums of w, w x, w y, w (x^2 + y^2) over translations. */
  readonly moments: Float64Array;
  /** sum w Re F X*, sum w |F|^2 and |X|^2 by class and shell 0 .. size / 2: [c][i][s][3]. */
  readonly shellTerms: Float64Array;
  /** Runs: parent orientation and weight, in the order of the particles; starts by particle. */
  readonly runStart: Uint32Array;
  readonly runOrientation: Uint32Array;
  readonly runWeight: Float64Array;
  /** How the coarse pass went where it was screened. */
  readonly screen?: ScreenReport;
  /** Bytes of the fine weights: compressed, and what all samples would take. */
  readonly weightBytes: { readonly compressed: number; readonly dense: number };
}

/** Weighted images and their weights by view and pixel, to be back-projected. */
export interface MergedViews {
  readonly numerator_vk: DeviceBuffer;
  readonly weight_vk: DeviceBuffer;
}

/** What an iteration keeps of a range of child orientations. */
export interface KeptRows {
  /** Slices at the pixels of the fine pass, which are those of the sums. */
  readonly slices: ChildSlices;
  /** Their views, added up over the iteration; without them each block of views goes into the accumulator. */
  readonly views?: MergedViews;
}

/**
 * The adaptive expectation step of one batch (Scheres 2012, J Struct Biol 180:519; Tagare et al. 2010, J Struct Biol 171:256): every
 * coarse sample, then the children of those that hold `fraction` of the probability, then the weighted sums. Allocates by `capacity` in the
 * job scope that is open.
 * @throws CapacityError where the batch keeps more than the capacities hold.
 */
export async function expectBatch(
  runtime: Runtime,
  model: ExpectationModel,
  batch: ExpectationBatch,
  options: ExpectationOptions,
  capacity: ExpectationCapacity,
  clock?: PhaseClock,
): Promise<ExpectationResult> {
  const particles = batch.coarse.count;
  const { orientations, rotations, shifts, coarsePhases } = model;
  const translations = coarsePhases.count;
  const children = rotations * shifts;
  const { classes } = model.projector;
  const scale = options.correlation ? correlationScale : 1;
  const perParticle = (name: string, kind: "real" | "index" = "real", each = 1) =>
    runtime.alloc(kind, name, particles * each);
  const statistics = {
    logMax_i: perParticle("log max"),
    sum_i: perParticle("weight sums"),
    best_i: perParticle("best samples", "index"),
  };
  const threshold_i = perParticle("thresholds");
  const count_i = perParticle("significant", "index");
  const constant_i = perParticle("constants");
  const compressed: Omit<CompressedSamples, "groups"> = {
    layout: "compressed",
    particles,
    orientations,
    translations,
    children,
    capacity: capacity.groups,
    start_i: runtime.alloc("index", "group starts", particles + 1),
    firstSample_g: runtime.alloc("index", "first samples", capacity.groups),
    values: runtime.alloc("real", "fine weights", capacity.groups * children),
  };
  const runs: Runs = {
    capacity: capacity.runs,
    runStart_i: runtime.alloc("index", "run starts", particles + 1),
    runGroup_r: runtime.alloc("index", "run groups", capacity.runs + 1),
  };
  const report = runtime.alloc("index", "screen report", screenReport.length);
  const selection: Selection = {
    ...statistics,
    scale,
    priors: batch.priors,
    fraction: options.fraction,
    cap: options.correlation ? 1 : options.maxSignificant,
    threshold_i,
    count_i,
    compressed: { ...compressed, groups: 0 },
    runs,
  };
  if (batch.listed === undefined) await selectSamples();
  else await selectListed(runtime, model, batch, batch.listed, selection, options.correlation);
  // Downloads that are asked for together cost one wait.
  const [start, runStart, significant, told, coarseSums] = await Promise.all([
    runtime.download(compressed.start_i),
    runtime.download(runs.runStart_i) as Promise<Uint32Array>,
    runtime.download(count_i) as Promise<Uint32Array>,
    runtime.download(report) as Promise<Uint32Array>,
    runtime.download(statistics.sum_i),
  ]);
  const groups = start[particles];
  const runCount = runStart[particles];
  if (groups > capacity.groups || runCount > capacity.runs)
    throw new CapacityError(
      `the batch keeps ${groups} samples in ${runCount} orientations and has room for ${capacity.groups} in ${capacity.runs}; use a smaller batch, or --maxsig`,
    );
  const screen =
    batch.listed === undefined && !options.correlation
      ? readScreenReport(told, particles * orientations * translations)
      : undefined;
  const samples: CompressedSamples = { ...compressed, groups };
  clock?.lap("coarse");

  await fineWeights();
  if (options.singlePass) {
    // What was left out counts in the sum, and what was kept stays.
    runtime.upload(statistics.sum_i, coarseSums);
    runtime.upload(threshold_i, new Float64Array(particles));
  }
  const terms_cik = runtime.alloc("complex", "noise terms", classes * particles * batch.sums.pixels.count);
  const sums_cis3 = perParticle("shell terms", "real", 3 * classes * batch.sums.pixels.shells);
  const moments_i4 = perParticle("translation moments", "real", 4);
  let total_i = statistics.sum_i;
  if (options.correlation) {
    total_i = perParticle("ones");
    runtime.upload(total_i, new Float64Array(particles).fill(1));
  }
  await runtime.normaliseWeights({ samples, threshold_i, sum_i: total_i });
  await runtime.translationMoments({
    samples,
    shifts,
    translations_t2: model.childTranslations_t2,
    moments_i4,
  });
  const fine = await within(runtime, "orientation", sumViews);
  await runtime.shellTerms({ batch: batch.sums, classes, terms_cik, sums_cis3 });
  const [shellTerms, moments] = await Promise.all([
    runtime.download(sums_cis3),
    runtime.download(moments_i4),
  ]);
  clock?.lap("sums");
  const { best, logMax, sums, first, constants, runOrientation, runWeight } = fine;
  const values = groups * children;
  return {
    significant,
    bestSample: Float64Array.from(best, (own, i) =>
      start[i + 1] > start[i] ? first[start[i] + Math.floor(own / children)] + (own % children) : -1,
    ),
    maxProbability: Float64Array.from(sums, (sum) => (sum > 0 ? (options.correlation ? 1 : 1 / sum) : 0)),
    bestScore: Float64Array.from(logMax, (value) => value / scale),
    logEvidence: Float64Array.from(sums, (sum, i) => Math.log(sum) + logMax[i]),
    constants: Float64Array.from(constants),
    moments: Float64Array.from(moments),
    shellTerms: Float64Array.from(shellTerms),
    runStart,
    runOrientation,
    runWeight,
    ...(screen === undefined ? {} : { screen }),
    weightBytes: {
      compressed: values * runtime.layout.elementBytes.real + 4 * groups,
      dense: particles * orientations * translations * children * runtime.layout.elementBytes.real,
    },
  };

  /** The coarse pass up to the list of kept samples. Its buffers go before the fine pass begins. */
  async function selectSamples(): Promise<void> {
    const { slices_ok } = model;
    if (slices_ok === undefined) throw new Error("no slices of the coarse orientations");
    await selectCoarse(runtime, {
      ...selection,
      batch: batch.coarse,
      slices_ok,
      orientations,
      phases: coarsePhases,
      strategy: options.strategy,
      correlation: options.correlation,
      report,
    });
  }

  async function fineWeights(): Promise<void> {
    const { fine } = batch;
    const scratch = runtime.alloc(
      "real",
      "fine scratch",
      fineScratch({ particles, pixels: fine.pixels.count }),
    );
    await runtime.diff2Fine({
      batch: fine,
      projector: model.projector,
      matrices: model.matrices,
      rows: model.rows,
      rotations,
      shifts,
      ...(model.kept === undefined ? {} : { childSlices: model.kept.map(({ slices }) => slices) }),
      phases: model.finePhases,
      scratch,
      samples,
      correlation: options.correlation,
    });
    runtime.free(scratch);
    await runtime.imageConstants({ batch: fine, constant_i });
    await runtime.weightsFromDiff2({ samples, priors: batch.priors, scale, ...statistics });
    if (options.singlePass) return;
    const cap = options.correlation ? 1 : Number.MAX_SAFE_INTEGER;
    await runtime.selectSignificant({
      samples,
      sum_i: statistics.sum_i,
      fraction: options.fraction,
      cap,
      threshold_i,
      count_i,
    });
  }

  /** The views that have a weight, added to the model's sums; and what the fine pass found. */
  async function sumViews() {
    const buffers = allocViews(runtime, model, batch, capacity);
    const { total_v } = buffers;
    const count = runCount * rotations;
    await runtime.viewTotals({ samples, runs, rotations, shifts, count, total_v });
    const [totals, best, logMax, sums, first, constants, runGroup] = await Promise.all([
      runtime.download(total_v, 0, count),
      runtime.download(statistics.best_i),
      runtime.download(statistics.logMax_i),
      runtime.download(statistics.sum_i),
      runtime.download(compressed.firstSample_g, 0, groups),
      runtime.download(constant_i),
      runtime.download(runs.runGroup_r, 0, runCount + 1),
    ]);
    clock?.lap("fine");
    const runWeight = new Float64Array(runCount);
    const runOrientation = Uint32Array.from({ length: runCount }, (_, run) =>
      Math.floor(first[runGroup[run]] / children / translations),
    );
    const all = listViews(totals, runStart, runOrientation, rotations, runWeight);
    await addViews(runtime, model, batch, buffers, { all, samples, runs, terms_cik });
    return { best, logMax, sums, first, constants, runOrientation, runWeight };
  }
}
