import type { RefineOptions } from "../../em/options.js";
import { coarseStrategies } from "../../runtime/contract.js";

interface OptionBase {
  readonly name: string;
  readonly help: string;
  /** What the value is, for the help. */
  readonly value?: string;
  /** Where its value goes. */
  readonly field?: keyof RefineOptions;
  /** May be given together with --continue; "only": needs it. */
  readonly continued?: true | "only";
  /** Accepted without effect: why. */
  readonly idle?: string;
}

/** One option of `cryotile refine`; defaults as RELION 3.1 prints them. */
export type RefineOption = OptionBase &
  (
    | { readonly kind: "flag"; readonly default: false }
    | {
        readonly kind: "integer" | "number";
        readonly default?: number;
        readonly min?: number;
        readonly max?: number;
        /** Must be larger than this. */
        readonly above?: number;
        /** The value that stands for "not set", outside the bounds. */
        readonly off?: number;
      }
    | { readonly kind: "text"; readonly default: string }
    /** "" and "None" stand for no file. */
    | { readonly kind: "file"; readonly default: "" | "None" }
    /** Its value may be left out. */
    | { readonly kind: "devices"; readonly default: false }
    | { readonly kind: "bytes" }
    | {
        readonly kind: "choice";
        readonly default: string;
        readonly choices: readonly string[];
      }
  );

interface OptionGroup {
  readonly title: string;
  readonly options: readonly RefineOption[];
}

const noScratch = "particles are read from where they lie";
const oneProcess = "one process reads the particles and holds the sums";

/** Options that are understood, in the order of the help. */
export const optionGroups = [
  {
    title: "Files",
    options: [
      { name: "i", kind: "file", default: "", value: "star", help: "particles" },
      {
        name: "o",
        kind: "file",
        default: "",
        value: "root",
        continued: true,
        help: "root of the files to write, such as Refine3D/job001/run",
      },
      {
        name: "ref",
        kind: "file",
        default: "None",
        value: "mrc|star",
        help: "starting map, or a STAR file with rlnReferenceImage for one map a class",
      },
      {
        name: "ref_angpix",
        kind: "number",
        default: -1,
        off: -1,
        above: 0,
        value: "A",
        help: "pixel size of the starting map (-1: as its header says)",
      },
      {
        name: "trust_ref_size",
        kind: "flag",
        default: false,
        continued: true,
        help: "use the starting map as it is where its box or pixel size differs from the particles'",
      },
      {
        name: "solvent_mask",
        kind: "file",
        default: "None",
        value: "mrc",
        continued: true,
        help: "mask, 0 to 1, instead of a sphere",
      },
      {
        name: "solvent_mask2",
        kind: "file",
        default: "None",
        value: "mrc",
        continued: true,
        help: "mask of a second region, which is set to its own mean",
      },
      {
        name: "continue",
        kind: "file",
        default: "",
        value: "star",
        continued: true,
        help: "go on after the iteration that wrote this _optimiser.star",
      },
      {
        name: "pipeline_control",
        kind: "file",
        default: "",
        value: "folder",
        continued: true,
        help: "folder for the exit markers of RELION's pipeline",
      },
    ],
  },
  {
    title: "Refinement and classification",
    options: [
      {
        name: "auto_refine",
        kind: "flag",
        default: false,
        field: "autoRefine",
        help: "refine one map until it converges; with --split_random_halves",
      },
      {
        name: "split_random_halves",
        kind: "flag",
        default: false,
        help: "two half sets that share nothing beyond --low_resol_join_halves",
      },
      {
        name: "K",
        kind: "integer",
        default: 1,
        min: 1,
        max: 100,
        field: "K",
        value: "count",
        help: "classes",
      },
      {
        name: "iter",
        kind: "integer",
        default: 50,
        min: 0,
        max: 1000,
        field: "iter",
        value: "count",
        continued: true,
        help: "last iteration of a classification",
      },
      {
        name: "tau2_fudge",
        kind: "number",
        default: 1,
        above: 0,
        field: "tau2Fudge",
        value: "T",
        continued: true,
        help: "factor on the expected signal power: larger trusts the particles more",
      },
      {
        name: "ini_high",
        kind: "number",
        default: -1,
        off: -1,
        min: 0,
        field: "iniHigh",
        value: "A",
        help: "low-pass filter of the starting map (-1 or 0: none)",
      },
      {
        name: "firstiter_cc",
        kind: "flag",
        default: false,
        field: "firstIterCc",
        help: "first iteration by cross-correlation: for a starting map of arbitrary grey scale",
      },
      {
        name: "always_cc",
        kind: "flag",
        default: false,
        field: "alwaysCc",
        help: "every iteration by cross-correlation",
      },
      {
        name: "fast_subsets",
        kind: "flag",
        default: false,
        field: "fastSubsets",
        help: "classify with part of the particles in the first iterations",
      },
      {
        name: "low_resol_join_halves",
        kind: "number",
        default: -1,
        field: "lowResolJoinHalves",
        value: "A",
        help: "half sets share their data up to this resolution (0 or less: nowhere)",
      },
      {
        name: "solvent_correct_fsc",
        kind: "flag",
        default: false,
        field: "solventCorrectFsc",
        continued: true,
        help: "FSC inside the solvent mask, corrected by phase randomisation",
      },
      {
        name: "auto_iter_max",
        kind: "integer",
        default: 999,
        min: 1,
        field: "autoIterMax",
        value: "count",
        continued: true,
        help: "last iteration of an automated refinement, converged or not",
      },
      {
        name: "force_converge",
        kind: "flag",
        default: false,
        field: "forceConverge",
        continued: "only",
        help: "take a continued automated refinement as converged: only its last iteration is left",
      },
      {
        name: "skip_maximize",
        kind: "flag",
        default: false,
        field: "skipMaximize",
        continued: true,
        help: "assign poses and classes, reconstruct nothing",
      },
      {
        name: "random_seed",
        kind: "integer",
        default: -1,
        min: -1,
        max: 2 ** 31 - 1,
        field: "randomSeed",
        value: "seed",
        help: "same seed, same half sets and perturbations (-1: from the clock; 0: particles in file order)",
      },
    ],
  },
  {
    title: "Masks",
    options: [
      {
        name: "particle_diameter",
        kind: "number",
        default: -1,
        off: -1,
        above: 0,
        field: "particleDiameter",
        value: "A",
        continued: true,
        help: "diameter of the circle outside which particles are masked (-1: the image)",
      },
      {
        name: "maskedge",
        kind: "integer",
        default: 5,
        min: 0,
        field: "maskEdge",
        value: "px",
        help: "width of the soft edge of that circle and of the solvent sphere",
      },
      {
        name: "zero_mask",
        kind: "flag",
        default: false,
        field: "zeroMask",
        help: "zeros outside the circle instead of noise",
      },
      {
        name: "flatten_solvent",
        kind: "flag",
        default: false,
        field: "flattenSolvent",
        continued: true,
        help: "flatten the solvent of the maps after every iteration",
      },
    ],
  },
  {
    title: "Sampling",
    options: [
      {
        name: "sym",
        kind: "text",
        default: "c1",
        field: "sym",
        value: "group",
        help: "point group: Cn, Dn, T, O, I, I1 to I4",
      },
      {
        name: "healpix_order",
        kind: "integer",
        default: 2,
        min: 0,
        max: 9,
        field: "healpixOrder",
        value: "order",
        continued: true,
        help: "coarse angular step: 60 degrees at 0, halved with every order",
      },
      {
        name: "oversampling",
        kind: "integer",
        default: 1,
        min: 0,
        max: 3,
        field: "oversampling",
        value: "order",
        continued: true,
        help: "the fine pass halves coarse steps this many times; 0: coarse pass alone",
      },
      {
        name: "psi_step",
        kind: "number",
        default: -1,
        off: -1,
        above: 0,
        max: 360,
        field: "psiStep",
        value: "degrees",
        continued: true,
        help: "coarse in-plane step (-1: that of --healpix_order)",
      },
      {
        name: "offset_range",
        kind: "number",
        default: 6,
        min: 0,
        field: "offsetRange",
        value: "px",
        continued: true,
        help: "radius of the translations that are tried",
      },
      {
        name: "offset_step",
        kind: "number",
        default: 2,
        above: 0,
        field: "offsetStep",
        value: "px",
        continued: true,
        help: "coarse step of translations",
      },
      {
        name: "offset",
        kind: "number",
        default: 10,
        above: 0,
        field: "offset",
        value: "A",
        help: "standard deviation of offsets expected in the first iteration",
      },
      {
        name: "perturb",
        kind: "number",
        default: 0.5,
        min: 0,
        max: 1,
        field: "perturb",
        value: "fraction",
        continued: true,
        help: "random turn of the orientation grid in every iteration, in steps (0: none)",
      },
      {
        name: "limit_tilt",
        kind: "number",
        default: -91,
        off: -91,
        min: -90,
        max: 90,
        field: "limitTilt",
        value: "degrees",
        help: "tilts of at least this; negative: of at most its size (-91: all)",
      },
      {
        name: "auto_local_healpix_order",
        kind: "integer",
        default: 4,
        min: 0,
        max: 9,
        field: "autoLocalHealpixOrder",
        value: "order",
        continued: true,
        help: "automated refinement searches locally from this order on",
      },
      {
        name: "auto_ignore_angles",
        kind: "flag",
        default: false,
        field: "autoIgnoreAngles",
        continued: true,
        help: "automated refinement goes to finer steps while orientations still change",
      },
      {
        name: "auto_resol_angles",
        kind: "flag",
        default: false,
        field: "autoResolAngles",
        continued: true,
        help: "automated refinement takes its angular step from the resolution",
      },
      {
        name: "allow_coarser_sampling",
        kind: "flag",
        default: false,
        field: "allowCoarserSampling",
        continued: true,
        help: "classification may take coarser steps while its accuracy is low",
      },
      {
        name: "sigma_ang",
        kind: "number",
        default: -1,
        off: -1,
        above: 0,
        value: "degrees",
        continued: true,
        help: "search within 3 sigma of the particles' angles: sigma of all three (-1: everywhere)",
      },
      {
        name: "sigma_rot",
        kind: "number",
        default: -1,
        off: -1,
        above: 0,
        field: "sigmaRot",
        value: "degrees",
        continued: true,
        help: "sigma of rot alone",
      },
      {
        name: "sigma_tilt",
        kind: "number",
        default: -1,
        off: -1,
        above: 0,
        field: "sigmaTilt",
        value: "degrees",
        continued: true,
        help: "sigma of tilt alone",
      },
      {
        name: "sigma_psi",
        kind: "number",
        default: -1,
        off: -1,
        above: 0,
        field: "sigmaPsi",
        value: "degrees",
        continued: true,
        help: "sigma of psi alone",
      },
      {
        name: "bimodal_psi",
        kind: "flag",
        default: false,
        field: "bimodalPsi",
        continued: true,
        help: "local searches also try psi turned by 180 degrees",
      },
      {
        name: "skip_align",
        kind: "flag",
        default: false,
        field: "skipAlign",
        continued: true,
        help: "keep the particles' poses: classes alone",
      },
      {
        name: "skip_rotate",
        kind: "flag",
        default: false,
        field: "skipRotate",
        continued: true,
        help: "keep the particles' orientations: translations and classes",
      },
    ],
  },
  {
    title: "CTF, grey scale and noise",
    options: [
      { name: "ctf", kind: "flag", default: false, field: "ctf", help: "correct for the CTF" },
      {
        name: "ctf_corrected_ref",
        kind: "flag",
        default: false,
        field: "ctfCorrectedRef",
        help: "the starting map is CTF-corrected",
      },
      {
        name: "ctf_intact_first_peak",
        kind: "flag",
        default: false,
        field: "ctfIntactFirstPeak",
        help: "CTF of 1 up to its first peak",
      },
      {
        name: "ctf_phase_flipped",
        kind: "flag",
        default: false,
        field: "ctfPhaseFlipped",
        help: "the phases of the particles are flipped already",
      },
      {
        name: "only_flip_phases",
        kind: "flag",
        default: false,
        field: "onlyFlipPhases",
        help: "the sign of the CTF alone",
      },
      {
        name: "norm",
        kind: "flag",
        default: false,
        field: "norm",
        continued: true,
        help: "correct the grey scale of each particle",
      },
      {
        name: "scale",
        kind: "flag",
        default: false,
        field: "scale",
        continued: true,
        help: "correct the signal's scale in each group of particles",
      },
      { name: "no_norm", kind: "flag", default: false, continued: true, help: "the opposite of --norm" },
      { name: "no_scale", kind: "flag", default: false, continued: true, help: "the opposite of --scale" },
      {
        name: "dont_check_norm",
        kind: "flag",
        default: false,
        help: "take particles whose background is not normalised",
      },
      {
        name: "fix_sigma_noise",
        kind: "flag",
        default: false,
        field: "fixSigmaNoise",
        help: "keep the noise spectra of the start",
      },
      {
        name: "fix_sigma_offset",
        kind: "flag",
        default: false,
        field: "fixSigmaOffset",
        help: "keep the standard deviation of offsets",
      },
    ],
  },
  {
    title: "Fourier space",
    options: [
      {
        name: "pad",
        kind: "integer",
        default: 2,
        min: 1,
        max: 3,
        field: "pad",
        value: "factor",
        continued: true,
        help: "padding of maps before their transform",
      },
      {
        name: "skip_gridding",
        kind: "flag",
        default: false,
        field: "skipGridding",
        continued: true,
        help: "divide by the weights once instead of iterating towards even ones",
      },
      {
        name: "incr_size",
        kind: "integer",
        default: 10,
        min: 0,
        field: "incrSize",
        value: "shells",
        help: "shells beyond the resolution that take part in the next iteration",
      },
      {
        name: "coarse_size",
        kind: "integer",
        default: -1,
        off: -1,
        min: 2,
        field: "coarseSize",
        value: "px",
        help: "largest image of the coarse pass (-1: from the angular step)",
      },
      {
        name: "adaptive_fraction",
        kind: "number",
        default: 0.999,
        above: 0,
        max: 1,
        field: "adaptiveFraction",
        value: "fraction",
        help: "probability that the samples kept for the fine pass hold",
      },
      {
        name: "maxsig",
        kind: "integer",
        default: -1,
        off: -1,
        min: 1,
        field: "maxSig",
        value: "count",
        continued: true,
        help: "most coarse samples that a particle keeps (-1: no limit)",
      },
      {
        name: "strict_highres_exp",
        kind: "number",
        default: -1,
        off: -1,
        above: 0,
        field: "strictHighresExp",
        value: "A",
        continued: true,
        help: "compare particles with maps up to this resolution alone (-1: no limit)",
      },
      {
        name: "strict_lowres_exp",
        kind: "number",
        default: -1,
        off: -1,
        above: 0,
        field: "strictLowresExp",
        value: "A",
        help: "leave what is coarser than this resolution out of the references (-1: nothing)",
      },
    ],
  },
  {
    title: "This program",
    options: [
      {
        name: "runtime",
        kind: "choice",
        default: "auto",
        choices: ["auto", "cuda", "webgpu", "cpu", "reference"],
        continued: true,
        help: "what computes: a graphics card through cuda or webgpu, the processor (cpu), or the slow float64 definition (reference); auto: the first of these that is there",
      },
      {
        name: "software",
        kind: "flag",
        default: false,
        continued: true,
        help: "let a processor play the graphics card of cuda or webgpu",
      },
      {
        name: "precision",
        kind: "choice",
        default: "auto",
        choices: ["auto", "single", "double"],
        continued: true,
        help: "single: cuda, webgpu, cpu; double: cuda, reference",
      },
      {
        name: "gsd",
        kind: "choice",
        default: "screen",
        choices: coarseStrategies,
        field: "gsd",
        continued: true,
        help: "how the coarse pass computes squared differences; screen: on the matrix units of --runtime cuda in 16 bits, certified and then in float32, as gemm elsewhere",
      },
      {
        name: "memory",
        kind: "bytes",
        continued: true,
        help: "most memory to take on the device, such as 8GB or 12GiB (default: what it allows)",
      },
      {
        name: "gpu",
        kind: "devices",
        default: false,
        value: "devices",
        continued: true,
        help: "graphics card of --runtime cuda: its number, or its uuid as nvidia-smi -L prints it (default: the largest without a display)",
      },
      {
        name: "free_gpu_memory",
        kind: "integer",
        default: 0,
        min: 0,
        value: "MB",
        continued: true,
        help: "memory of the card to leave to others, where --memory says nothing (cuda)",
      },
      {
        name: "host-memory",
        kind: "bytes",
        continued: true,
        help: "most memory to take for particles on the host",
      },
      {
        name: "batch",
        kind: "integer",
        min: 1,
        value: "count",
        continued: true,
        help: "most particles at a time (default: what the memory holds)",
      },
      {
        name: "trace",
        kind: "file",
        default: "",
        value: "json",
        continued: true,
        help: "write the requests of device memory, for cryotile memory replay",
      },
      {
        name: "profile",
        kind: "file",
        default: "",
        value: "json",
        continued: true,
        help: "write the time of each kernel (cuda), which itself takes some",
      },
      {
        name: "verb",
        kind: "integer",
        default: 1,
        min: 0,
        value: "level",
        continued: true,
        help: "0: print nothing but warnings and errors",
      },
      {
        name: "relion-quirks",
        kind: "flag",
        default: false,
        field: "relionQuirks",
        continued: true,
        help: "faults of RELION 3.1 to 5, for comparisons: pixels added to Angstrom in the prior of translations, the mean image divided by twice a half set",
      },
    ],
  },
  {
    title: "Accepted without effect",
    options: [
      {
        name: "j",
        kind: "integer",
        default: 1,
        min: 1,
        value: "count",
        continued: true,
        help: "threads of --runtime cpu (default here: all cores)",
      },
      {
        name: "pool",
        kind: "integer",
        default: 1,
        min: 1,
        value: "count",
        continued: true,
        help: "particles for a task",
        idle: "batches are sized by the memory, --batch limits them",
      },
      {
        name: "cpu",
        kind: "flag",
        default: false,
        continued: true,
        help: "vector code of RELION on the processor",
        idle: "--runtime chooses what computes",
      },
      {
        name: "sycl",
        kind: "flag",
        default: false,
        continued: true,
        help: "SYCL code of RELION",
        idle: "--runtime chooses what computes",
      },
      {
        name: "dont_combine_weights_via_disc",
        kind: "flag",
        default: false,
        continued: true,
        help: "sums between MPI ranks by messages",
        idle: oneProcess,
      },
      {
        name: "no_parallel_disc_io",
        kind: "flag",
        default: false,
        continued: true,
        help: "one MPI rank reads for all",
        idle: oneProcess,
      },
      {
        name: "preread_images",
        kind: "flag",
        default: false,
        continued: true,
        help: "all particles in host memory",
        idle: "batches are read ahead, --host-memory limits what is kept",
      },
      {
        name: "scratch_dir",
        kind: "file",
        default: "",
        value: "folder",
        continued: true,
        help: "copy particles to a local disk",
        idle: noScratch,
      },
      {
        name: "keep_free_scratch",
        kind: "number",
        default: 10,
        min: 0,
        value: "GB",
        continued: true,
        help: "space to leave on that disk",
        idle: noScratch,
      },
      {
        name: "reuse_scratch",
        kind: "flag",
        default: false,
        continued: true,
        help: "take the copies of an earlier run",
        idle: noScratch,
      },
      {
        name: "keep_scratch",
        kind: "flag",
        default: false,
        continued: true,
        help: "leave the copies for a later run",
        idle: noScratch,
      },
      {
        name: "onthefly_shifts",
        kind: "flag",
        default: false,
        continued: true,
        help: "shift images when they are needed",
        idle: "the memory plan decides what is stored",
      },
      {
        name: "failsafe_threshold",
        kind: "integer",
        default: 40,
        value: "count",
        continued: true,
        help: "limit of particles without weights",
        idle: "RELION 3.1 ignores it too",
      },
      {
        name: "pad_ctf",
        kind: "flag",
        default: false,
        continued: true,
        help: "padded CTF",
        idle: "RELION 3.1 ignores it too",
      },
      {
        name: "r_min_nn",
        kind: "integer",
        default: 10,
        value: "shells",
        continued: true,
        help: "shells that --NN leaves alone",
        idle: "interpolation is always linear",
      },
      {
        name: "ctf_uncorrected_ref",
        kind: "flag",
        default: false,
        continued: true,
        help: "the starting map is not CTF-corrected (RELION 4 and 5)",
        idle: "that is so unless --ctf_corrected_ref is given",
      },
      {
        name: "dont_skip_gridding",
        kind: "flag",
        default: false,
        continued: true,
        help: "iterate towards even weights (RELION 4 and 5)",
        idle: "that is so unless --skip_gridding is given",
      },
      {
        name: "no_init_blobs",
        kind: "flag",
        default: false,
        continued: true,
        help: "no random blobs to start from (RELION 4 and 5)",
        idle: "maps always start from --ref",
      },
    ],
  },
] as const satisfies readonly OptionGroup[];

/** Options of RELION that this program refuses, with RELION's defaults: giving those is harmless and passes. */
export interface RefusedOptions {
  readonly reason: string;
  /** `false`: a flag. */
  readonly options: Readonly<Record<string, false | number | string>>;
}

/** From the help of RELION 3.1.3 and the option lists of RELION 4 and 5. */
export const refusedOptions: readonly RefusedOptions[] = [
  {
    reason: "helices are not refined here",
    options: {
      helix: false,
      ignore_helical_symmetry: false,
      helical_nr_asu: 1,
      helical_twist_initial: 0,
      helical_twist_min: 0,
      helical_twist_max: 0,
      helical_twist_inistep: 0,
      helical_rise_initial: 0,
      helical_rise_min: 0,
      helical_rise_max: 0,
      helical_rise_inistep: 0,
      helical_nstart: 1,
      helical_z_percentage: 0.3,
      helical_inner_diameter: -1,
      helical_outer_diameter: -1,
      helical_symmetry_search: false,
      helical_sigma_distance: -1,
      helical_keep_tilt_prior_fixed: false,
      helical_exclude_resols: "",
      helical_offset_step: -1,
      skip_realspace_helical_sym: false,
    },
  },
  {
    reason: "gradient descent is not done here, expectation-maximisation is; leave it out and give --ref",
    options: {
      sgd: false,
      stochastic_em: false,
      sgd_ini_iter: 50,
      sgd_fin_iter: 50,
      sgd_inbetween_iter: 200,
      sgd_ini_resol: 35,
      sgd_fin_resol: 15,
      sgd_ini_subset: 100,
      sgd_fin_subset: 500,
      mu: 0.9,
      sgd_stepsize: 0.5,
      sgd_sigma2fudge_initial: 8,
      sgd_sigma2fudge_halflife: -1,
      sgd_skip_anneal: false,
      sgd_write_iter: 1,
      grad: false,
      grad_em_iters: 0,
      grad_ini_frac: 0.3,
      grad_fin_frac: 0.2,
      grad_ini_resol: -1,
      grad_fin_resol: -1,
      grad_min_resol: 20,
      grad_ini_subset: -1,
      grad_fin_subset: -1,
      grad_stepsize: -1,
      grad_stepsize_scheme: "",
      grad_write_iter: 10,
      tau2_fudge_scheme: "",
      class_inactivity_threshold: 0,
      som: false,
      som_ini_nodes: 2,
      som_connectivity: 5,
      som_inactivity_threshold: 0.01,
      som_neighbour_pull: 0.2,
    },
  },
  {
    reason: "a map to start from is needed here; give --ref",
    options: { denovo_3dref: false },
  },
  {
    reason: "2D classes are not made here",
    options: { center_classes: false },
  },
  {
    reason: "bodies are not refined one by one here",
    options: {
      multibody_masks: "None",
      multibody_norm_overlap: false,
      reconstruct_subtracted_bodies: false,
    },
  },
  {
    reason: "subtomograms are not refined here",
    options: {
      ios: "",
      tomograms: "",
      trajectories: "",
      ctf3d_not_squared: false,
      normalised_subtomo: false,
      skip_subtomo_multi: false,
      subtomo_multi_thr: 0.01,
    },
  },
  {
    reason: "local and relaxed symmetry are not done here; --sym takes a point group",
    options: { local_symmetry: "None", relax_sym: "" },
  },
  {
    reason: "maps are regularised by the expected signal power alone; --tau2_fudge scales it",
    options: {
      tau: "None",
      blush: false,
      blush_skip_spectral_trailing: false,
      external_reconstruct: false,
    },
  },
  {
    reason: "filters of a region are not applied here; --solvent_mask and --solvent_mask2 take masks",
    options: { lowpass_mask: "None", lowpass: 0, fourier_mask: "None" },
  },
  {
    reason: "interpolation in Fourier space is linear here, padding is the same on all axes; see --pad",
    options: { NN: false, asymmetric_padding: false },
  },
  {
    reason: "one range of translations holds for all axes here; see --offset_range and --offset",
    options: {
      offset_range_x: -1,
      offset_range_y: -1,
      offset_range_z: -1,
      sigma_off: -1,
      min_sigma2_offset: -1,
    },
  },
  {
    reason: "steps follow the accuracy in automated refinement alone; see --auto_refine",
    options: { auto_sampling: false },
  },
  {
    reason: "half sets are joined by the last iteration alone; see --force_converge",
    options: { join_random_halves: false },
  },
  {
    reason: "a refinement ends when it has converged; --iter and --auto_iter_max limit it",
    options: { abort_at_resolution: -1 },
  },
  {
    reason: "the initial noise spectra are estimated as in RELION 3.1",
    options: { nr_parts_sigma2noise: -1 },
  },
  {
    reason: "it is for debugging RELION",
    options: { keep_debug_reconstruct_files: false, halt_all_followers_except: -1 },
  },
  {
    reason: "it prints facts about RELION; `cryotile --version` tells the version of this program",
    options: { print_metadata_labels: false, print_symmetry_ops: false, version: false },
  },
];

type Row = (typeof optionGroups)[number]["options"][number];

type ValueOf<R> = R extends { kind: "flag" }
  ? boolean
  : R extends { kind: "integer" | "number"; default: number }
    ? R extends { off: number }
      ? number | undefined
      : number
    : R extends { kind: "text" }
      ? string
      : R extends { kind: "choice"; choices: readonly (infer C)[] }
        ? C
        : R extends { kind: "file" | "devices" }
          ? string | undefined
          : number | undefined;

/** Values by option name; undefined where not set. */
export type OptionValues = { readonly [R in Row as R["name"]]: ValueOf<R> };
export type OptionName = keyof OptionValues;

type FieldRow = Extract<Row, { field: keyof RefineOptions }>;
/** Those that have a field in `RefineOptions`, by that name. */
export type OptionFields = {
  readonly [R in FieldRow as undefined extends ValueOf<R> ? never : R["field"]]: ValueOf<R>;
} & {
  readonly [R in FieldRow as undefined extends ValueOf<R> ? R["field"] : never]?: Exclude<
    ValueOf<R>,
    undefined
  >;
};

export const refineOptions: readonly (RefineOption & { readonly name: OptionName })[] = optionGroups.flatMap(
  (group): readonly (RefineOption & { readonly name: OptionName })[] => group.options,
);
