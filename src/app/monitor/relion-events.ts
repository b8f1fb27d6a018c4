import type { Disk } from "../../formats/source.js";
import { readStar, type StarFile, type StarTable } from "../../formats/star/index.js";
import { angularStep } from "../../geometry/sampling.js";
import type { ClassSummary, JobEvent } from "../job/events.js";
import { iterationLimit } from "../report/record.js";

/** A file of a job folder. `modified`: seconds since 1970. */
export interface JobFile {
  readonly name: string;
  readonly modified: number;
}

type EventOf<Kind extends JobEvent["kind"]> = Extract<JobEvent, { kind: Kind }>;

const optimiserName = /_it(\d+)_optimiser\.star$/;
const unknown = Number.NaN;

const iterationOf = ({ name }: JobFile) => Number(optimiserName.exec(name)?.[1]);

/** Names in RELION's files begin at the project's folder; the files stand in the job's own. */
const own = (name: string) => name.slice(name.lastIndexOf("/") + 1);

const numberOf = (table: StarTable | undefined, row: number, ...labels: readonly string[]): number => {
  const label = labels.find((one) => table?.has(one));
  return table === undefined || label === undefined ? unknown : table.number(label, row);
};

/** Reads the iterations of a RELION job as the events that `cryotile refine` would have told. */
export class RelionJob {
  constructor(private readonly disk: Disk) {}

  /**
   * Events of the iterations that are complete, with a warning of each that is not; none where the folder has none.
   * @throws UserError or FormatError of the newest iteration where none is complete
   */
  async events(files: readonly JobFile[]): Promise<JobEvent[]> {
    const found = newestOfEach(files);
    const present = new Set(files.map(({ name }) => name));
    const iterations: EventOf<"iteration">[] = [];
    const optimisers: JobFile[] = [];
    const warnings: EventOf<"warning">[] = [];
    let problem: unknown;
    for (const file of found) {
      const number = iterationOf(file);
      try {
        // The start is no iteration.
        if (number > 0) iterations.push(await this.iteration(file, present));
        optimisers.push(file);
      } catch (error) {
        problem = error;
        const message = `iteration ${number} is left out: ${(error as Error).message}`;
        warnings.push({ time: file.modified, kind: "warning", message });
      }
    }
    const last = optimisers.at(-1);
    if (last === undefined) {
      if (problem !== undefined) throw problem;
      return [];
    }
    const optimiser = await this.star(last.name);
    const general = optimiser.get("optimiser_general");
    const model = await this.star(own(general.string("rlnModelStarFile")));
    const sampling = await this.sampling(general);
    const data = await this.star(own(general.string("rlnExperimentalDataStarFile")));
    const particles = data.find("particles") ?? data.blocks.find((block) => block.has("rlnImageName"));
    const about = model.get("model_general");
    const asked = numberOf(general, 0, "rlnNumberOfIterations");
    const total = Math.max(iterations.at(-1)?.iteration ?? 0, iterationLimit({ iterations: asked }) ?? 0);
    const halves = numberOf(general, 0, "rlnDoSplitRandomHalves") === 1;
    const begun = optimisers[0].modified;
    const start: JobEvent = {
      time: begun,
      kind: "start",
      version: "",
      command: [],
      runtime: "RELION",
      device: "",
      particles: particles?.rowCount ?? 0,
      box: about.number("rlnOriginalImageSize"),
      pixelSize: about.number("rlnPixelSize"),
      symmetry: sampling?.has("rlnSymmetryGroup") ? sampling.string("rlnSymmetryGroup") : "C1",
      classes: about.number("rlnNrClasses"),
      iterations: total,
      root: last.name.replace(optimiserName, ""),
      from: 0,
    };
    const ended =
      numberOf(general, 0, "rlnHasConverged") === 1 ||
      (!halves &&
        numberOf(general, 0, "rlnCurrentIteration") >= numberOf(general, 0, "rlnNumberOfIterations"));
    const newest = iterations.at(-1);
    return [
      start,
      ...warnings,
      ...iterations.slice(0, -1),
      ...(newest === undefined ? [] : [{ ...newest, significant: significantOf(particles) }]),
      ...(ended ? [{ time: last.modified, kind: "end", status: "success" } as const] : []),
    ];
  }

  private async iteration(file: JobFile, present: ReadonlySet<string>): Promise<EventOf<"iteration">> {
    const general = (await this.star(file.name)).get("optimiser_general");
    const label = (name: string) => own(general.string(name));
    const names = ["rlnModelStarFile", "rlnModelStarFile2"].filter((name) => general.has(name)).map(label);
    const models = await Promise.all(names.map((name) => this.star(name)));
    const about = models[0].get("model_general");
    const sampling = await this.sampling(general);
    const iteration = iterationOf(file);
    const change = (what: string) => numberOf(general, 0, `rlnChangesOptimal${what}`);
    const classes = models.flatMap((model) => classesOf(model, models.length > 1));
    const order = numberOf(sampling, 0, "rlnHealpixOrder");
    const written = [
      file.name,
      label("rlnExperimentalDataStarFile"),
      ...names,
      ...classes.map(({ map }) => map),
    ];
    return {
      time: file.modified,
      kind: "iteration",
      iteration,
      resolution: about.number("rlnCurrentResolution"),
      coarseSize: unknown,
      currentSize: numberOf(about, 0, "rlnCurrentImageSize"),
      angularStep: Number.isFinite(order) ? angularStep(order) : unknown,
      offsetStep: numberOf(sampling, 0, "rlnOffsetStep"),
      averagePmax: numberOf(about, 0, "rlnAveragePmax"),
      logLikelihood: numberOf(about, 0, "rlnLogLikelihood"),
      ...(iteration > 1 && {
        changes: {
          orientations: change("Orientations"),
          offsets: change("Offsets"),
          classes: change("Classes"),
        },
      }),
      classes,
      significant: [],
      failed: 0,
      seconds: noSeconds,
      peakBytes: unknown,
      memoryTop: [],
      files: written.filter((name) => present.has(name)),
    };
  }

  private async sampling(general: StarTable): Promise<StarTable | undefined> {
    if (!general.has("rlnOrientSamplingStarFile")) return undefined;
    const name = own(general.string("rlnOrientSamplingStarFile"));
    // RELION writes none for the start.
    return (await this.disk.exists(name)) ? (await this.star(name)).find("sampling_general") : undefined;
  }

  private async star(name: string): Promise<StarFile> {
    const source = await this.disk.open(name);
    try {
      return await readStar(source);
    } finally {
      await source.close();
    }
  }
}

/** RELION does not tell the time of its phases. */
const noSeconds: EventOf<"iteration">["seconds"] = {
  read: 0,
  prepare: 0,
  coarse: 0,
  fine: 0,
  sums: 0,
  accuracy: 0,
  reconstruct: 0,
  write: 0,
};

/** Optimiser files by iteration; a continued run may have done one again. */
function newestOfEach(files: readonly JobFile[]): JobFile[] {
  const found = new Map<number, JobFile>();
  for (const file of files) {
    const iteration = iterationOf(file);
    if (Number.isNaN(iteration)) continue;
    const before = found.get(iteration);
    if (before === undefined || before.modified < file.modified) found.set(iteration, file);
  }
  return [...found].sort(([a], [b]) => a - b).map(([, file]) => file);
}

function classesOf(model: StarFile, halves: boolean): ClassSummary[] {
  const list = model.get("model_classes");
  return Array.from({ length: list.rowCount }, (_, k) => {
    const spectra = model.find(`model_class_${k + 1}`);
    const spectrum = (label: string) => (spectra?.has(label) ? [...spectra.numbers(label)] : []);
    return {
      map: own(list.string("rlnReferenceImage", k)),
      weight: numberOf(list, k, "rlnClassDistribution"),
      resolution: numberOf(list, k, "rlnEstimatedResolution"),
      accuracyRotations: numberOf(list, k, "rlnAccuracyRotations"),
      accuracyTranslations: numberOf(list, k, "rlnAccuracyTranslationsAngst", "rlnAccuracyTranslations"),
      ssnr: spectrum("rlnSsnrMap"),
      ...(halves && { fsc: spectrum("rlnGoldStandardFsc") }),
    };
  });
}

/** Particles by significant samples: [1, 2), [2, 4), ... */
function significantOf(particles: StarTable | undefined): number[] {
  const counts: number[] = [];
  if (!particles?.has("rlnNrOfSignificantSamples")) return counts;
  for (const samples of particles.numbers("rlnNrOfSignificantSamples")) {
    if (samples < 1) continue;
    const bin = Math.floor(Math.log2(samples));
    while (counts.length <= bin) counts.push(0);
    counts[bin]++;
  }
  return counts;
}
