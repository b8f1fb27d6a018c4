import { dirname, isAbsolute, resolve } from "node:path";
import type { Automation, Sampling } from "../../em/automation.js";
import type { ClassModel, Model } from "../../em/model.js";
import { type ParticleSet, particleSet } from "../../em/particles.js";
import type { Refinement } from "../../em/refinement.js";
import { FormatError, UserError } from "../../errors.js";
import { firstNotFinite, openMrc } from "../../formats/mrc/index.js";
import type { Disk } from "../../formats/source.js";
import { readStar, type StarFile, type StarTable } from "../../formats/star/index.js";
import { wholePart } from "./write-iteration.js";

/** A run read back from the files of one of its iterations. */
export interface SavedRun {
  readonly optimiser: StarTable;
  /** Arguments that the run began with; undefined for a run of RELION. */
  readonly command: readonly string[] | undefined;
  readonly set: ParticleSet;
  readonly refinement: Refinement;
  readonly sampling: StarTable;
  readonly tau2Fudge: number;
}

export async function readStarFile(disk: Disk, path: string): Promise<StarFile> {
  const source = await disk.open(path);
  try {
    return await readStar(source);
  } finally {
    await source.close();
  }
}

/** All voxels of a cubic map, with its pixel size. */
export async function readCube(
  disk: Disk,
  path: string,
): Promise<{ map: Float32Array; box: number; pixelSize: number | undefined }> {
  const file = await openMrc(await disk.open(path), { kind: "volume" });
  try {
    const { width, height, count } = file;
    if (width !== height || width !== count)
      throw new FormatError({ file: path }, `a map of ${width} x ${height} x ${count} voxels, not a cube`);
    const map = await file.readVolume();
    const bad = firstNotFinite(map);
    if (bad >= 0) throw new FormatError({ file: path }, `voxel ${bad} is not a finite number`);
    return { map, box: width, pixelSize: file.pixelSize?.[0] };
  } finally {
    await file.close();
  }
}

/** Names in a file of RELION's are relative to the folder that the job was run in: this one, or one above the file. */
async function locate(disk: Disk, name: string, beside: string): Promise<string> {
  if (isAbsolute(name) || (await disk.exists(name))) return name;
  for (let folder = dirname(resolve(beside)); ; folder = dirname(folder)) {
    const path = resolve(folder, name);
    if (await disk.exists(path)) return path;
    if (folder === dirname(folder)) return name;
  }
}

/**
 * The state that `run_itNNN_optimiser.star` and the files that it names hold, of this program or of RELION 3.1.
 * @throws UserError for missing files or labels.
 */
export async function readSavedRun(disk: Disk, path: string): Promise<SavedRun> {
  const file = await readStarFile(disk, path);
  const optimiser = file.get("optimiser_general");
  const command = file.find("cryotile_arguments")?.strings("cryotileArgument");
  const state = file.find("cryotile_state");
  for (const [label, what] of [
    ["rlnDoStochasticGradientDescent", "a gradient-driven run"],
    ["rlnDoHelicalRefine", "a helical run"],
  ] as const)
    if (optimiser.has(label) && optimiser.number(label) !== 0)
      throw new UserError(`${path}: ${what} is not continued here`);
  const at = (label: string) => locate(disk, optimiser.string(label), path);
  const data = await readStarFile(disk, await at("rlnExperimentalDataStarFile"));
  const set = particleSet(data);
  const samplingFile = await at("rlnOrientSamplingStarFile");
  const sampling = (await readStarFile(disk, samplingFile)).get("sampling_general");
  const models = [await readModel(disk, await at("rlnModelStarFile"), optimiser)];
  if (optimiser.has("rlnModelStarFile2"))
    models.push(await readModel(disk, await at("rlnModelStarFile2"), optimiser));
  const [{ tau2Fudge }] = models;
  const subsets = set.particles.has("rlnRandomSubset")
    ? set.particles.integers("rlnRandomSubset")
    : undefined;
  if (models.length > 1 && subsets === undefined)
    throw new UserError(`${data.name}: has no rlnRandomSubset, which a run of half sets needs`);
  return {
    optimiser,
    command,
    set,
    sampling,
    tau2Fudge,
    refinement: {
      iteration: optimiser.number("rlnCurrentIteration"),
      models,
      ...(models.length > 1 && subsets !== undefined ? { half: Uint8Array.from(subsets, (h) => h - 1) } : {}),
      particles: set.initial,
      sampling: readSampling(sampling),
      automation: readAutomation(optimiser, models[0], state),
    },
  };
}

function readSampling(table: StarTable): Sampling {
  const steps = (suffix: string) => ({
    healpixOrder: table.number(`rlnHealpixOrder${suffix}`),
    psiStep: wholePart(table.number(`rlnPsiStep${suffix}`)),
    offsetRange: table.number(`rlnOffsetRange${suffix}`),
    offsetStep: table.number(`rlnOffsetStep${suffix}`),
  });
  const now = steps("");
  return {
    ...now,
    original: table.has("rlnHealpixOrderOriginal") ? steps("Original") : now,
    perturbation: table.number("rlnSamplingPerturbInstance"),
  };
}

function readAutomation(
  optimiser: StarTable,
  model: Model & { readonly localSigma?: number },
  state: StarTable | undefined,
): Automation {
  const number = (label: string) => optimiser.number(`rln${label}`);
  const changes = (start: string) => ({
    orientations: number(`${start}Orientations`),
    offsets: number(`${start}Offsets`),
    classes: number(`${start}Classes`),
  });
  return {
    changes: changes("ChangesOptimal"),
    smallest: changes("SmallestChanges"),
    withoutGain: number("NumberOfIterWithoutResolutionGain"),
    withoutChange: number("NumberOfIterWithoutChangingAssignments"),
    bestResolution: number("BestResolutionThusFar"),
    accuracyRotations: number("OverallAccuracyRotations"),
    accuracyTranslations: number("OverallAccuracyTranslationsAngst"),
    fineEnough: state?.number("cryotileFineEnough") === 1,
    converged: number("HasConverged") === 1,
    highFsc: number("HasHighFscAtResolLimit") === 1,
    incrementSize: number("IncrementImageSize"),
    localSigma: state?.number("cryotileLocalSigma") ?? model.localSigma ?? 0,
  };
}

/** A model with what its file tells besides. */
interface SavedModel extends Model {
  readonly localSigma: number;
  readonly tau2Fudge: number;
}

async function readModel(disk: Disk, path: string, optimiser: StarTable): Promise<SavedModel> {
  const file = await readStarFile(disk, path);
  const general = file.get("model_general");
  const box = general.number("rlnOriginalImageSize");
  const pixelSize = general.number("rlnPixelSize");
  const list = file.get("model_classes");
  const groups = file.get("model_groups");
  const classes: ClassModel[] = [];
  for (let k = 0; k < list.rowCount; k++) {
    const map = await readCube(disk, await locate(disk, list.string("rlnReferenceImage", k), path));
    if (map.box !== box)
      throw new UserError(`${path}: class ${k + 1} has a map of ${map.box} voxels, not ${box}`);
    const spectra = file.get(`model_class_${k + 1}`);
    const spectrum = (label: string) =>
      spectra.has(label) ? spectra.numbers(label) : new Float64Array(box / 2 + 1);
    classes.push({
      map: map.map,
      weight: list.number("rlnClassDistribution", k),
      directions: file.get(`model_pdf_orient_class_${k + 1}`).numbers("rlnOrientationDistribution"),
      radial: {
        sigma2: spectrum("rlnReferenceSigma2"),
        tau2: spectrum("rlnReferenceTau2"),
        dataVsPrior: spectrum("rlnSsnrMap"),
        coverage: spectrum("rlnFourierCompleteness"),
        fsc: spectrum("rlnGoldStandardFsc"),
      },
      orientability: spectrum("rlnSpectralOrientabilityContribution"),
      accuracyRotations: list.number("rlnAccuracyRotations", k),
      accuracyTranslations: list.number("rlnAccuracyTranslationsAngst", k),
      estimatedResolution: list.number("rlnEstimatedResolution", k),
      completeness: list.number("rlnOverallFourierCompleteness", k),
    });
  }
  return {
    box,
    pixelSize,
    padding: general.number("rlnPaddingFactor"),
    classes,
    noise: Array.from({ length: groups.rowCount }, (_, g) =>
      file.get(`model_group_${g + 1}`).numbers("rlnSigma2Noise"),
    ),
    scale: groups.numbers("rlnGroupScaleCorrection"),
    averageNorm: general.number("rlnNormCorrectionAverage"),
    sigmaOffset: general.number("rlnSigmaOffsetsAngst"),
    logLikelihood: general.number("rlnLogLikelihood"),
    averagePmax: general.number("rlnAveragePmax"),
    currentResolution: 1 / general.number("rlnCurrentResolution"),
    currentSize: general.number("rlnCurrentImageSize"),
    ctfCorrected: optimiser.number("rlnRefsAreCtfCorrected") === 1,
    tau2Fudge: general.number("rlnTau2FudgeFactor"),
    localSigma: general.number("rlnOrientationalPriorMode") > 0 ? general.number("rlnSigmaPriorRotAngle") : 0,
  };
}
