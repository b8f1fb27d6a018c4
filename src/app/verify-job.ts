import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HeldImages } from "../em/held-images.js";
import { largestBatch } from "../em/memory.js";
import type { RefineOptions } from "../em/options.js";
import { type ParticleSet, particleSet } from "../em/particles.js";
import { type RefineContext, type Refinement, startRefinement } from "../em/refinement.js";
import { nextIteration, searchOf } from "../em/run-iteration.js";
import { UserError } from "../errors.js";
import { nodeDisk } from "../formats/node.js";
import { StarFile } from "../formats/star/index.js";
import { realFft } from "../geometry/fft.js";
import { fourierShellCorrelation } from "../geometry/fourier.js";
import { pointGroup } from "../geometry/symmetry.js";
import type { CoarseStrategy, Runtime } from "../runtime/contract.js";
import { coarseStrategies, scoreStrategies } from "../runtime/operands.js";
import { openReference } from "../runtime/reference/index.js";
import { isDouble } from "../runtime/tolerances.js";
import { outputError } from "../runtime/verify/harness.js";
import { writeDataset } from "../simulator/dataset.js";
import { loadMaps } from "../simulator/plan.js";
import { renderHere } from "../simulator/render.js";
import { type Margin, poseDifferences, type ScoreBounds, watchMargins } from "./margins.js";
import { parseRefineArguments } from "./refine/arguments.js";
import { ImageStore } from "./refine/image-store.js";
import { completeOptions, readParticleSet, readReferences } from "./refine/inputs.js";

interface JobTolerances {
  /** Scores decide; a decision that they leave open within this is a tie. */
  readonly scores: ScoreBounds;
  /** Largest probabilities, or correlations. */
  readonly best: { readonly likelihood: number; readonly correlation: number };
  /** Noise spectra, relative. */
  readonly sigma2: number;
  /** Sums of weights by shell and by direction, relative. */
  readonly sums: number;
  /** Relative error of the maps, whose FSC it holds above 1 - map^2. */
  readonly map: number;
}

/** FSC between maps where a tie fell otherwise, at least. */
const fscAfterTies = 0.99;

/** What is allowed between a float32 runtime and the reference after a whole iteration. */
const singleTolerances: JobTolerances = {
  scores: { diff2: 1e-3, correlation: 2e-6 },
  best: { likelihood: 1e-3, correlation: 2e-6 },
  sigma2: 2e-5,
  sums: 2e-5,
  map: 1e-2,
};
/** The same for a float64 runtime: scores of hundreds carry 2^-53 of their size. */
const doubleTolerances: JobTolerances = {
  scores: { diff2: 1e-9, correlation: 1e-12 },
  best: { likelihood: 1e-9, correlation: 1e-12 },
  sigma2: 1e-11,
  sums: 1e-11,
  map: 1e-6,
};

/** The distance of a runtime from exact numbers. */
function tolerancesOf(runtime: Runtime): JobTolerances | undefined {
  if (runtime.name === "reference" && isDouble(runtime)) return undefined;
  return isDouble(runtime) ? doubleTolerances : singleTolerances;
}

/** Of two runtimes each may be off by its own distance, to either side. */
function tolerancesBetween(one: Runtime, other: Runtime): JobTolerances {
  const [a, b] = [tolerancesOf(one), tolerancesOf(other)];
  if (a === undefined || b === undefined) return a ?? b ?? doubleTolerances;
  return {
    scores: {
      diff2: a.scores.diff2 + b.scores.diff2,
      correlation: a.scores.correlation + b.scores.correlation,
    },
    best: {
      likelihood: a.best.likelihood + b.best.likelihood,
      correlation: a.best.correlation + b.best.correlation,
    },
    sigma2: a.sigma2 + b.sigma2,
    sums: a.sums + b.sums,
    map: a.map + b.map,
  };
}

/** How one way through an iteration agrees with the reference, or with another runtime. */
export interface JobAgreement {
  readonly scores: "likelihood" | "correlation";
  /** Correlations have one kernel. */
  readonly strategy: CoarseStrategy | "all";
  readonly particles: number;
  /** Particles with another pose or class; outside their margins. */
  readonly otherPoses: number;
  readonly wrongPoses: number;
  readonly otherCounts: number;
  readonly wrongCounts: number;
  /** The first particle whose number of significant samples is outside its margin. */
  readonly wrongCount?: {
    readonly particle: number;
    readonly found: number;
    readonly expected: number;
    readonly least: number;
    readonly most: number;
  };
  readonly best: number;
  readonly sigma2: number;
  readonly sums: number;
  readonly fsc: number;
  readonly ok: boolean;
}

export interface JobOptions {
  /** What the iterations are compared with; a reference of its own where it is left out. */
  readonly against?: Runtime;
  /** Words of `cryotile refine`; without --i a set is simulated. */
  readonly words: readonly string[];
  readonly seed: number;
  /** Most particles that are taken, spread over the set. */
  readonly particles: number;
  readonly report: (line: string) => void;
}

/** One iteration by correlation and one by likelihood on the reference (or `against`), and on `gpu` with every strategy. */
export async function verifyJob(gpu: Runtime, options: JobOptions): Promise<JobAgreement[]> {
  const folder = mkdtempSync(join(tmpdir(), "cryotile-verify-"));
  try {
    const given = options.words.some((word) => word === "--i" || word.startsWith("--i="));
    const words = given ? options.words : [...(await simulate(folder, options)), ...options.words];
    return await compare(gpu, words, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const simulated = { box: 32, pixelSize: 4.5, diameter: 110 };

/** A small set and the words that refine it. */
async function simulate(folder: string, { seed, particles, report }: JobOptions): Promise<string[]> {
  const { box, pixelSize, diameter } = simulated;
  const source = { kind: "builtin", group: "C1", classes: 1, seed } as const;
  const maps = await loadMaps(source, { box, pixelSize, resolution: 2 * pixelSize }, report);
  const optics = { name: "opticsGroup1", voltage: 300, sphericalAberration: 2.7, amplitudeContrast: 0.1 };
  const plan = {
    seed,
    count: particles,
    box,
    pixelSize,
    optics: [optics],
    classWeights: [1],
    continuous: false,
    micrographs: Math.min(2, particles),
    defocus: [10000, 25000] as const,
    astigmatism: 500,
    bFactor: 0,
    phaseShift: 0,
    applyCtf: true,
    offsetSigma: 4,
    scaleSigma: 0.05,
    snr: 0.2,
    colouredShare: 0.1,
    correlationLength: 20,
    diameter,
  };
  const files = await writeDataset(plan, maps, {
    folder,
    disk: nodeDisk,
    render: renderHere,
    mode: 2,
    stackSize: 1e9,
    startResolution: 25,
    overwrite: true,
  });
  const search =
    "--healpix_order 1 --offset_range 2 --offset_step 1 --skip_gridding --zero_mask --norm --scale";
  return [
    ...[
      "--i",
      files.particles,
      "--ref",
      files.start,
      "--ini_high",
      "25",
      "--ctf",
      "--random_seed",
      `${seed}`,
    ],
    ...["--particle_diameter", `${diameter}`, ...search.split(" ")],
  ];
}

interface Job {
  readonly set: ParticleSet;
  readonly maps: readonly Float32Array[];
  readonly options: RefineOptions;
  readonly images: ImageStore;
}

async function readJob(words: readonly string[], most: number): Promise<Job> {
  const args = parseRefineArguments([...words, "--o", "none"]);
  const { files } = args;
  if (files.continueFrom !== undefined)
    throw new UserError("verify --job starts new runs: --continue has no place");
  const all = await readParticleSet(nodeDisk, files.i);
  const options = await completeOptions(nodeDisk, args.options, files, all);
  if (options.autoRefine || options.skipAlign || options.skipRotate || options.sigmaRot !== undefined)
    throw new UserError(
      "verify --job compares searches over all orientations, without half sets: leave out --auto_refine, --skip_align, --skip_rotate and --sigma_ang",
    );
  const maps = await readReferences(nodeDisk, files.ref, all, args, options.K);
  const count = Math.min(most, all.count);
  const rows = Array.from({ length: count }, (_, i) => Math.floor((i * all.count) / count));
  const set = particleSet(new StarFile(files.i, [all.optics, all.particles.selectRows(rows)]));
  return {
    set,
    maps,
    options,
    images: await ImageStore.open(
      nodeDisk,
      set,
      files.i,
      Number.POSITIVE_INFINITY,
      options.particleDiameter / (2 * set.pixelSize),
    ),
  };
}

/** Particles of a batch of what is compared with; its scores are read to tell ties. */
const expectedBatch = 64;

async function compare(
  gpu: Runtime,
  words: readonly string[],
  { particles, report, against }: JobOptions,
): Promise<JobAgreement[]> {
  const job = await readJob(words, particles);
  const { set } = job;
  report(`${set.count} particles of ${set.box} pixels, ${job.options.K} class(es), ${job.options.sym}`);
  const agreements: JobAgreement[] = [];
  for (const scores of ["correlation", "likelihood"] as const) {
    const firstIterCc = scores === "correlation";
    const options = { ...job.options, firstIterCc, alwaysCc: false };
    const base = against ?? openReference();
    const tolerances = tolerancesBetween(gpu, base);
    const { runtime, margins } = watchMargins(base, tolerances.scores, options.adaptiveFraction);
    // A screen leaves no array of scores to tell ties by.
    const read = base.layout.screens ? { ...options, gsd: "direct" as const } : options;
    const expected = await iterate(runtime, job, read, true);
    if (against === undefined) await base.close();
    for (const strategy of firstIterCc ? (["all"] as const) : strategiesOf(gpu)) {
      const gsd = strategy === "all" ? options.gsd : strategy;
      const found = await iterate(gpu, job, { ...options, gsd }, false);
      agreements.push(agreement(scores, strategy, expected, found, margins, job, tolerances));
    }
  }
  return agreements;
}

/** The strategies that differ there. */
const strategiesOf = ({ layout }: Runtime): readonly CoarseStrategy[] =>
  layout.screens ? coarseStrategies : scoreStrategies;

async function iterate(
  runtime: Runtime,
  { set, maps, images }: Job,
  options: RefineOptions,
  isExpected: boolean,
): Promise<Refinement> {
  const group = pointGroup(options.sym, { relionUnit: true });
  const held = runtime.layout.holdsImages ? { held: new HeldImages(runtime, set) } : {};
  const context: RefineContext = { runtime, set, options, images, group, references: maps.length, ...held };
  const { refinement } = await nextIteration(context, await startRefinement(context, maps), {
    async chooseBatch(input) {
      if (isExpected) return { size: Math.min(expectedBatch, set.count), keep: "nothing", hold: false };
      return (await largestBatch(runtime.layout, input, runtime.capabilities, set.count)).batch;
    },
  });
  return refinement;
}

function agreement(
  scores: JobAgreement["scores"],
  strategy: JobAgreement["strategy"],
  expected: Refinement,
  found: Refinement,
  margins: readonly Margin[],
  { set, options }: Job,
  tolerances: JobTolerances,
): JobAgreement {
  const group = pointGroup(options.sym, { relionUnit: true });
  const search = searchOf(options, expected.sampling, group, set.pixelSize);
  const [own, theirs] = [found.particles, expected.particles];
  const poses = poseDifferences(theirs, own, margins, search, set.pixelSize);
  const counts = Array.from(own.significant.keys()).filter(
    (p) => own.significant[p] !== theirs.significant[p],
  );
  const wrongCounts = counts.filter(
    (p) => own.significant[p] < margins[p].least || own.significant[p] > margins[p].most,
  );
  const [p] = wrongCounts;
  const wrongCount =
    p === undefined
      ? {}
      : {
          wrongCount: {
            particle: p + 1,
            found: own.significant[p],
            expected: theirs.significant[p],
            least: margins[p].least,
            most: margins[p].most,
          },
        };
  const values = scores === "correlation" ? "logLikelihood" : "maxProbability";
  const best = largestOf(Array.from(own[values], (value, p) => Math.abs(value - theirs[values][p])));
  const [model, truth] = [found.models[0], expected.models[0]];
  const sigma2 = largestOf(model.noise.map((noise, g) => outputError(noise, truth.noise[g])));
  // After correlations the maps are filtered again: nothing is left beyond.
  const shells =
    scores === "correlation" && options.iniHigh > 0
      ? Math.round(truth.currentResolution * set.box * set.pixelSize)
      : truth.currentSize / 2 - 1;
  const fsc = Math.min(
    ...model.classes.map(({ map }, k) => leastCorrelation(map, truth.classes[k].map, shells, set.box)),
  );
  const ties = poses.other.length / set.count;
  const leastFsc = ties > 0 ? fscAfterTies : 1 - tolerances.map ** 2;
  const sums = largestOf(
    model.classes.flatMap(({ radial, directions }, k) => [
      outputError(radial.sigma2, truth.classes[k].radial.sigma2),
      outputError(directions, truth.classes[k].directions),
    ]),
  );
  return {
    scores,
    strategy,
    particles: set.count,
    otherPoses: poses.other.length,
    wrongPoses: poses.wrong.length,
    otherCounts: counts.length,
    wrongCounts: wrongCounts.length,
    ...wrongCount,
    best,
    sigma2,
    sums,
    fsc,
    ok:
      poses.wrong.length + wrongCounts.length === 0 &&
      best <= tolerances.best[scores] &&
      sigma2 <= tolerances.sigma2 &&
      // A particle takes its weight from one pose to another.
      sums <= tolerances.sums + 2 * ties &&
      fsc >= leastFsc,
  };
}

const largestOf = (values: readonly number[]): number =>
  values.reduce(
    (most, value) => (value <= most ? most : Number.isNaN(value) ? Number.POSITIVE_INFINITY : value),
    0,
  );

/** The worst FSC of shells 1 .. `shells`; 1 for two empty maps. */
function leastCorrelation(a: ArrayLike<number>, b: ArrayLike<number>, shells: number, box: number): number {
  const [one, two] = [a, b].map((map) => realFft(Float64Array.from(map), [box, box, box]));
  if (![a, b].some((map) => Array.from(map).some((value) => value !== 0))) return 1;
  return Math.min(...fourierShellCorrelation(one, two).slice(1, shells + 1));
}
