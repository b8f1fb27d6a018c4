import { angularDistance, eulerToMatrix } from "../geometry/euler.js";
import { classSeeds, nextParticleOrder, Perturbation } from "../geometry/random.js";
import { angularStep, orientationGrid } from "../geometry/sampling.js";
import type { PointGroup } from "../geometry/symmetry.js";
import { translationGrid } from "../geometry/translations.js";
import type { CentredGeometry } from "../runtime/contract.js";
import type { ScreenReport } from "../runtime/screen-tables.js";
import {
  type Automation,
  coarserSampling,
  countChanges,
  countGain,
  hasConverged,
  nextSampling,
  type Sampling,
} from "./automation.js";
import type { Checkpoint, Checkpoints } from "./checkpoint.js";
import { expectAll, type Report } from "./expect-all.js";
import { type FinalMaps, reconstructFinal, reconstructHalves } from "./halves.js";
import { type BatchChoice, DeviceIteration, type IterationInput } from "./iteration.js";
import type { HostSums } from "./maximisation.js";
import type { Model } from "./model.js";
import { applyAccuracy, applyReconstruction, classAccuracies, filterAgain } from "./model-update.js";
import type { RefineOptions } from "./options.js";
import { assignState, copyState, type ParticleSet, type ParticleState } from "./particles.js";
import { PhaseClock } from "./phase-clock.js";
import { DeviceReferences } from "./references.js";
import { membersOf, type RefineContext, type Refinement } from "./refinement.js";
import { type ImageSizes, imageSizes, initialResolution, modelResolution } from "./schedule.js";
import { makeSearch, type Search } from "./search.js";
import { flattenSolvent } from "./solvent.js";
import { ParameterSums } from "./sums.js";

/** What an iteration tells while it runs. */
export interface IterationWatch {
  /** Called before the particles are read; returns how to go through them. */
  chooseBatch(input: IterationInput): Promise<BatchChoice>;
  phase?(name: string): void;
  progress?(done: number, total: number): void;
  /** Where what the batches have summed is kept from time to time, and taken from where the iteration has begun before. */
  readonly checkpoints?: Checkpoints;
}

/** What an iteration leaves besides the new state. */
export interface IterationReport {
  readonly sizes: ImageSizes;
  readonly clock: PhaseClock;
  readonly failed: number;
  /** Particles whose set of significant samples was cut to what the device holds. */
  readonly limited: number;
  /** Bytes of the fine weights of all batches: compressed, and what all samples would take. */
  readonly weightBytes: { compressed: number; dense: number };
  /** How the coarse passes went where they were screened. */
  readonly screen?: ScreenReport;
  /** Particles worked through. */
  readonly done: number;
  /** Maps of a converged refinement. */
  readonly final?: FinalMaps;
}

/** Orientations and translations of an iteration. */
export function searchOf(
  options: RefineOptions,
  sampling: Sampling,
  group: PointGroup,
  pixelSize: number,
): Search {
  const grid = orientationGrid({
    order: sampling.healpixOrder,
    psiStep: sampling.psiStep,
    group,
    ...(options.limitTilt === undefined ? {} : { limitTilt: options.limitTilt }),
  });
  const translations = translationGrid(sampling.offsetRange, sampling.offsetStep);
  return makeSearch(grid, translations, options.oversampling, sampling.perturbation, pixelSize);
}

/** The order of the particles in an iteration: every iteration shuffles that of the one before. */
function particleOrder(set: ParticleSet, seed: number, iteration: number, half?: Uint8Array): Uint32Array {
  let order: Uint32Array = Uint32Array.from({ length: set.count }, (_, p) => p);
  const halves = half?.map((which) => which + 1);
  for (let i = 1; i <= iteration; i++) order = nextParticleOrder(order, seed, i, halves);
  return order;
}

function perturbationOf(options: RefineOptions, iteration: number): number {
  const perturbation = new Perturbation(options.perturb, options.randomSeed);
  for (let i = 1; i <= iteration; i++) perturbation.next(i);
  return perturbation.instance;
}

/** Sizes of the images in the coming iteration. */
export function nextSizes(refinement: Refinement, options: RefineOptions, last = false): ImageSizes {
  const { sampling, automation, models } = refinement;
  return imageSizes(models[0], {
    particleDiameter: options.particleDiameter,
    incrementSize: automation.incrementSize,
    oversampling: options.oversampling,
    angularStep: angularStep(sampling.healpixOrder),
    last,
    highFsc: automation.highFsc && models[0].averagePmax > 0.1,
    ...(options.coarseSize === undefined ? {} : { maxCoarseSize: options.coarseSize }),
    ...(options.strictHighresExp === undefined ? {} : { strictHighRes: options.strictHighresExp }),
  });
}

/** What the iterations of a run share, for the number `iteration`. */
function iterationKind({ options, references }: RefineContext, iteration: number) {
  const grown = options.K > 1 && references === 1;
  const first = options.firstIterCc && iteration === 1;
  return {
    correlation: options.alwaysCc || first,
    oneClass: grown && first,
    seeded: grown && iteration === (options.firstIterCc ? 2 : 1),
  };
}

/** The input of an iteration for half set `h`, before its models are on the device. Half sets share a `search`. */
export function iterationInput(
  context: RefineContext,
  refinement: Refinement,
  h: number,
  sampling: Sampling,
  sizes: ImageSizes,
  search = searchOf(context.options, sampling, context.group, context.set.pixelSize),
): IterationInput {
  const { set, options, group } = context;
  const iteration = refinement.iteration + 1;
  const { correlation, oneClass, seeded } = iterationKind(context, iteration);
  const order = seeded ? particleOrder(set, options.randomSeed, iteration, refinement.half) : undefined;
  return {
    options,
    model: withDirections(refinement.models[h], search.grid.rot.length),
    set,
    state: refinement.particles,
    members: subsetOf(membersOf(set, refinement.half, h), context, iteration),
    search,
    sizes,
    group,
    correlation,
    oneClass,
    ...localSearch(options, refinement.automation),
    ...(order === undefined ? {} : { seeds: classSeeds(order, options.randomSeed, options.K) }),
  };
}

/** Iterations up to each of these use this many particles a class (`--fast_subsets`), or a share of all. */
const subsets = [
  { until: 5, each: 1500, share: 0 },
  { until: 10, each: 4500, share: 0 },
  { until: 15, each: 4500, share: 0.3 },
];

/** The particles of an iteration: all, or the first ones of its order. */
function subsetOf(members: number[], { set, options }: RefineContext, iteration: number): number[] {
  const subset = options.fastSubsets ? subsets.find(({ until }) => iteration <= until) : undefined;
  if (subset === undefined) return members;
  const size = Math.max(subset.each * options.K, Math.floor(subset.share * set.count));
  if (size >= set.count) return members;
  return [...particleOrder(set, options.randomSeed, iteration).subarray(0, size)].sort((a, b) => a - b);
}

/** Directions are as likely as each other where a finer search begins. */
const withDirections = (model: Model, count: number): Model => ({
  ...model,
  classes: model.classes.map((own) =>
    own.directions.length === count
      ? own
      : { ...own, directions: new Float64Array(count).fill(own.weight / count) },
  ),
});

/** One iteration: expectation over all particles, then new maps and parameters. The given state stays as it is. */
export async function nextIteration(
  context: RefineContext,
  refinement: Refinement,
  watch: IterationWatch,
): Promise<{ refinement: Refinement; report: IterationReport }> {
  const { runtime, set, options, group, held } = context;
  const iteration = refinement.iteration + 1;
  const clock = new PhaseClock();
  const halves = refinement.models.length > 1;
  const last = options.autoRefine && (options.forceConverge || hasConverged(refinement.automation, options));
  const sizes = nextSizes(refinement, options, last);
  const { correlation, oneClass } = iterationKind(context, iteration);
  const next = copyState(refinement.particles);
  const models = refinement.models.map(copyModel);
  const report: Report = {
    sizes,
    clock,
    failed: 0,
    limited: 0,
    done: 0,
    weightBytes: { compressed: 0, dense: 0 },
  };
  let { automation } = refinement;
  let sampling: Sampling = { ...refinement.sampling, perturbation: perturbationOf(options, iteration) };
  const classes = oneClass ? 1 : options.K;
  const sums: ParameterSums[] = [];
  const halfSums: HostSums[] = [];
  let geometry: CentredGeometry | undefined;
  let chosen: { readonly of: string; readonly search: Search; readonly batch: BatchChoice } | undefined;
  /** The search and its batches, made anew where the sampling has changed since the last call. */
  const choose = async (h: number) => {
    const of = JSON.stringify([sampling, automation.localSigma]);
    if (chosen?.of === of) return chosen;
    const input = iterationInput(context, { ...refinement, automation }, h, sampling, sizes);
    chosen = { of, search: input.search, batch: await watch.chooseBatch(input) };
    return chosen;
  };
  let saved: Checkpoint | undefined;
  // Images that stay on the device lie below everything else.
  if (held !== undefined) held.hold((await choose(0)).batch.hold);
  for (const [h, model] of refinement.models.entries()) {
    const open = () => DeviceReferences.open(runtime, model, classes, sizes.current, options.strictLowresExp);
    let references: DeviceReferences | undefined = await open();
    try {
      geometry = references.projector;
      if (h === 0 && !correlation && !options.skipAlign) {
        watch.phase?.("accuracy of assignments");
        const order = particleOrder(set, options.randomSeed, iteration, refinement.half);
        const accuracies = await classAccuracies(references, context, refinement, sizes, order);
        automation = { ...automation, ...applyAccuracy(models[0], accuracies) };
        if (options.allowCoarserSampling && !options.autoRefine)
          sampling = coarserSampling(sampling, automation, options);
        if (options.autoRefine && iteration > 1 && !last)
          ({ automation, sampling } = nextSampling(automation, sampling, options, model.currentResolution));
      }
      const { search, batch } = await choose(h);
      if (held?.stack !== undefined && !batch.hold) {
        references.close();
        references = undefined;
        held.hold(false);
        references = await open();
      }
      const input = iterationInput(context, { ...refinement, automation }, h, sampling, sizes, search);
      const own = new ParameterSums(input, next);
      sums.push(own);
      if (h === 0) {
        saved = watch.checkpoints?.find(iteration, runtime, batch);
        if (saved !== undefined) {
          assignState(next, saved.particles);
          Object.assign(report, structuredClone(saved.counts));
        }
      }
      if (saved !== undefined && h <= saved.half) own.restore(saved.parameters[h]);
      if (saved !== undefined && h < saved.half) {
        halfSums.push(saved.finished[h]);
        continue;
      }
      const device = await DeviceIteration.start(references, input, batch, { images: held?.stack, clock });
      await runtime.finish();
      clock.lap("accuracy");
      watch.phase?.(halves ? `expectation of half set ${h + 1}` : "expectation");
      const done = saved?.half === h ? saved.done : 0;
      if (done > 0) watch.checkpoints?.restore(runtime, device.running);
      const { members } = input;
      await expectAll(
        context,
        device,
        { iteration, next, sums, halfSums, batch, report, watch },
        members,
        done,
      );
      watch.phase?.("maximisation");
      if (options.skipMaximize) continue;
      if (halves) halfSums.push(await device.hostSums(0));
      else
        for (let k = 0; k < classes; k++)
          applyReconstruction(models[0], k, await device.reconstruct(k, own.classWeight[k]));
    } finally {
      references?.close();
    }
  }
  report.failed = sums.reduce((sum, { failed }) => sum + failed, 0);
  if (options.skipMaximize) {
    const changes = changesBetween(refinement.particles, next, group);
    return {
      refinement: {
        ...refinement,
        iteration,
        particles: next,
        sampling,
        automation: { ...automation, changes },
      },
      report,
    };
  }
  if (halves && geometry !== undefined) {
    const joint = {
      sums: [halfSums[0], halfSums[1]] as const,
      norms: [sums[0].weight, sums[1].weight] as const,
      geometry,
      box: set.box,
      pixelSize: set.pixelSize,
      resolution: refinement.models[0].currentResolution,
      options,
      currentSize: sizes.current,
    };
    if (last) report.final = await reconstructFinal(runtime, joint);
    else {
      const { fsc, halves: found } = await reconstructHalves(runtime, joint);
      for (const [h, model] of models.entries()) applyReconstruction(model, 0, found[h], fsc);
      automation = { ...automation, ...fscRules(automation, fsc, sizes.current) };
    }
  }
  if (last) sums[0].absorb(sums[1]);
  for (const [h, model] of models.entries()) {
    sums[h].update(model);
    model.ctfCorrected = true;
    model.currentSize = sizes.current;
  }
  if (last && report.final !== undefined)
    applyReconstruction(models[0], 0, report.final.joined, report.final.fsc);
  if (halves) {
    // Both half sets go on at the same resolution.
    models[1].averagePmax = models[0].averagePmax;
    const [own] = models[1].classes;
    own.radial = { ...own.radial, dataVsPrior: models[0].classes[0].radial.dataVsPrior };
  }
  if (correlation && iteration === 1 && options.iniHigh > 0)
    for (const model of models) await filterAgain(context, model, oneClass);
  if (options.flattenSolvent && !last)
    for (const model of models)
      for (const own of model.classes) flattenSolvent(own.map, set.box, set.pixelSize, options);
  const resolution =
    options.iniHigh > 0 && iteration === 1 && options.firstIterCc
      ? initialResolution(set.box, set.pixelSize, options.iniHigh)
      : modelResolution(models[0], halves);
  for (const model of models) model.currentResolution = resolution;
  automation = countGain(automation, resolution);
  const changes = changesBetween(refinement.particles, next, group);
  automation = countChanges(automation, changes, sampling);
  automation = { ...automation, converged: last };
  clock.lap("reconstruct");
  return {
    refinement: { ...refinement, iteration, models, particles: next, sampling, automation },
    report,
  };
}

/** What the FSC between half sets says of the next image sizes. */
function fscRules(
  automation: Automation,
  fsc: Float64Array,
  currentSize: number,
): Pick<Automation, "incrementSize" | "highFsc"> {
  const below = (limit: number) => fsc.findIndex((value, s) => s > 0 && value < limit);
  return {
    incrementSize: Math.max(automation.incrementSize, below(0.143) - below(0.5) + 5),
    highFsc: automation.highFsc || fsc[currentSize / 2 - 1] > 0.2,
  };
}

/** Priors of the options, or those that an automated refinement came to. */
function localSearch(options: RefineOptions, { localSigma }: Automation): Pick<IterationInput, "local"> {
  const { sigmaRot = 0, sigmaTilt = 0, sigmaPsi = 0, bimodalPsi } = options;
  const direction = Math.max(sigmaRot, sigmaTilt, localSigma);
  const psi = Math.max(sigmaPsi, localSigma);
  return direction > 0 || psi > 0 ? { local: { direction, psi, bimodalPsi } } : {};
}

const copyModel = (model: Model): Model => ({
  ...model,
  classes: model.classes.map((own) => ({ ...own })),
});

function changesBetween(before: ParticleState, after: ParticleState, group: PointGroup) {
  const count = after.rot.length;
  const [, ...others] = group.operators;
  let [angles, offsets, classes] = [0, 0, 0];
  for (let p = 0; p < count; p++) {
    angles += angularDistance(
      eulerToMatrix(after.rot[p], after.tilt[p], after.psi[p]),
      eulerToMatrix(before.rot[p], before.tilt[p], before.psi[p]),
      others,
    );
    offsets += (after.originX[p] - before.originX[p]) ** 2 + (after.originY[p] - before.originY[p]) ** 2;
    if (after.class[p] !== before.class[p]) classes++;
  }
  return {
    orientations: angles / count,
    offsets: Math.sqrt(offsets / (2 * count)),
    classes: classes / count,
  };
}
