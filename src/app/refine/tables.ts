import type { Model } from "../../em/model.js";
import type { RefineOptions } from "../../em/options.js";
import type { ParticleSet } from "../../em/particles.js";
import type { Refinement } from "../../em/refinement.js";
import { StarTable } from "../../formats/star/index.js";
import { orientationGrid } from "../../geometry/sampling.js";
import type { PointGroup } from "../../geometry/symmetry.js";
import type { IterationFiles } from "./file-names.js";

const flag = (value: boolean) => (value ? 1 : 0);
const shellIndex = (shells: number) => Int32Array.from({ length: shells }, (_, s) => s);
const unsetLength = -1;

/** What the files of a run say of it besides its state. */
export interface RunFacts {
  readonly options: RefineOptions;
  readonly root: string;
  readonly solventMask: string | undefined;
  readonly solventMask2: string | undefined;
  /** Arguments that the run began with: what continues it. */
  readonly command: readonly string[];
}

/** `run_itNNN_optimiser.star` with the labels of RELION 3.1, and the arguments of the run in a table that RELION passes over. */
export function optimiserTables(
  refinement: Refinement,
  files: IterationFiles,
  { options, root, solventMask, solventMask2, command }: RunFacts,
): StarTable[] {
  const { automation, iteration } = refinement;
  const { changes, smallest } = automation;
  const general = StarTable.fromPairs("optimiser_general", {
    rlnOutputRootName: root,
    rlnModelStarFile: files.models[0],
    ...(files.models.length > 1 ? { rlnModelStarFile2: files.models[1] } : {}),
    rlnExperimentalDataStarFile: files.data,
    rlnOrientSamplingStarFile: files.sampling,
    rlnCurrentIteration: iteration,
    rlnNumberOfIterations: options.iter,
    rlnDoSplitRandomHalves: flag(options.autoRefine),
    rlnJoinHalvesUntilThisResolution: options.lowResolJoinHalves,
    rlnAdaptiveOversampleOrder: options.oversampling,
    rlnAdaptiveOversampleFraction: options.adaptiveFraction,
    rlnRandomSeed: options.randomSeed,
    rlnParticleDiameter: options.particleDiameter,
    rlnWidthMaskEdge: options.maskEdge,
    rlnDoZeroMask: flag(options.zeroMask),
    rlnDoSolventFlattening: flag(options.flattenSolvent),
    rlnDoSolventFscCorrection: flag(options.solventCorrectFsc),
    rlnSolventMaskName: solventMask ?? "None",
    rlnSolventMask2Name: solventMask2 ?? "None",
    rlnBodyStarFile: "None",
    rlnTauSpectrumName: "None",
    rlnMaximumCoarseImageSize: options.coarseSize ?? -1,
    rlnHighresLimitExpectation: options.strictHighresExp ?? unsetLength,
    rlnLowresLimitExpectation: options.strictLowresExp ?? unsetLength,
    rlnIncrementImageSize: automation.incrementSize,
    rlnDoMapEstimation: 1,
    rlnDoFastSubsetOptimisation: flag(options.fastSubsets),
    rlnDoExternalReconstruct: 0,
    rlnDoStochasticGradientDescent: 0,
    rlnDoStochasticEM: 0,
    rlnSgdInitialIterations: 50,
    rlnSgdFinalIterations: 50,
    rlnSgdInBetweenIterations: 200,
    rlnSgdInitialResolution: 35,
    rlnSgdFinalResolution: 15,
    rlnSgdInitialSubsetSize: 100,
    rlnSgdFinalSubsetSize: 500,
    rlnSgdMuFactor: 0,
    rlnSgdSigma2FudgeInitial: 8,
    rlnSgdSigma2FudgeHalflife: -1,
    rlnSgdSkipAnneal: 0,
    rlnSgdSubsetSize: -1,
    rlnSgdWriteEverySubset: 1,
    rlnSgdStepsize: 0.5,
    rlnDoAutoRefine: flag(options.autoRefine),
    rlnAutoLocalSearchesHealpixOrder: options.autoLocalHealpixOrder,
    rlnNumberOfIterWithoutResolutionGain: automation.withoutGain,
    rlnBestResolutionThusFar: automation.bestResolution,
    rlnNumberOfIterWithoutChangingAssignments: automation.withoutChange,
    rlnDoSkipAlign: flag(options.skipAlign),
    rlnDoSkipRotate: flag(options.skipRotate),
    rlnOverallAccuracyRotations: automation.accuracyRotations,
    rlnOverallAccuracyTranslationsAngst: automation.accuracyTranslations,
    rlnChangesOptimalOrientations: changes.orientations,
    rlnChangesOptimalOffsets: changes.offsets,
    rlnChangesOptimalClasses: changes.classes,
    rlnSmallestChangesOrientations: smallest.orientations,
    rlnSmallestChangesOffsets: smallest.offsets,
    rlnSmallestChangesClasses: smallest.classes,
    rlnLocalSymmetryFile: "None",
    rlnDoHelicalRefine: 0,
    rlnIgnoreHelicalSymmetry: 0,
    rlnFourierMask: "None",
    rlnHelicalTwistInitial: 0,
    rlnHelicalRiseInitial: 0,
    rlnHelicalCentralProportion: 0.3,
    rlnNrHelicalNStart: 1,
    rlnHelicalMaskTubeInnerDiameter: unsetLength,
    rlnHelicalMaskTubeOuterDiameter: unsetLength,
    rlnHelicalSymmetryLocalRefinement: 0,
    rlnHelicalSigmaDistance: unsetLength,
    rlnHelicalKeepTiltPriorFixed: 0,
    rlnHasConverged: flag(automation.converged),
    rlnHasHighFscAtResolLimit: flag(automation.highFsc),
    rlnHasLargeSizeIncreaseIterationsAgo: 0,
    rlnDoCorrectNorm: flag(options.norm),
    rlnDoCorrectScale: flag(options.scale),
    rlnDoCorrectCtf: flag(options.ctf),
    rlnDoIgnoreCtfUntilFirstPeak: flag(options.ctfIntactFirstPeak),
    rlnCtfDataArePhaseFlipped: flag(options.ctfPhaseFlipped),
    rlnDoOnlyFlipCtfPhases: flag(options.onlyFlipPhases),
    rlnRefsAreCtfCorrected: flag(refinement.models[0].ctfCorrected),
    rlnFixSigmaNoiseEstimates: flag(options.fixSigmaNoise),
    rlnFixSigmaOffsetEstimates: flag(options.fixSigmaOffset),
    rlnMaxNumberOfPooledParticles: 1,
  });
  general.comments = [`CryoTile optimiser`, command.join(" "), "version 30001"];
  const own = StarTable.fromColumns("cryotile_arguments", { cryotileArgument: command });
  const state = StarTable.fromPairs("cryotile_state", {
    cryotileFineEnough: flag(automation.fineEnough),
    cryotileLocalSigma: automation.localSigma,
  });
  return [general, own, state];
}

/** `run_itNNN_model.star`. */
export function modelTables(
  model: Model,
  set: ParticleSet,
  options: RefineOptions,
  maps: readonly string[],
  localSigma: number,
): StarTable[] {
  const { box, pixelSize, classes, noise } = model;
  const shells = box / 2 + 1;
  const resolution = Float64Array.from({ length: shells }, (_, s) => s / (box * pixelSize));
  const general = StarTable.fromPairs("model_general", {
    rlnReferenceDimensionality: 3,
    rlnDataDimensionality: 2,
    rlnOriginalImageSize: box,
    rlnCurrentResolution: 1 / model.currentResolution,
    rlnCurrentImageSize: model.currentSize,
    rlnPaddingFactor: options.pad,
    rlnIsHelix: 0,
    rlnFourierSpaceInterpolator: 1,
    rlnMinRadiusNnInterpolation: 10,
    rlnPixelSize: pixelSize,
    rlnNrClasses: classes.length,
    rlnNrBodies: 1,
    rlnNrGroups: noise.length,
    rlnTau2FudgeFactor: options.tau2Fudge,
    rlnNormCorrectionAverage: model.averageNorm,
    rlnSigmaOffsetsAngst: model.sigmaOffset,
    rlnOrientationalPriorMode: flag(localSigma > 0),
    rlnSigmaPriorRotAngle: localSigma,
    rlnSigmaPriorTiltAngle: localSigma,
    rlnSigmaPriorPsiAngle: localSigma,
    rlnLogLikelihood: model.logLikelihood,
    rlnAveragePmax: model.averagePmax,
  });
  const column = (of: (own: Model["classes"][number]) => number) => Float64Array.from(classes, of);
  const list = StarTable.fromColumns("model_classes", {
    rlnReferenceImage: [...maps],
    rlnClassDistribution: column(({ weight }) => weight),
    rlnAccuracyRotations: column(({ accuracyRotations }) => accuracyRotations),
    rlnAccuracyTranslationsAngst: column(({ accuracyTranslations }) => accuracyTranslations),
    rlnEstimatedResolution: column(({ estimatedResolution }) => estimatedResolution),
    rlnOverallFourierCompleteness: column(({ completeness }) => completeness),
  });
  const spectra = classes.map(({ radial, orientability }, k) =>
    StarTable.fromColumns(`model_class_${k + 1}`, {
      rlnSpectralIndex: shellIndex(shells),
      rlnResolution: resolution,
      rlnAngstromResolution: resolution.map((value) => (value > 0 ? 1 / value : 999)),
      rlnSsnrMap: radial.dataVsPrior,
      rlnGoldStandardFsc: radial.fsc,
      rlnFourierCompleteness: radial.coverage,
      rlnReferenceSigma2: radial.sigma2,
      rlnReferenceTau2: radial.tau2,
      rlnSpectralOrientabilityContribution: orientability,
    }),
  );
  const groups = StarTable.fromColumns("model_groups", {
    rlnGroupNumber: Int32Array.from(noise, (_, g) => g + 1),
    rlnGroupName: [...set.groupNames],
    rlnGroupNrParticles: Int32Array.from(set.groupSizes),
    rlnGroupScaleCorrection: Float64Array.from(model.scale),
  });
  const noiseTables = noise.map((sigma2, g) =>
    StarTable.fromColumns(`model_group_${g + 1}`, {
      rlnSpectralIndex: shellIndex(shells),
      rlnResolution: resolution,
      rlnSigma2Noise: sigma2,
    }),
  );
  const directions = classes.map((own, k) =>
    StarTable.fromColumns(`model_pdf_orient_class_${k + 1}`, {
      rlnOrientationDistribution: own.directions,
    }),
  );
  return [general, list, ...spectra, groups, ...noiseTables, ...directions];
}

/** `run_itNNN_sampling.star`. */
export function samplingTables(
  { sampling }: Refinement,
  options: RefineOptions,
  group: PointGroup,
): StarTable[] {
  const { original } = sampling;
  const general = StarTable.fromPairs("sampling_general", {
    rlnIs3DSampling: 1,
    rlnIs3DTranslationalSampling: 0,
    rlnHealpixOrder: sampling.healpixOrder,
    rlnSymmetryGroup: options.sym,
    rlnTiltAngleLimit: options.limitTilt ?? -91,
    rlnPsiStep: sampling.psiStep,
    rlnOffsetRange: sampling.offsetRange,
    rlnOffsetStep: sampling.offsetStep,
    rlnHelicalOffsetStep: unsetLength,
    rlnSamplingPerturbInstance: sampling.perturbation,
    rlnSamplingPerturbFactor: options.perturb,
    rlnHealpixOrderOriginal: original.healpixOrder,
    rlnPsiStepOriginal: original.psiStep,
    rlnOffsetRangeOriginal: original.offsetRange,
    rlnOffsetStepOriginal: original.offsetStep,
  });
  const { rot, tilt } = orientationGrid({
    order: sampling.healpixOrder,
    group,
    ...(options.limitTilt === undefined ? {} : { limitTilt: options.limitTilt }),
  });
  return [general, StarTable.fromColumns("sampling_directions", { rlnAngleRot: rot, rlnAngleTilt: tilt })];
}

/** `run_itNNN_data.star`: the columns that were read, with what the refinement found. */
export function dataTables(refinement: Refinement, set: ParticleSet): StarTable[] {
  const { particles: state, half } = refinement;
  const rows = Uint32Array.from({ length: set.count }, (_, row) => row);
  const particles = set.particles.selectRows(rows);
  particles.set(
    "rlnGroupNumber",
    Int32Array.from(set.group, (g) => g + 1),
  );
  particles.set("rlnAngleRot", state.rot);
  particles.set("rlnAngleTilt", state.tilt);
  particles.set("rlnAnglePsi", state.psi);
  particles.set("rlnOriginXAngst", state.originX);
  particles.set("rlnOriginYAngst", state.originY);
  particles.set(
    "rlnClassNumber",
    Int32Array.from(state.class, (k) => k + 1),
  );
  particles.set("rlnNormCorrection", state.norm);
  if (half !== undefined)
    particles.set(
      "rlnRandomSubset",
      Int32Array.from(half, (h) => h + 1),
    );
  particles.set("rlnLogLikeliContribution", state.logLikelihood);
  particles.set("rlnMaxValueProbDistribution", state.maxProbability);
  particles.set("rlnNrOfSignificantSamples", state.significant);
  return [set.optics, particles];
}
