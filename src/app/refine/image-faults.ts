import type { ParticleSet } from "../../em/particles.js";
import { UserError } from "../../errors.js";
import { formatImageName } from "../../formats/star/index.js";
import type { IterationFiles } from "./file-names.js";
import type { ImageStore } from "./image-store.js";

/** Images that are named in a message. */
const shown = 3;

function listed(particles: readonly number[], set: ParticleSet): string {
  const names = particles.slice(0, shown).map((p) => formatImageName(set.images[p]));
  return `${names.join(", ")}${particles.length > shown ? " ..." : ""}`;
}

/** @throws UserError where images hold values that are no numbers. */
export function refuseBadImages({ notFinite }: ImageStore, set: ParticleSet): void {
  if (notFinite.length > 0)
    throw new UserError(
      `${notFinite.length} of ${set.count} images have pixels that are not finite numbers: ${listed(notFinite, set)}; remove their rows from the STAR file or extract them again`,
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
      `${constant.length} of ${set.count} images are constant: ${listed(constant, set)}; they tell nothing, remove their rows from the STAR file`,
    );
  if (checkNorm && notNormalised.length > 0)
    warnings.push(
      `${notNormalised.length} of ${set.count} images have a background that is not normalised to mean 0 and standard deviation 1: ${listed(notNormalised, set)}; normalise them (relion_preprocess --norm), check --particle_diameter, or say --dont_check_norm`,
    );
  return warnings;
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
      `${failed} of ${set.count} particles failed in iteration ${iteration}: look at the images (cryotile info) and at --particle_diameter, the pixel size and the reference; ${files.optimiser} holds what was found`,
    );
}
