/** What a visitor decides on; the rest of `cryotile refine`'s options is as it is usually given. */
export interface Choices {
  /** STAR file and map, as paths of the job's disk. */
  readonly particles: string;
  readonly reference: string;
  /** Angstrom. */
  readonly diameter: number;
  readonly symmetry: string;
  readonly iterations: number;
  /** Two half sets refined apart, with their FSC; else `classes` maps. */
  readonly halves: boolean;
  readonly classes: number;
  /** Resolution that the starting map is filtered to, Angstrom. */
  readonly startResolution: number;
  /** The grey scale of the starting map is not that of the particles. */
  readonly firstByCorrelation: boolean;
  readonly ctf: boolean;
  /** The starting map shows no CTF. */
  readonly ctfCorrected: boolean;
  readonly healpixOrder: number;
  readonly seed: number;
}

export const runtimeChoices = ["auto", "webgpu", "cpu"] as const;
export type RuntimeChoice = (typeof runtimeChoices)[number];

/** Device memory of a job that says nothing, megabytes: what most graphics cards can spare. */
export const usualMemory = 1000;

/** Root of the files that a job writes. */
export const outputRoot = "run";

/** Arguments of `cryotile refine`. */
export function wordsOf(choices: Choices): string[] {
  const { halves, classes, iterations } = choices;
  return [
    ...["--i", choices.particles, "--ref", choices.reference, "--o", outputRoot],
    ...["--particle_diameter", `${choices.diameter}`, "--sym", choices.symmetry],
    ...[
      "--ini_high",
      `${choices.startResolution}`,
      ...(choices.firstByCorrelation ? ["--firstiter_cc"] : []),
    ],
    ...(choices.ctf ? ["--ctf", ...(choices.ctfCorrected ? ["--ctf_corrected_ref"] : [])] : []),
    ...["--zero_mask", "--flatten_solvent", "--norm", "--scale"],
    ...["--healpix_order", `${choices.healpixOrder}`, "--offset_range", "5", "--offset_step", "2"],
    ...(halves
      ? ["--auto_refine", "--split_random_halves", "--low_resol_join_halves", "40"]
      : ["--K", `${classes}`, "--tau2_fudge", "4"]),
    ...(halves ? ["--auto_iter_max", `${iterations}`] : ["--iter", `${iterations}`]),
    ...["--random_seed", `${choices.seed}`],
  ];
}

/** Words that say where a job runs. `software`: WebGPU may run on the processor. */
export const runtimeWords = (runtime: RuntimeChoice): string[] =>
  runtime === "webgpu" ? ["--runtime", runtime, "--software"] : ["--runtime", runtime];
