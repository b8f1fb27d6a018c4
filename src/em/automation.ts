import { angularStep } from "../geometry/sampling.js";
import type { RefineOptions } from "./options.js";

/** Steps of the search: degrees and Angstrom. */
export interface SamplingSteps {
  readonly healpixOrder: number;
  readonly psiStep: number;
  readonly offsetRange: number;
  readonly offsetStep: number;
}

/** The search of an iteration, and the one that the run began with. */
export interface Sampling extends SamplingSteps {
  readonly original: SamplingSteps;
  /** Random turn of the grids, as a share of a step. */
  readonly perturbation: number;
}

/** Changes between two iterations: mean angle (degrees), root mean square offset (Angstrom), share of other classes. */
export interface Changes {
  readonly orientations: number;
  readonly offsets: number;
  readonly classes: number;
}

/** What decides on sampling and convergence of an automated refinement; kept for classifications too. */
export interface Automation {
  readonly changes: Changes;
  readonly smallest: Changes;
  /** Iterations without better resolution, and without larger changes than before. */
  readonly withoutGain: number;
  readonly withoutChange: number;
  /** 1 / Angstrom. */
  readonly bestResolution: number;
  /** Degrees and Angstrom; 999 before the first estimate. */
  readonly accuracyRotations: number;
  readonly accuracyTranslations: number;
  readonly fineEnough: boolean;
  readonly converged: boolean;
  readonly highFsc: boolean;
  readonly incrementSize: number;
  /** Standard deviation of the priors on angles in local searches, degrees; 0: global search. */
  readonly localSigma: number;
}

const never: Changes = { orientations: 999, offsets: 999, classes: 9999999 };

export function newAutomation(options: RefineOptions): Automation {
  const local = options.autoRefine && options.healpixOrder >= options.autoLocalHealpixOrder;
  return {
    changes: never,
    smallest: never,
    withoutGain: 0,
    withoutChange: 0,
    bestResolution: 0,
    accuracyRotations: 999,
    accuracyTranslations: 999,
    fineEnough: false,
    converged: false,
    highFsc: false,
    incrementSize: options.incrSize,
    localSigma: local ? 2 * fineStep(options.healpixOrder, options.oversampling) : 0,
  };
}

const fineStep = (order: number, oversampling: number) => angularStep(order) / 2 ** oversampling;

/** Differences of resolution (1 / Angstrom) that are no gain. */
const leastGain = 1e-4;

/** Count iterations without gain in resolution. */
export function countGain(automation: Automation, resolution: number): Automation {
  const better = resolution > automation.bestResolution + leastGain;
  return {
    ...automation,
    withoutGain: better ? 0 : automation.withoutGain + 1,
    bestResolution: Math.max(resolution, automation.bestResolution),
  };
}

/** Changes of less than this share of a coarse step do not count. */
const littleChange = 0.4;

/** Count iterations in which assignments changed little, or no less than before. */
export function countChanges(
  automation: Automation,
  changes: Changes,
  { healpixOrder, offsetStep }: SamplingSteps,
): Automation {
  const { smallest } = automation;
  const settled = (change: number, step: number, least: number) =>
    change < littleChange * step || 1.03 * change >= least;
  const still =
    1.03 * changes.classes >= smallest.classes &&
    settled(changes.offsets, offsetStep, smallest.offsets) &&
    settled(changes.orientations, angularStep(healpixOrder), smallest.orientations);
  return {
    ...automation,
    changes,
    withoutChange: still ? automation.withoutChange + 1 : 0,
    smallest: {
      orientations: Math.min(smallest.orientations, changes.orientations),
      offsets: Math.min(smallest.offsets, changes.offsets),
      classes: Math.min(smallest.classes, Math.floor(changes.classes + 0.5)),
    },
  };
}

/** Whether an automated refinement has nothing left to gain: the coming iteration is the last one. */
export const hasConverged = (automation: Automation, options: RefineOptions): boolean =>
  automation.fineEnough &&
  automation.withoutGain >= 1 &&
  (automation.withoutChange >= 1 || options.autoIgnoreAngles);

/** The largest offset step, Angstrom. */
const largestOffsetStep = 1.5;

/**
 * The search of the next iteration of an automated refinement (Scheres 2012, J Struct Biol 180:519, section 2.7): finer where the accuracy
 * of the assignments asks for it. `resolution` in 1 / Angstrom.
 */
export function nextSampling(
  automation: Automation,
  sampling: Sampling,
  options: RefineOptions,
  resolution: number,
): { automation: Automation; sampling: Sampling } {
  const { oversampling } = options;
  const step = fineStep(sampling.healpixOrder, oversampling);
  const byResolution =
    options.autoResolAngles &&
    360 / Math.ceil(Math.PI * options.particleDiameter * resolution) < step &&
    sampling.healpixOrder + 1 !== options.autoLocalHealpixOrder;
  const settled = automation.withoutChange >= 1 || options.autoIgnoreAngles;
  if (!((automation.withoutGain >= 1 || byResolution) && settled)) return { automation, sampling };
  if (step < 0.75 * automation.accuracyRotations)
    return { automation: { ...automation, fineEnough: true }, sampling };
  let offsetStep = Math.min(largestOffsetStep, 0.75 * automation.accuracyTranslations) * 2 ** oversampling;
  let offsetRange = Math.min(
    1.3 * sampling.offsetRange,
    Math.max(1.5 * offsetStep, 5 * automation.changes.offsets),
  );
  if (offsetRange > 4 * offsetStep) offsetRange /= 2;
  if (offsetRange > 4 * offsetStep) offsetStep = offsetRange / 4;
  if (offsetStep > sampling.offsetStep) ({ offsetStep, offsetRange } = sampling);
  const healpixOrder = sampling.healpixOrder + 1;
  const local = healpixOrder >= options.autoLocalHealpixOrder;
  return {
    sampling: { ...sampling, healpixOrder, psiStep: angularStep(healpixOrder), offsetStep, offsetRange },
    automation: {
      ...automation,
      fineEnough: false,
      withoutGain: 0,
      withoutChange: 0,
      smallest: never,
      localSigma: local ? 2 * fineStep(healpixOrder, oversampling) : automation.localSigma,
    },
  };
}

/** A coarser search for a classification whose accuracies do not bear the one it began with (`--allow_coarser_sampling`). */
export function coarserSampling(
  sampling: Sampling,
  automation: Automation,
  options: RefineOptions,
): Sampling {
  const { original } = sampling;
  const { oversampling } = options;
  const borne = (order: number) => fineStep(order, oversampling) >= 0.8 * automation.accuracyRotations;
  let healpixOrder = original.healpixOrder;
  while (healpixOrder > 0 && !borne(healpixOrder)) healpixOrder--;
  if (healpixOrder < original.healpixOrder && borne(healpixOrder)) healpixOrder++;
  const wanted = Math.min(
    0.8 * automation.accuracyTranslations * 2 ** oversampling,
    0.95 * sampling.offsetRange,
  );
  return {
    ...sampling,
    healpixOrder,
    psiStep: healpixOrder === original.healpixOrder ? original.psiStep : angularStep(healpixOrder),
    offsetStep: Math.max(original.offsetStep, wanted),
  };
}
