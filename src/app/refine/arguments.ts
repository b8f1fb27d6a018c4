import type { RefineOptions } from "../../em/options.js";
import { UserError } from "../../errors.js";
import { pointGroup } from "../../geometry/symmetry.js";
import { type OptionFields, type OptionName, type OptionValues, refineOptions } from "./relion-options.js";
import { mergeWords, parseWords } from "./words.js";

export { refineHelp } from "./help.js";

/** Masks come from files; a diameter that is not given, from the image size. */
export type GivenOptions = Omit<RefineOptions, "solventMask" | "solventMask2" | "particleDiameter"> & {
  readonly particleDiameter?: number;
};

interface OutputFiles {
  readonly o: string;
  readonly solventMask?: string;
  readonly solventMask2?: string;
  readonly pipelineControl?: string;
}

/** A new run has particles and a reference; a continued one takes them from the optimiser's file. */
export type RefineFiles = OutputFiles &
  (
    | { readonly i: string; readonly ref: string; readonly continueFrom?: undefined }
    | { readonly continueFrom: string }
  );

export interface RefineArguments {
  readonly options: GivenOptions;
  readonly files: RefineFiles;
  /** Angstrom. */
  readonly refAngpix?: number;
  readonly trustRefSize: boolean;
  /** Refuse particles whose background is not normalised. */
  readonly checkNorm: boolean;
  readonly runtime: OptionValues["runtime"];
  /** Threads of the cpu runtime; all cores where not given. */
  readonly threads?: number;
  /** Allow an adapter that runs on the processor. */
  readonly software: boolean;
  readonly precision: OptionValues["precision"];
  /** Bytes. */
  readonly memory?: number;
  /** Bytes of the card to leave to others. */
  readonly freeMemory: number;
  /** Number or uuid of the card. */
  readonly gpu?: string;
  readonly hostMemory?: number;
  /** Most particles at a time. */
  readonly batch?: number;
  readonly trace?: string;
  readonly profile?: string;
  readonly verb: number;
  readonly preread: boolean;
  readonly scratch?: string;
  /**
   * Options that were given, by RELION's name: what a continued run overrides. --sigma_ang counts as --sigma_rot, --sigma_tilt and
   * --sigma_psi too, --no_norm as --norm, --no_scale as --scale.
   */
  readonly given: ReadonlySet<string>;
  /** Lines to print: options that have no effect here. */
  readonly notices: readonly string[];
}

function excludeEachOther(values: OptionValues, a: OptionName, b: OptionName): void {
  const given = (name: OptionName) => values[name] !== undefined && values[name] !== false;
  if (given(a) && given(b)) throw new UserError(`--${a} and --${b} exclude each other`);
}

function checkNewRun(values: OptionValues, given: ReadonlySet<OptionName>): void {
  for (const option of refineOptions)
    if (option.continued === "only" && given.has(option.name))
      throw new UserError(`--${option.name} needs --continue`);
  if (values.i === undefined)
    throw new UserError("--i is missing: the STAR file of the particles (or --continue an earlier run)");
  if (values.ref === undefined)
    throw new UserError(
      "--ref is missing: a map to start from; 2D classification and runs without a reference are not done here",
    );
  if (values.auto_refine !== values.split_random_halves)
    throw new UserError(
      values.auto_refine
        ? "--auto_refine needs --split_random_halves"
        : "--split_random_halves needs --auto_refine",
    );
  if (values.auto_refine && values.K > 1)
    throw new UserError(`--auto_refine refines one map: --K ${values.K} is for classification without it`);
  if (values.solvent_correct_fsc && values.solvent_mask === undefined)
    throw new UserError("--solvent_correct_fsc needs --solvent_mask");
}

function checkTogether(values: OptionValues, given: ReadonlySet<OptionName>): void {
  excludeEachOther(values, "norm", "no_norm");
  excludeEachOther(values, "scale", "no_scale");
  excludeEachOther(values, "ctf_corrected_ref", "ctf_uncorrected_ref");
  excludeEachOther(values, "skip_gridding", "dont_skip_gridding");
  for (const one of ["sigma_rot", "sigma_tilt", "sigma_psi"] as const)
    excludeEachOther(values, "sigma_ang", one);
  pointGroup(values.sym);
  if (values.continue === undefined) checkNewRun(values, given);
  else
    for (const option of refineOptions)
      if (option.continued === undefined && given.has(option.name))
        throw new UserError(
          `--${option.name} cannot be given with --continue: it is fixed by the run that is continued`,
        );
  if (values.o === undefined)
    throw new UserError("--o is missing: the root of the files to write, such as Refine3D/job001/run");
}

/** Whether the runtime has the precision asked for. */
function checkPrecision({ runtime, precision }: OptionValues): void {
  if (precision === "double" && (runtime === "webgpu" || runtime === "cpu"))
    throw new UserError(
      `--precision double: ${runtime === "webgpu" ? "WGSL has no float64" : "the cpu runtime is for single precision"}; --runtime cuda or reference computes in double precision`,
    );
  if (precision === "single" && runtime === "reference")
    throw new UserError(
      "--precision single: the reference computes in double precision alone; --runtime cuda, webgpu or cpu in single",
    );
}

/** Cards of RELION's list: ranks apart by ":", threads by ",". */
const deviceList = (gpu: OptionValues["gpu"]) =>
  typeof gpu === "string" ? [...new Set(gpu.split(/[:,]/).filter((name) => name !== ""))] : [];

/** One process works on one card: the first. */
function firstDevice(gpu: OptionValues["gpu"]): Pick<RefineArguments, "gpu"> {
  const [first] = deviceList(gpu);
  return first === undefined ? {} : { gpu: first };
}

function deviceNotices(values: OptionValues, given: ReadonlySet<OptionName>): string[] {
  const { runtime } = values;
  if (runtime !== "auto" && runtime !== "cuda")
    return (["gpu", "free_gpu_memory"] as const)
      .filter((name) => given.has(name))
      .map((name) => `--${name} has no effect: it is for --runtime cuda`);
  const devices = deviceList(values.gpu);
  return devices.length > 1 ? [`--gpu ${values.gpu}: one process works on one card: ${devices[0]}`] : [];
}

function withFields(values: OptionValues): OptionFields {
  const entries = refineOptions.flatMap(({ field, name }) =>
    field === undefined || values[name] === undefined ? [] : [[field, values[name]] as const],
  );
  return Object.fromEntries(entries) as unknown as OptionFields;
}

function toOptions(values: OptionValues, clock: () => number): GivenOptions {
  const { sigma_ang: sigma, random_seed: seed } = values;
  return {
    ...withFields(values),
    ...(sigma !== undefined && { sigmaRot: sigma, sigmaTilt: sigma, sigmaPsi: sigma }),
    iniHigh: values.ini_high ?? 0,
    randomSeed: seed === -1 ? 1 + (Math.floor(clock()) % (2 ** 31 - 1)) : seed,
  };
}

function toFiles(values: OptionValues): RefineFiles {
  const { i = "", o = "", ref = "" } = values;
  const output = {
    o,
    ...(values.solvent_mask !== undefined && { solventMask: values.solvent_mask }),
    ...(values.solvent_mask2 !== undefined && { solventMask2: values.solvent_mask2 }),
    ...(values.pipeline_control !== undefined && { pipelineControl: values.pipeline_control }),
  };
  return values.continue === undefined ? { ...output, i, ref } : { ...output, continueFrom: values.continue };
}

/** What each of these says about another. */
const impliedBy: Partial<Record<OptionName, readonly OptionName[]>> = {
  no_norm: ["norm"],
  no_scale: ["scale"],
  sigma_ang: ["sigma_rot", "sigma_tilt", "sigma_psi"],
};

/**
 * Arguments of `cryotile refine`: RELION's `--name value` and flags, `--name=value` too; "-" and "_" are alike in names. Reads no file.
 * `clock` (ms) makes the seed where --random_seed is -1.
 * @throws UserError
 */
export function parseRefineArguments(
  argv: readonly string[],
  { clock = Date.now }: { readonly clock?: () => number } = {},
): RefineArguments {
  const { values, given } = parseWords(argv);
  checkTogether(values, given);
  checkPrecision(values);
  return {
    options: toOptions(values, clock),
    files: toFiles(values),
    ...(values.ref_angpix !== undefined && { refAngpix: values.ref_angpix }),
    trustRefSize: values.trust_ref_size,
    checkNorm: !values.dont_check_norm,
    runtime: values.runtime,
    ...(given.has("j") && { threads: values.j }),
    software: values.software,
    precision: values.precision,
    ...(values.memory !== undefined && { memory: values.memory }),
    freeMemory: 1e6 * values.free_gpu_memory,
    ...firstDevice(values.gpu),
    ...(values["host-memory"] !== undefined && { hostMemory: values["host-memory"] }),
    ...(values.batch !== undefined && { batch: values.batch }),
    ...(values.trace !== undefined && { trace: values.trace }),
    ...(values.profile !== undefined && { profile: values.profile }),
    verb: values.verb,
    preread: values.preread_images,
    ...(values.scratch_dir !== undefined && { scratch: values.scratch_dir }),
    given: new Set([...given].flatMap((name) => [name, ...(impliedBy[name] ?? [])])),
    notices: refineOptions
      .filter(({ idle, name }) => idle !== undefined && given.has(name))
      .map(({ idle, name }) => `--${name} has no effect: ${idle}`)
      .concat(deviceNotices(values, given)),
  };
}

/** The options of the continued run, but for those that were given again. */
export function continuedOptions(
  saved: GivenOptions,
  { options, given }: Pick<RefineArguments, "options" | "given">,
): GivenOptions {
  const replaced = new Set(refineOptions.filter(({ name }) => given.has(name)).map(({ field }) => field));
  const entries = [
    ...Object.entries(saved).filter(([field]) => !replaced.has(field as keyof RefineOptions)),
    ...Object.entries(options).filter(([field]) => replaced.has(field as keyof RefineOptions)),
  ];
  return Object.fromEntries(entries) as unknown as GivenOptions;
}

/** What a run that is continued stands for: its first arguments with those that were given since. */
export function continuedArguments(begun: readonly string[], continued: readonly string[]): string[] {
  return mergeWords(begun, continued, {
    ...impliedBy,
    norm: ["no_norm"],
    scale: ["no_scale"],
    sigma_rot: ["sigma_ang"],
    sigma_tilt: ["sigma_ang"],
    sigma_psi: ["sigma_ang"],
    skip_gridding: ["dont_skip_gridding"],
    dont_skip_gridding: ["skip_gridding"],
    ctf_uncorrected_ref: ["ctf_corrected_ref"],
  });
}
