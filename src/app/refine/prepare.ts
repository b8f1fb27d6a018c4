import type { RefineOptions } from "../../em/options.js";
import type { ParticleSet } from "../../em/particles.js";
import type { Refinement } from "../../em/refinement.js";
import { UserError } from "../../errors.js";
import type { Disk } from "../../formats/source.js";
import { angularStep } from "../../geometry/sampling.js";
import {
  continuedArguments,
  continuedOptions,
  parseRefineArguments,
  type RefineArguments,
} from "./arguments.js";
import { completeOptions, readParticleSet, readReferences } from "./inputs.js";
import { argumentsOfRelion } from "./relion-run.js";
import { readSavedRun } from "./resume.js";

/** What a run starts from: everything that is read before the images. */
export interface Prepared {
  /** The arguments, with those that a continued run began with. */
  readonly args: RefineArguments;
  readonly set: ParticleSet;
  readonly options: RefineOptions;
  /** The file that lists the particles. */
  readonly starFile: string;
  /** References of a new run, or the state of one that is continued. */
  readonly start:
    | { readonly kind: "new"; readonly maps: readonly Float32Array[] }
    | { readonly kind: "continued"; readonly refinement: Refinement; readonly references: number };
  /** The arguments that the files of the run tell. */
  readonly command: readonly string[];
}

export async function prepare(disk: Disk, args: RefineArguments, argv: readonly string[]): Promise<Prepared> {
  const { files } = args;
  if (files.continueFrom === undefined) {
    const set = await readParticleSet(disk, files.i);
    const options = await completeOptions(disk, args.options, files, set);
    const maps = await readReferences(disk, files.ref, set, args, options.K);
    const command = continuedArguments(argv, []);
    return { args, set, options, starFile: files.i, start: { kind: "new", maps }, command };
  }
  const saved = await readSavedRun(disk, files.continueFrom);
  const begun = saved.command ?? argumentsOfRelion(saved);
  const command = continuedArguments(begun, argv);
  const merged = parseRefineArguments(command);
  const before = parseRefineArguments(begun);
  const options = await completeOptions(
    disk,
    { ...continuedOptions(before.options, args), randomSeed: saved.optimiser.number("rlnRandomSeed") },
    { ...before.files, ...files },
    saved.set,
  );
  const { classes } = saved.refinement.models[0];
  if (classes.length !== options.K)
    throw new UserError(
      `${files.continueFrom}: has ${classes.length} classes, the run was started with ${options.K}`,
    );
  const grown =
    saved.command !== undefined &&
    !/\.star$/.test(String(before.files.continueFrom === undefined && before.files.ref));
  const refinement = changedSearch(saved.refinement, options, args.given, saved.set.pixelSize);
  return {
    args: { ...merged, ...ownOfStart(args) },
    set: saved.set,
    options,
    starFile: files.continueFrom,
    start: { kind: "continued", refinement, references: grown ? 1 : options.K },
    command,
  };
}

/** What is of one start of a run alone. */
const ownOfStart = ({ files, trace, given, notices }: RefineArguments) => ({
  files,
  given,
  notices,
  ...(trace === undefined ? {} : { trace }),
});

/** A saved state with the steps of the search that were given again. */
function changedSearch(
  refinement: Refinement,
  options: RefineOptions,
  given: ReadonlySet<string>,
  pixelSize: number,
): Refinement {
  const { sampling } = refinement;
  const healpixOrder = given.has("healpix_order") ? options.healpixOrder : sampling.healpixOrder;
  const moved = healpixOrder !== sampling.healpixOrder;
  const steps = {
    healpixOrder,
    psiStep:
      given.has("psi_step") || moved ? (options.psiStep ?? angularStep(healpixOrder)) : sampling.psiStep,
    offsetRange: given.has("offset_range") ? options.offsetRange * pixelSize : sampling.offsetRange,
    offsetStep: given.has("offset_step") ? options.offsetStep * pixelSize : sampling.offsetStep,
  };
  const same = (Object.keys(steps) as (keyof typeof steps)[]).every((name) => steps[name] === sampling[name]);
  if (same) return refinement;
  return { ...refinement, sampling: { ...sampling, ...steps, original: steps } };
}
