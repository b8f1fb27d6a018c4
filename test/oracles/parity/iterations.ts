import { type Margin, poseDifferences, watchMargins } from "../../../src/app/margins.js";
import type { Keep } from "../../../src/em/grid-tables.js";
import type { RefineOptions } from "../../../src/em/options.js";
import type { Refinement } from "../../../src/em/refinement.js";
import { searchOf } from "../../../src/em/run-iteration.js";
import type { Search } from "../../../src/em/search.js";
import type { Runtime } from "../../../src/runtime/contract.js";
import { outputError } from "../../../src/runtime/verify/harness.js";
import { goldenTable, goldenVolume } from "../../support/golden.js";
import {
  beyondPrint,
  goldenIteration,
  type IterationTables,
  otherPoses,
} from "../../support/golden-iteration.js";
import { difference, largest } from "../../support/numbers.js";
import { tinyRun } from "../../support/tiny-run.js";
import { type Check, decimals } from "./check.js";

export interface IterationCase {
  readonly folder: string;
  readonly name: string;
  readonly options: Partial<RefineOptions>;
  readonly file?: string;
  /** How far largest probability and log-likelihood (near 2200, or 1100 at size 22) may be: pixels on the edge of the largest shell. */
  readonly pmax: number;
  readonly logLikelihood: number;
  /** Largest voxel off by this share of the map's largest: gridding enlarges what the edge differs by. */
  readonly map?: number;
}

const two = { offsetRange: 2, tau2Fudge: 2 };
export const iterationCases: readonly IterationCase[] = [
  {
    folder: "04",
    name: "two passes (oracles 8, 15, 16, 24)",
    options: {},
    pmax: 2e-3,
    logLikelihood: 6e-3,
    map: 1.2e-2,
  },
  {
    folder: "05",
    name: "one pass (oracle 9)",
    options: { oversampling: 0 },
    pmax: 2e-4,
    logLikelihood: 2.5e-3,
  },
  {
    folder: "06",
    name: "origins to start from (oracle 10)",
    options: two,
    file: "poses/parts_ang.star",
    pmax: 3e-3,
    logLikelihood: 6e-3,
  },
  {
    folder: "07",
    name: "perturbed, images of 22 pixels (oracles 11, 26)",
    options: { ...two, incrSize: 5, perturb: 0.5 },
    file: "poses/parts_ang.star",
    pmax: 3e-3,
    logLikelihood: 1.6e-2,
  },
  {
    folder: "08",
    name: "correlations (oracle 12)",
    options: { firstIterCc: true },
    pmax: 0,
    logLikelihood: 6e-6,
    map: 1e-3,
  },
  {
    folder: "09",
    name: "noise outside the mask (oracle 13)",
    options: { zeroMask: false, oversampling: 0 },
    pmax: 2e-4,
    logLikelihood: 1.5e-3,
  },
  {
    folder: "11",
    name: "two classes from one reference (oracles 8, 26)",
    options: { K: 2, tau2Fudge: 4, flattenSolvent: true, perturb: 0.5 },
    pmax: 1e-3,
    logLikelihood: 1.1e-2,
  },
];

/** Scores of float32 kernels: 1e-5 of some hundred, and of correlations below 1. */
const scoreBounds = { diff2: 2e-3, correlation: 2e-6 };

/** How a case is computed: strategy, particles of a batch, what is kept of a class. */
export interface Way {
  readonly gsd?: RefineOptions["gsd"];
  readonly batch?: number;
  readonly keep?: Keep;
}

export interface Found {
  readonly state: Refinement;
  /** Ties of the reference; none for others. */
  readonly margins: readonly Margin[];
  readonly search: Search;
  readonly pixelSize: number;
}

export async function findCase(
  opened: Runtime,
  test: IterationCase,
  { gsd = "gemm", ...how }: Way = {},
): Promise<Found> {
  const { runtime, margins } =
    opened.name === "reference" ? watchMargins(opened, scoreBounds, 0.999) : { runtime: opened, margins: [] };
  const { file } = test;
  const { states, context } = await tinyRun(
    runtime,
    { ...test.options, gsd },
    { ...how, ...(file === undefined ? {} : { file }) },
  );
  const { options, group, set } = context;
  const search = searchOf(options, states[1].sampling, group, set.pixelSize);
  return { state: states[1], margins, search, pixelSize: set.pixelSize };
}

/** What a runtime found for a case, beside RELION's files and the float64 reference. */
export interface Comparison {
  readonly test: IterationCase;
  readonly runtime: Runtime["name"];
  readonly found: Found;
  readonly reference: Found;
}

interface Aspect {
  readonly name: string;
  applies?(test: IterationCase, runtime: Runtime["name"]): boolean;
  checks(comparison: Comparison & { readonly tables: IterationTables }): Check[] | Promise<Check[]>;
}

/**
 * One pass weighs coarse scores. Products over slices round at 1e-5 of hundreds where a device sums in float32, which moves probabilities by
 * up to 1e-4, and with them what they weigh; the cpu runtime sums in float64.
 */
const weighsProducts = ({ options }: IterationCase, runtime: Runtime["name"]) =>
  options.oversampling === 0 && (runtime === "cuda" || runtime === "webgpu");

const check = (name: string, value: number, bound: number): Check => ({ name, value, bound });
const near = (name: string, found: number, expected: number, digits: number) =>
  check(name, Math.abs(found - expected), decimals(digits));

const aspects: readonly Aspect[] = [
  {
    name: "finds RELION's poses, classes and significant samples",
    checks({ runtime, found: { state }, reference: { margins }, tables: { particles: table } }) {
      // On the float32 runtime a particle may decide otherwise where the float64 scores leave it open.
      const free = (open: (margin: Margin) => boolean) => (p: number) =>
        runtime === "reference" || !open(margins[p]);
      const { significant } = state.particles;
      const counts = table.numbers("rlnNrOfSignificantSamples");
      const poses = otherPoses(state, table).filter(
        free(({ samples, parents }) => samples.length + parents.length > 2),
      );
      const others = Array.from(significant.keys())
        .filter((p) => significant[p] !== counts[p])
        .filter(free(({ least, most }) => least < most));
      return [check("other poses", poses.length, 0), check("other counts", others.length, 0)];
    },
  },
  {
    name: "and its probabilities, likelihoods and norms",
    checks({ test, runtime, found: { state }, tables: { particles: table } }) {
      const { maxProbability, logLikelihood, norm } = state.particles;
      const far = (values: ArrayLike<number>, label: string) =>
        beyondPrint(values, table.numbers(`rln${label}`));
      return [
        check("largest probability", far(maxProbability, "MaxValueProbDistribution"), test.pmax),
        check("log-likelihood", far(logLikelihood, "LogLikeliContribution"), test.logLikelihood),
        check("norm", far(norm, "NormCorrection"), weighsProducts(test, runtime) ? 1e-4 : 3e-5),
      ];
    },
  },
  {
    name: "and its model",
    checks({ test, runtime, found: { state }, tables: { model: tableOf } }) {
      const [model] = state.models;
      const general = tableOf!("model_general");
      const number = (label: string) => general.number(`rln${label}`);
      const far = (name: string, found: number, label: string, bound: number) =>
        check(name, beyondPrint([found], [number(label)], "relative"), bound);
      const scales = tableOf!("model_groups").numbers("rlnGroupScaleCorrection");
      return [
        near("resolution", 1 / model.currentResolution, number("CurrentResolution"), 5),
        check("current size", Math.abs(model.currentSize - number("CurrentImageSize")), 0),
        // The mean of 60 norms that are each off by the bound above.
        far(
          "average norm",
          model.averageNorm,
          "NormCorrectionAverage",
          weighsProducts(test, runtime) ? 1e-5 : 1e-6,
        ),
        far("sigma of offsets", model.sigmaOffset, "SigmaOffsetsAngst", 2e-5),
        far("average Pmax", model.averagePmax, "AveragePmax", 2e-4),
        far("log-likelihood", model.logLikelihood, "LogLikelihood", 1e-6),
        check("scales", beyondPrint(model.scale, scales), 5e-6),
        ...model.noise.map((noise, g) => {
          const theirs = tableOf!(`model_group_${g + 1}`).numbers("rlnSigma2Noise");
          return check(`noise of group ${g + 1}`, beyondPrint(noise, theirs, "relative"), 8e-5);
        }),
      ];
    },
  },
  {
    name: "and its map",
    applies: ({ map }) => map !== undefined,
    async checks({ test, runtime, found: { state } }) {
      const map = await goldenVolume(`iterations/${test.folder}/run_it001_class001.mrc.gz`);
      const bound = test.map ?? 0;
      // Few views reach some elements; gridding enlarges roundings there: 1e-3 of the cpu runtime after correlations, 2e-4 of the reference.
      const own = runtime === "cpu" ? Math.max(bound, 2e-3) : bound;
      return [check("map", difference(state.models[0].classes[0].map, map) / largest(map), own)];
    },
  },
  {
    name: "and its perturbation",
    checks({ test, found: { state } }) {
      const sampling = goldenTable("iterations/07/run_it001_sampling.star.gz", "sampling_general");
      const drawn = sampling.number("rlnSamplingPerturbInstance");
      const expected = test.options.perturb === undefined ? 0 : drawn;
      return [near("perturbation", state.sampling.perturbation, expected, 5)];
    },
  },
  { name: "and its classes", checks: classChecks },
  {
    name: "agrees with the reference",
    applies: (_, runtime) => runtime !== "reference",
    checks: referenceChecks,
  },
];

function classChecks({
  test,
  runtime,
  found: { state },
  tables: { model: tableOf },
}: Parameters<Aspect["checks"]>[0]): Check[] {
  const [model] = state.models;
  const classes = tableOf!("model_classes");
  const edge = model.currentSize / 2;
  return model.classes.flatMap((own, k) => {
    const theirs = tableOf!(`model_class_${k + 1}`);
    const far = (values: Float64Array, label: string, end: number, start = 0) =>
      beyondPrint(values.slice(start, end), theirs.numbers(`rln${label}`).slice(start, end), "relative");
    const { sigma2, dataVsPrior, tau2, coverage } = own.radial;
    const directions = tableOf!(`model_pdf_orient_class_${k + 1}`).numbers("rlnOrientationDistribution");
    const checks = [
      // The largest shell holds the edge, the one before shares its voxels by interpolation.
      check("sigma2", far(sigma2, "ReferenceSigma2", edge), 1.2e-4),
      check("sigma2 of the largest shell", far(sigma2, "ReferenceSigma2", edge + 1, edge), 3e-2),
      ...(test.options.firstIterCc
        ? [check("SSNR", far(dataVsPrior, "SsnrMap", edge + 1), 1e-6)]
        : [
            check("SSNR", far(dataVsPrior, "SsnrMap", edge), 1.2e-4),
            check("SSNR of the largest shell", far(dataVsPrior, "SsnrMap", edge + 1, edge), 3e-2),
          ]),
      // Above the filter rounding is a larger part of what is left.
      check("tau2", far(tau2, "ReferenceTau2", edge), runtime === "reference" ? 1e-6 : 1e-5),
      // At full size two of 6494 elements, at -Nyquist on two axes, count here and not there.
      check("tau2 of the largest shell", far(tau2, "ReferenceTau2", edge + 1, edge), 3.3e-4),
      // One element of a shell that stands at the threshold.
      check("coverage", difference(coverage, theirs.numbers("rlnFourierCompleteness")), 6e-4),
      near("resolution", own.estimatedResolution, classes.numbers("rlnEstimatedResolution")[k], 5),
      near("completeness", own.completeness, classes.numbers("rlnOverallFourierCompleteness")[k], 3),
      near("share", own.weight, classes.numbers("rlnClassDistribution")[k], 5),
      check("directions", difference(own.directions, directions), 4e-5),
    ];
    if (test.options.firstIterCc) return checks;
    const orientability = theirs.numbers("rlnSpectralOrientabilityContribution");
    return [
      ...checks,
      // RELION's draws and steps are followed one by one (oracle 15).
      near("accuracy of rotations", own.accuracyRotations, classes.numbers("rlnAccuracyRotations")[k], 5),
      near(
        "accuracy of translations",
        own.accuracyTranslations,
        classes.numbers("rlnAccuracyTranslationsAngst")[k],
        5,
      ),
      check("orientability", difference(own.orientability, orientability), 2e-6),
    ];
  });
}

function referenceChecks({ test, runtime, found: { state }, reference }: Comparison): Check[] {
  const products = weighsProducts(test, runtime);
  const { margins, search, pixelSize } = reference;
  const [own, theirs] = [state.particles, reference.state.particles];
  const [model, expected] = [state.models[0], reference.state.models[0]];
  const { wrong } = poseDifferences(theirs, own, margins, search, pixelSize);
  return [
    check("poses outside their margins", wrong.length, 0),
    check("largest probability", difference(own.maxProbability, theirs.maxProbability), 1e-4),
    check("log-likelihood", difference(own.logLikelihood, theirs.logLikelihood), 1e-3),
    check(
      "norm",
      difference(own.norm, theirs.norm),
      products ? 1e-4 : test.options.oversampling === 0 ? 1e-5 : 1e-6,
    ),
    ...model.noise.map((noise, g) => check("noise", outputError(noise, expected.noise[g]), 2e-6)),
    ...model.classes.flatMap(({ radial, directions, accuracyRotations }, k) => {
      const other = expected.classes[k];
      return [
        check("sigma2", outputError(radial.sigma2, other.radial.sigma2), 5e-6),
        check("SSNR", outputError(radial.dataVsPrior, other.radial.dataVsPrior), 5e-6),
        check("directions", difference(directions, other.directions), products ? 1e-5 : 1e-6),
        near("accuracy of rotations", accuracyRotations, other.accuracyRotations, 6),
      ];
    }),
  ];
}

/** What is compared of a case on a runtime; each is one test. */
export function iterationAspects(
  test: IterationCase,
  runtime: Runtime["name"],
): readonly { readonly name: string; check(comparison: Comparison): Promise<Check[]> }[] {
  return aspects
    .filter(({ applies }) => applies?.(test, runtime) ?? true)
    .map(({ name, checks }) => ({
      name,
      check: async (comparison) =>
        checks({ ...comparison, tables: goldenIteration(test.folder, "run_it001") }),
    }));
}
