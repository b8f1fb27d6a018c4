import { randomHalves } from "../geometry/random.js";
import { orientationGrid } from "../geometry/sampling.js";
import type { PointGroup } from "../geometry/symmetry.js";
import type { Runtime } from "../runtime/contract.js";
import { put } from "../runtime/tables.js";
import { type Automation, newAutomation, type Sampling } from "./automation.js";
import type { HeldImages } from "./held-images.js";
import { InitialNoise } from "./images.js";
import type { ClassModel, Model } from "./model.js";
import type { RefineOptions } from "./options.js";
import { copyState, type ParticleSet, type ParticleState } from "./particles.js";
import { lowPassMap } from "./reference.js";
import { initialResolution, modelResolution } from "./schedule.js";
import { mapPower } from "./ssnr.js";
import { within } from "./within.js";

/** Images of particles in batches, in the order that was asked for. The pixels of a batch stay until the next one is asked for. */
export interface ImageSource {
  batches(
    particles: readonly number[],
    size: number,
  ): AsyncIterable<{ readonly particles: readonly number[]; readonly images: Float32Array }>;
}

/** What a run works with from its start to its end. */
export interface RefineContext {
  readonly runtime: Runtime;
  readonly set: ParticleSet;
  readonly options: RefineOptions;
  readonly images: ImageSource;
  /** Where images stay on the device; undefined where each batch sends its own. */
  readonly held?: HeldImages;
  /** Awaited before every batch: a run rests here. */
  rest?(): Promise<void>;
  readonly group: PointGroup;
  /** Number of references that were given: K classes grow from one, or start from K. */
  readonly references: number;
}

/** Everything that an iteration starts from and a saved run holds. */
export interface Refinement {
  readonly iteration: number;
  /** One model, or one of each half set. */
  readonly models: readonly Model[];
  /** Half set of each particle, 0 or 1. */
  readonly half?: Uint8Array;
  readonly particles: ParticleState;
  readonly sampling: Sampling;
  readonly automation: Automation;
}

/** Bytes of images at a time while noise spectra are estimated. */
const noiseBytes = 2 ** 24;

/** The half set (0 or 1) of each particle: those of the file where all particles have one, else drawn from the seed. */
export function halfSets(set: ParticleSet, seed: number): Uint8Array {
  const given = set.particles.has("rlnRandomSubset") ? set.particles.integers("rlnRandomSubset") : undefined;
  if (given?.every((subset) => subset === 1 || subset === 2))
    return Uint8Array.from(given, (subset) => subset - 1);
  return randomHalves(set.count, seed).map((subset) => subset - 1);
}

/** Particles of a half set, or all. */
export const membersOf = (set: ParticleSet, half: Uint8Array | undefined, which: number): number[] =>
  Array.from({ length: set.count }, (_, p) => p).filter((p) => half === undefined || half[p] === which);

/**
 * Iteration 0: noise spectra from the images, references filtered to `iniHigh`, even distributions.
 * `maps` holds K references, or one for all classes; box^3 voxels each.
 */
export async function startRefinement(
  context: RefineContext,
  maps: readonly (Float32Array | Float64Array)[],
  half?: Uint8Array,
): Promise<Refinement> {
  const { runtime, set, options, group } = context;
  const { box, pixelSize } = set;
  const references: { map: Float32Array | Float64Array; power: Float64Array }[] = [];
  for (const map of maps) references.push(await filteredReference(runtime, map, set, options));
  const directions = orientationGrid({
    order: options.healpixOrder,
    group,
    ...(options.psiStep === undefined ? {} : { psiStep: options.psiStep }),
    ...(options.limitTilt === undefined ? {} : { limitTilt: options.limitTilt }),
  });
  const spectra = await initialNoise(context, half);
  const models: Model[] = [];
  for (let which = 0; which < (half === undefined ? 1 : 2); which++) {
    const members = membersOf(set, half, which);
    const noise = spectra[which];
    const classes = Array.from({ length: options.K }, (_, k): ClassModel => {
      const { map, power } = references[Math.min(k, references.length - 1)];
      const weight = 1 / options.K;
      const shells = box / 2 + 1;
      const blank = () => new Float64Array(shells);
      return {
        map,
        weight,
        directions: new Float64Array(directions.rot.length).fill(weight / directions.rot.length),
        radial: {
          sigma2: blank(),
          tau2: power.map((value) => (options.tau2Fudge * value * box * box) / 2),
          dataVsPrior: initialSsnr(power, noise, options, members.length * weight, box),
          coverage: blank(),
          fsc: blank(),
        },
        orientability: blank(),
        accuracyRotations: 999,
        accuracyTranslations: 999,
        estimatedResolution: 0,
        completeness: 0,
      };
    });
    models.push({
      box,
      pixelSize,
      padding: options.pad,
      classes,
      noise,
      scale: new Float64Array(set.groupNames.length).fill(1),
      averageNorm: 1,
      sigmaOffset: options.offset,
      logLikelihood: 0,
      averagePmax: 0,
      currentResolution: 0,
      currentSize: 0,
      ctfCorrected: options.ctfCorrectedRef,
    });
  }
  for (const model of models)
    model.currentResolution =
      options.iniHigh > 0
        ? initialResolution(box, pixelSize, options.iniHigh)
        : Math.max(...models.map((own) => modelResolution(own, half !== undefined)));
  const offsetRange = options.offsetRange * pixelSize;
  const offsetStep = options.offsetStep * pixelSize;
  const start = {
    healpixOrder: options.healpixOrder,
    psiStep: directions.psiStep,
    offsetRange,
    offsetStep,
  };
  return {
    iteration: 0,
    models,
    ...(half === undefined ? {} : { half }),
    particles: copyState(set.initial),
    sampling: { ...start, original: start, perturbation: 0 },
    automation: newAutomation(options),
  };
}

async function filteredReference(
  runtime: Runtime,
  voxels: Float32Array | Float64Array,
  { box, pixelSize }: ParticleSet,
  { iniHigh }: RefineOptions,
): Promise<{ map: Float32Array | Float64Array; power: Float64Array }> {
  runtime.push("iteration");
  try {
    const map = put(runtime, "real", "reference", voxels);
    if (iniHigh > 0) {
      await within(runtime, "job", () => lowPassMap(runtime, map, box, pixelSize, iniHigh));
    }
    const filtered = Float32Array.from(await runtime.download(map));
    return { map: filtered, power: await mapPower(runtime, map, box) };
  } finally {
    runtime.pop("iteration");
  }
}

/** Noise spectra by half set and group. The mean image that is left out of them is that of all particles. */
async function initialNoise(context: RefineContext, half: Uint8Array | undefined): Promise<Float64Array[][]> {
  const { runtime, set, options, images } = context;
  const mask = options.zeroMask
    ? { radius: options.particleDiameter / (2 * set.pixelSize), width: options.maskEdge }
    : undefined;
  const groups = set.groupNames.length;
  const sets = half === undefined ? 1 : 2;
  const noise = new InitialNoise(runtime, set.box, sets * groups, mask);
  runtime.push("iteration");
  try {
    const count = Math.max(1, Math.floor(noiseBytes / (16 * set.box ** 2)));
    for await (const batch of images.batches(membersOf(set, undefined, 0), count)) {
      await context.rest?.();
      await noise.add(
        batch.images,
        batch.particles.map((p) => (half?.[p] ?? 0) * groups + set.group[p]),
      );
    }
    // RELION divides the sum of all images by twice the size of the half set.
    const share = Array.from(
      { length: sets },
      (_, h) => (set.count / (sets * membersOf(set, half, h).length)) ** 2,
    );
    const spectra = await noise.finish((group) =>
      options.relionQuirks ? share[Math.floor(group / groups)] : 1,
    );
    return Array.from({ length: sets }, (_, h) => spectra.slice(h * groups, (h + 1) * groups));
  } finally {
    runtime.pop("iteration");
  }
}

/** Signal over noise that the references promise before anything was aligned. */
function initialSsnr(
  power: Float64Array,
  noise: readonly Float64Array[],
  { tau2Fudge }: RefineOptions,
  particles: number,
  box: number,
): Float64Array {
  return power.map((value, s) => {
    const mean = noise.reduce((sum, sigma2) => sum + sigma2[s], 0) / noise.length;
    const evidence = mean > 0 ? particles / (mean * Math.max(1, 2 * s)) : 0;
    return (evidence * value * tau2Fudge * box * box) / 2;
  });
}
