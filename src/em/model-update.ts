import { put } from "../runtime/tables.js";
import { type Accuracy, estimateAccuracy } from "./accuracy.js";
import type { Automation } from "./automation.js";
import type { ReconstructedClass } from "./maximisation.js";
import type { Model } from "./model.js";
import { lowPassMap } from "./reference.js";
import type { DeviceReferences } from "./references.js";
import type { RefineContext, Refinement } from "./refinement.js";
import type { ImageSizes } from "./schedule.js";
import { overallCompleteness } from "./ssnr.js";
import { within } from "./within.js";

/** Particles that the accuracy is estimated from. */
export const accuracyParticles = 100;
const leastClassWeight = 0.01;

/** Accuracy of each class, undefined for classes that are nearly empty. */
export async function classAccuracies(
  references: DeviceReferences,
  { set, options }: RefineContext,
  { models: [model], particles: state }: Refinement,
  sizes: ImageSizes,
  order: Uint32Array,
): Promise<(Accuracy | undefined)[]> {
  const { runtime, projector } = references;
  const accuracies: (Accuracy | undefined)[] = [];
  for (let slot = 0; slot < projector.classes; slot++) {
    if (model.classes[slot].weight < leastClassWeight) {
      accuracies.push(undefined);
      continue;
    }
    accuracies.push(
      await within(runtime, "job", () =>
        estimateAccuracy(runtime, {
          projector,
          slot,
          size: sizes.fine,
          model,
          set,
          state,
          particles: [...order.subarray(0, accuracyParticles)],
          seed: options.randomSeed,
          ctf: options.ctf && model.ctfCorrected,
        }),
      ),
    );
  }
  return accuracies;
}

/** Accuracies into the model; the best ones decide on sampling. */
export function applyAccuracy(
  model: Model,
  accuracies: readonly (Accuracy | undefined)[],
): Pick<Automation, "accuracyRotations" | "accuracyTranslations"> {
  const best = { accuracyRotations: 999, accuracyTranslations: 999 };
  for (const [k, own] of model.classes.entries()) {
    const found = accuracies[k];
    own.accuracyRotations = found?.rotations ?? 999;
    own.accuracyTranslations = found?.translations ?? 999;
    if (found === undefined) continue;
    own.orientability = found.orientability;
    if (own.accuracyRotations < best.accuracyRotations) best.accuracyRotations = own.accuracyRotations;
    if (own.accuracyTranslations < best.accuracyTranslations)
      best.accuracyTranslations = own.accuracyTranslations;
  }
  return best;
}

export function applyReconstruction(
  model: Model,
  k: number,
  { map, radial }: ReconstructedClass,
  fsc: Float64Array = new Float64Array(radial.tau2.length),
): void {
  const own = model.classes[k];
  own.map = map;
  own.radial = { ...radial, fsc };
  own.completeness = overallCompleteness(radial.dataVsPrior, radial.coverage);
  own.estimatedResolution = classResolution(model, radial.dataVsPrior);
}

/** Resolution of a class in Angstrom: the last shell before signal falls under noise. */
function classResolution({ box, pixelSize }: Model, dataVsPrior: Float64Array): number {
  let shell = 1;
  while (shell < dataVsPrior.length && dataVsPrior[shell] >= 1) shell++;
  return shell > 1 ? (box * pixelSize) / (shell - 1) : 999;
}

/** References of a correlation iteration go back to the resolution that they started with; all classes start from the first one. */
export async function filterAgain(
  { runtime, options, set }: RefineContext,
  model: Model,
  oneClass: boolean,
): Promise<void> {
  const { box, pixelSize } = set;
  const edge = (box * pixelSize) / options.iniHigh;
  const filter2 = (s: number) => {
    const inside = Math.min(1, Math.max(0, (edge + 1 - s) / 2));
    return (0.5 - 0.5 * Math.cos(Math.PI * inside)) ** 2;
  };
  for (const own of oneClass ? model.classes.slice(0, 1) : model.classes) {
    runtime.push("iteration");
    try {
      const map = put(runtime, "real", "map", own.map);
      await within(runtime, "job", () => lowPassMap(runtime, map, box, pixelSize, options.iniHigh));
      own.map = (await runtime.download(map)) as Float32Array | Float64Array;
    } finally {
      runtime.pop("iteration");
    }
    const { radial } = own;
    own.radial = {
      ...radial,
      tau2: radial.tau2.map((value, s) => value * filter2(s)),
      dataVsPrior: radial.dataVsPrior.map((value, s) => value * filter2(s)),
    };
  }
  if (!oneClass) return;
  const [first] = model.classes;
  const weight = first.weight / model.classes.length;
  const directions = first.directions.map((value) => value / model.classes.length);
  model.classes = model.classes.map(() => ({ ...first, weight, directions }));
}
