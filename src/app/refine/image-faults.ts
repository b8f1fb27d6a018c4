import type { ParticleSet } from "../../em/particles.js";
import type { Refinement } from "../../em/refinement.js";
import { UserError } from "../../errors.js";
import { type PixelStatistics, statisticsOf } from "../../formats/mrc/index.js";
import { formatImageName } from "../../formats/star/index.js";
import { count } from "../report/numbers.js";
import type { IterationFiles } from "./file-names.js";
import type { ImageStore } from "./image-store.js";

/** Images that are named in a message. */
const shown = 3;

function listed(particles: readonly number[], set: ParticleSet): string {
  const names = particles.slice(0, shown).map((p) => formatImageName(set.images[p]));
  return `${names.join(", ")}${particles.length > shown ? " ..." : ""}`;
}

/** An image with so much more noise than the usual one rules the noise spectra and the map. */
const wildNoise = 30;

/** @throws UserError where images have far more noise than others. */
export function refuseWildImages({ deviation }: ImageStore, set: ParticleSet): void {
  const sorted = deviation.filter((value) => value > 0).sort();
  const usual = sorted[sorted.length >> 1];
  const wild = [...deviation.keys()].filter((p) => deviation[p] > wildNoise * usual);
  if (wild.length > 0)
    throw new UserError(
      `${count(wild.length)} of ${count(set.count)} images have more than ${wildNoise} times the noise of the others: ${listed(wild, set)}; normalise them (relion_preprocess --norm), remove their rows from the STAR file, or take them as they are with --dont_check_norm`,
    );
}

/** @throws UserError where images hold values that are no numbers. */
export function refuseBadImages({ notFinite }: ImageStore, set: ParticleSet): void {
  if (notFinite.length > 0)
    throw new UserError(
      `${count(notFinite.length)} of ${count(set.count)} images have pixels that are not finite numbers: ${listed(notFinite, set)}; remove their rows from the STAR file or extract them again`,
    );
}

/** What is wrong with images that can be worked with. */
export function imageWarnings(
  { constant, notNormalised }: ImageStore,
  set: ParticleSet,
  checkNorm: boolean,
): string[] {
  const warnings: string[] = [];
  if (constant.length > 0)
    warnings.push(
      `${count(constant.length)} of ${count(set.count)} images are constant: ${listed(constant, set)}; they tell nothing, remove their rows from the STAR file`,
    );
  if (checkNorm && notNormalised.length > 0)
    warnings.push(
      `${count(notNormalised.length)} of ${count(set.count)} images have a background that is not normalised to mean 0 and standard deviation 1: ${listed(notNormalised, set)}; normalise them (relion_preprocess --norm), check --particle_diameter, or say --dont_check_norm`,
    );
  return warnings;
}

/** @throws UserError where a state holds values that are no numbers, which no file should hold. */
export function checkState({ models, iteration }: Refinement): PixelStatistics[][] {
  const statistics = models.map(({ classes }) => classes.map(({ map }) => statisticsOf(map)));
  const broken = models.flatMap((model, h) => [
    ...(model.noise.some((spectrum) => !spectrum.every(Number.isFinite)) ? ["noise spectra"] : []),
    ...(statistics[h].some(({ notFinite }) => notFinite > 0) ? ["maps"] : []),
    ...(Number.isFinite(model.averageNorm) ? [] : ["norm corrections"]),
    ...(Number.isFinite(model.sigmaOffset) ? [] : ["spread of the origins"]),
  ]);
  if (broken.length > 0)
    throw new UserError(
      `iteration ${iteration}: the ${[...new Set(broken)].join(" and ")} are not finite numbers and were not written; look for images that are far from normalised (cryotile info), and check --particle_diameter and the pixel size`,
    );
  return statistics;
}

/** More failed particles than this share end the run. */
const failedShare = 0.5;

/** @throws UserError where most particles of an iteration had no weights. */
export function refuseFailures(
  failed: number,
  set: ParticleSet,
  files: IterationFiles,
  iteration: number,
): void {
  if (failed > failedShare * set.count)
    throw new UserError(
      `${count(failed)} of ${count(set.count)} particles failed in iteration ${iteration}: look at the images (cryotile info) and at --particle_diameter, the pixel size and the reference; ${files.optimiser} holds what was found`,
    );
}
