import type { SavedRun } from "./resume.js";

const flags: readonly [label: string, option: string][] = [
  ["rlnDoZeroMask", "zero_mask"],
  ["rlnDoSolventFlattening", "flatten_solvent"],
  ["rlnDoSolventFscCorrection", "solvent_correct_fsc"],
  ["rlnDoFastSubsetOptimisation", "fast_subsets"],
  ["rlnDoAutoRefine", "auto_refine"],
  ["rlnDoSplitRandomHalves", "split_random_halves"],
  ["rlnDoSkipAlign", "skip_align"],
  ["rlnDoSkipRotate", "skip_rotate"],
  ["rlnDoCorrectNorm", "norm"],
  ["rlnDoCorrectScale", "scale"],
  ["rlnDoCorrectCtf", "ctf"],
  ["rlnDoIgnoreCtfUntilFirstPeak", "ctf_intact_first_peak"],
  ["rlnCtfDataArePhaseFlipped", "ctf_phase_flipped"],
  ["rlnDoOnlyFlipCtfPhases", "only_flip_phases"],
  ["rlnRefsAreCtfCorrected", "ctf_corrected_ref"],
  ["rlnFixSigmaNoiseEstimates", "fix_sigma_noise"],
  ["rlnFixSigmaOffsetEstimates", "fix_sigma_offset"],
];

/** Numbers of the optimiser; negative ones stand for "not set". */
const numbers: readonly [label: string, option: string][] = [
  ["rlnNumberOfIterations", "iter"],
  ["rlnParticleDiameter", "particle_diameter"],
  ["rlnWidthMaskEdge", "maskedge"],
  ["rlnJoinHalvesUntilThisResolution", "low_resol_join_halves"],
  ["rlnAdaptiveOversampleOrder", "oversampling"],
  ["rlnAdaptiveOversampleFraction", "adaptive_fraction"],
  ["rlnMaximumCoarseImageSize", "coarse_size"],
  ["rlnHighresLimitExpectation", "strict_highres_exp"],
  ["rlnLowresLimitExpectation", "strict_lowres_exp"],
  ["rlnIncrementImageSize", "incr_size"],
  ["rlnAutoLocalSearchesHealpixOrder", "auto_local_healpix_order"],
  ["rlnRandomSeed", "random_seed"],
];

/** The arguments that a run of RELION must have had, from the labels of its files: those that decide on the next iterations. */
export function argumentsOfRelion({
  optimiser,
  refinement,
  sampling,
  tau2Fudge,
}: Omit<SavedRun, "command">): string[] {
  const [model] = refinement.models;
  const { original } = refinement.sampling;
  const args = [
    "--i",
    optimiser.string("rlnExperimentalDataStarFile"),
    "--ref",
    "continued",
    "--o",
    "continued",
  ];
  const add = (option: string, value: string | number) => args.push(`--${option}`, String(value));
  for (const [label, option] of flags)
    if (optimiser.has(label) && optimiser.number(label) !== 0) args.push(`--${option}`);
  for (const [label, option] of numbers)
    if (optimiser.has(label) && optimiser.number(label) >= 0) add(option, optimiser.number(label));
  for (const [label, option] of [
    ["rlnSolventMaskName", "solvent_mask"],
    ["rlnSolventMask2Name", "solvent_mask2"],
  ])
    if (optimiser.has(label) && optimiser.string(label) !== "None") add(option, optimiser.string(label));
  add("K", model.classes.length);
  add("pad", model.padding);
  add("tau2_fudge", tau2Fudge);
  add("sym", sampling.string("rlnSymmetryGroup"));
  add("healpix_order", original.healpixOrder);
  add("offset_range", original.offsetRange / model.pixelSize);
  add("offset_step", original.offsetStep / model.pixelSize);
  add("perturb", sampling.number("rlnSamplingPerturbFactor"));
  const tilt = sampling.has("rlnTiltAngleLimit") ? sampling.number("rlnTiltAngleLimit") : -91;
  if (Math.abs(tilt) < 90) add("limit_tilt", tilt);
  return args;
}
