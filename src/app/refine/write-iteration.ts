import type { FinalMaps } from "../../em/halves.js";
import type { Model } from "../../em/model.js";
import type { ParticleSet } from "../../em/particles.js";
import type { Refinement } from "../../em/refinement.js";
import { createMrc } from "../../formats/mrc/index.js";
import type { Disk } from "../../formats/source.js";
import { type StarTable, writeStar } from "../../formats/star/index.js";
import { realAsWritten as written } from "../../formats/star/number.js";
import type { PointGroup } from "../../geometry/symmetry.js";
import { type IterationFiles, iterationFiles } from "./file-names.js";
import { dataTables, modelTables, optimiserTables, type RunFacts, samplingTables } from "./tables.js";

export async function writeTables(disk: Disk, path: string, blocks: StarTable[]): Promise<void> {
  const sink = await disk.create(path);
  try {
    await writeStar({ blocks }, sink);
    await sink.commit();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

const float32 = (map: Float32Array | Float64Array): Float32Array =>
  map instanceof Float32Array ? map : Float32Array.from(map);

export async function writeMap(
  disk: Disk,
  path: string,
  map: Float32Array | Float64Array,
  box: number,
  pixelSize: number,
): Promise<void> {
  const sink = await disk.create(path);
  try {
    const writer = await createMrc(sink, {
      kind: "volume",
      width: box,
      height: box,
      count: box,
      mode: 2,
      pixelSize,
    });
    await writer.write(float32(map));
    await writer.finish();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** Files that are written at a time: one goes to the disk while the statistics of another are taken. */
const writtenTogether = 4;

/** Write files, some at a time. Throws the first failure when none is being written any more. */
async function writeAll(files: readonly (() => Promise<void>)[]): Promise<void> {
  for (let first = 0; first < files.length; first += writtenTogether) {
    const some = files.slice(first, first + writtenTogether).map((write) => write());
    for (const result of await Promise.allSettled(some))
      if (result.status === "rejected") throw result.reason;
  }
}

/**
 * Write the files of an iteration; the optimiser's file, which names the others, last. Without maximisation only the particles are new.
 * Returns the names of what holds the state.
 */
export async function writeIteration(
  disk: Disk,
  refinement: Refinement,
  set: ParticleSet,
  facts: RunFacts,
  group: PointGroup,
): Promise<IterationFiles> {
  const { models, iteration, automation } = refinement;
  const { options, root } = facts;
  const files = iterationFiles(root, iteration, models.length > 1, options.K);
  if (options.skipMaximize && iteration > 0) {
    await writeTables(disk, files.data, dataTables(refinement, set));
    return { ...iterationFiles(root, 0, models.length > 1, options.K), data: files.data };
  }
  await writeAll(
    models.flatMap((model, h) =>
      model.classes.map(
        ({ map }, k) =>
          () =>
            writeMap(disk, files.maps[h][k], map, model.box, model.pixelSize),
      ),
    ),
  );
  for (const [h, model] of models.entries()) {
    const tables = modelTables(model, set, options, files.maps[h], automation.localSigma);
    await writeTables(disk, files.models[h], tables);
  }
  await writeTables(disk, files.data, dataTables(refinement, set));
  await writeTables(disk, files.sampling, samplingTables(refinement, options, group));
  await writeTables(disk, files.optimiser, optimiserTables(refinement, files, facts));
  return files;
}

/** Write what a converged refinement ends with, under names without an iteration. Returns the names. */
export async function writeFinal(
  disk: Disk,
  refinement: Refinement,
  final: FinalMaps,
  set: ParticleSet,
  facts: RunFacts,
  group: PointGroup,
): Promise<IterationFiles> {
  const { options, root } = facts;
  const [model] = refinement.models;
  const files = iterationFiles(root, undefined, false, 1);
  const halves = final.unfiltered.map((_, h) => `${root}_half${h + 1}_class001_unfil.mrc`);
  await writeAll(
    [...halves, files.maps[0][0]].map((path, at) => () => {
      const map = at < halves.length ? final.unfiltered[at] : model.classes[0].map;
      return writeMap(disk, path, map, model.box, model.pixelSize);
    }),
  );
  await writeTables(
    disk,
    files.models[0],
    modelTables(model, set, options, files.maps[0], refinement.automation.localSigma),
  );
  await writeTables(disk, files.sampling, samplingTables(refinement, options, group));
  await writeTables(disk, files.data, dataTables(refinement, set));
  return { ...files, maps: [[files.maps[0][0]], halves] };
}

/** In-plane steps divide the circle, which their digits alone do not tell. */
export const wholePart = (step: number): number => 360 / Math.round(360 / step);
const writtenAll = (values: Float64Array) => values.map(written);

/**
 * A state with the digits that its files hold. Every iteration starts from such a state, so that a continued run cannot differ from one
 * that was not interrupted.
 */
export function asWritten(refinement: Refinement): Refinement {
  const { particles, automation, sampling } = refinement;
  const changes = (of: typeof automation.changes) => ({
    orientations: written(of.orientations),
    offsets: written(of.offsets),
    classes: written(of.classes),
  });
  return {
    ...refinement,
    models: refinement.models.map(modelAsWritten),
    particles: {
      ...particles,
      rot: writtenAll(particles.rot),
      tilt: writtenAll(particles.tilt),
      psi: writtenAll(particles.psi),
      originX: writtenAll(particles.originX),
      originY: writtenAll(particles.originY),
      norm: writtenAll(particles.norm),
      logLikelihood: writtenAll(particles.logLikelihood),
      maxProbability: writtenAll(particles.maxProbability),
    },
    sampling: {
      ...sampling,
      psiStep: wholePart(sampling.psiStep),
      offsetRange: written(sampling.offsetRange),
      offsetStep: written(sampling.offsetStep),
      original: {
        ...sampling.original,
        psiStep: wholePart(sampling.original.psiStep),
        offsetRange: written(sampling.original.offsetRange),
        offsetStep: written(sampling.original.offsetStep),
      },
    },
    automation: {
      ...automation,
      changes: changes(automation.changes),
      smallest: changes(automation.smallest),
      bestResolution: written(automation.bestResolution),
      accuracyRotations: written(automation.accuracyRotations),
      accuracyTranslations: written(automation.accuracyTranslations),
      localSigma: written(automation.localSigma),
    },
  };
}

function modelAsWritten(model: Model): Model {
  return {
    ...model,
    noise: model.noise.map(writtenAll),
    scale: writtenAll(model.scale),
    averageNorm: written(model.averageNorm),
    sigmaOffset: written(model.sigmaOffset),
    logLikelihood: written(model.logLikelihood),
    averagePmax: written(model.averagePmax),
    currentResolution: 1 / written(1 / model.currentResolution),
    classes: model.classes.map((own) => ({
      ...own,
      map: float32(own.map),
      weight: written(own.weight),
      directions: writtenAll(own.directions),
      orientability: writtenAll(own.orientability),
      accuracyRotations: written(own.accuracyRotations),
      accuracyTranslations: written(own.accuracyTranslations),
      estimatedResolution: written(own.estimatedResolution),
      completeness: written(own.completeness),
      radial: {
        sigma2: writtenAll(own.radial.sigma2),
        tau2: writtenAll(own.radial.tau2),
        dataVsPrior: writtenAll(own.radial.dataVsPrior),
        coverage: writtenAll(own.radial.coverage),
        fsc: writtenAll(own.radial.fsc),
      },
    })),
  };
}
