import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { freemem } from "node:os";
import { basename, dirname, join } from "node:path";
import { largestBatch } from "../../em/memory.js";
import type { RefineOptions } from "../../em/options.js";
import type { ParticleSet } from "../../em/particles.js";
import { type RefineContext, type Refinement, startRefinement } from "../../em/refinement.js";
import { type IterationReport, nextIteration } from "../../em/run-iteration.js";
import { UserError } from "../../errors.js";
import { angularStep } from "../../geometry/sampling.js";
import { pointGroup } from "../../geometry/symmetry.js";
import type { TraceEvent } from "../../runtime/arena.js";
import type { Runtime } from "../../runtime/contract.js";
import { TraceRecorder } from "../../runtime/trace.js";
import { startProgress } from "../progress.js";
import { continuedOptions, parseRefineArguments, type RefineArguments } from "./arguments.js";
import { openRuntime } from "./device.js";
import { EventLog, MemoryCurve } from "./event-log.js";
import type { IterationFiles } from "./file-names.js";
import { ImageStore } from "./image-store.js";
import { completeOptions, particleWarnings, readParticleSet, readReferences } from "./inputs.js";
import { argumentsOfRelion } from "./relion-run.js";
import { readSavedRun } from "./resume.js";
import type { RunFacts } from "./tables.js";
import { asWritten, writeIteration } from "./write-iteration.js";

/** Particles of a batch where memory allows. */
const mostParticles = 256;
const version = (
  JSON.parse(readFileSync(new URL("../../../../package.json", import.meta.url), "utf8")) as {
    version: string;
  }
).version;

/** The run was asked to stop through the pipeline's folder. */
export class AbortedError extends UserError {
  override readonly name = "AbortedError";
}

interface Prepared {
  readonly set: ParticleSet;
  readonly options: RefineOptions;
  readonly starFile: string;
  /** References of a new run, or the state of one that is continued. */
  readonly start:
    | { readonly kind: "new"; readonly maps: readonly Float32Array[] }
    | { readonly kind: "continued"; readonly refinement: Refinement; readonly references: number };
  readonly command: readonly string[];
}

async function prepare(args: RefineArguments, argv: readonly string[]): Promise<Prepared> {
  const { files } = args;
  if (files.continueFrom === undefined) {
    const set = await readParticleSet(files.i);
    const options = await completeOptions(args.options, files, set);
    const maps = await readReferences(files.ref, set, args, options.K);
    return { set, options, starFile: files.i, start: { kind: "new", maps }, command: argv };
  }
  const saved = await readSavedRun(files.continueFrom);
  const command = saved.command ?? argumentsOfRelion(saved);
  const before = parseRefineArguments(command);
  const masks = { ...before.files, ...files };
  const merged = {
    ...continuedOptions(before.options, args),
    randomSeed: saved.optimiser.number("rlnRandomSeed"),
  };
  const options = await completeOptions(merged, masks, saved.set);
  const { classes } = saved.refinement.models[0];
  if (classes.length !== options.K)
    throw new UserError(
      `${files.continueFrom}: has ${classes.length} classes, the run was started with ${options.K}`,
    );
  const grown =
    saved.command !== undefined &&
    !/\.star$/.test(String(before.files.continueFrom === undefined && before.files.ref));
  return {
    set: saved.set,
    options,
    starFile: files.continueFrom,
    start: { kind: "continued", refinement: saved.refinement, references: grown ? 1 : options.K },
    command,
  };
}

/** `cryotile refine`: the whole run, from its files to its files. */
export async function refine(argv: readonly string[]): Promise<void> {
  const args = parseRefineArguments(argv);
  for (const notice of args.notices) console.log(notice);
  const folder = dirname(args.files.o);
  mkdirSync(folder, { recursive: true });
  removeLeftovers(folder, basename(args.files.o));
  const log = new EventLog(folder);
  log.open(args.files.continueFrom !== undefined);
  try {
    await run(args, argv, folder, log);
    log.add({ kind: "end", status: "success" });
    mark(args, "SUCCESS");
  } catch (error) {
    const aborted = error instanceof AbortedError;
    const message = error instanceof Error ? error.message : String(error);
    log.add({ kind: "end", status: aborted ? "aborted" : "failure", message });
    mark(args, aborted ? "ABORTED" : "FAILURE");
    throw error;
  }
}

async function run(
  args: RefineArguments,
  argv: readonly string[],
  folder: string,
  log: EventLog,
): Promise<void> {
  const prepared = await prepare(args, argv);
  const { set, options, start } = prepared;
  const warn = (message: string) => {
    console.error(`warning: ${message}`);
    log.add({ kind: "warning", message });
  };
  for (const message of particleWarnings(set, options)) warn(message);
  const curve = new MemoryCurve();
  const recorder = new TraceRecorder();
  const onEvent = (event: TraceEvent) => {
    curve.onEvent(event);
    if (args.trace !== undefined) recorder.onEvent(event);
  };
  const { runtime, reason } = await openRuntime(args, onEvent);
  const from = start.kind === "continued" ? start.refinement.iteration : 0;
  console.log(
    `${set.count} particles of ${set.box} pixels (${set.pixelSize} A), ${options.K} class(es), ${options.sym}; ${runtime.name} on ${runtime.capabilities.device} (${reason})`,
  );
  log.add({
    kind: "start",
    version,
    command: argv,
    runtime: runtime.name,
    device: runtime.capabilities.device,
    particles: set.count,
    box: set.box,
    pixelSize: set.pixelSize,
    symmetry: options.sym,
    classes: options.K,
    iterations: options.iter,
    root: basename(args.files.o),
    from,
  });
  try {
    await iterate(args, prepared, runtime, { log, warn, curve, folder });
  } finally {
    if (args.trace !== undefined)
      writeFileSync(
        args.trace,
        `${JSON.stringify(recorder.trace({ capacity: runtime.capabilities.arenaBytes, alignment: runtime.layout.alignment }))}\n`,
      );
    await runtime.close();
  }
}

interface Telling {
  readonly log: EventLog;
  readonly warn: (message: string) => void;
  readonly curve: MemoryCurve;
  readonly folder: string;
}

async function iterate(
  args: RefineArguments,
  { set, options, start, starFile, command }: Prepared,
  runtime: Runtime,
  { log, warn, curve, folder }: Telling,
): Promise<void> {
  const keepBytes = (args.hostMemory ?? freemem()) / 2;
  const images = new ImageStore(set, starFile, keepBytes);
  const group = pointGroup(options.sym, { relionUnit: true });
  const context: RefineContext = {
    runtime,
    set,
    options,
    images,
    group,
    references: start.kind === "new" ? start.maps.length : start.references,
  };
  const facts: RunFacts = {
    options,
    root: args.files.o,
    solventMask: args.files.solventMask,
    solventMask2: args.files.solventMask2,
    command,
  };
  let state: Refinement;
  if (start.kind === "new") {
    log.add({ kind: "phase", iteration: 0, phase: "noise spectra" });
    state = asWritten(await startRefinement(context, start.maps));
    refuseBadImages(images, set);
    if (images.constant.length > 0)
      warn(
        `${images.constant.length} images are constant, such as ${nameOf(set, images.constant[0])}; they tell nothing and can be left out`,
      );
    await writeIteration(state, set, facts, group);
  } else state = start.refinement;
  if (state.iteration >= options.iter)
    console.log(
      `iteration ${state.iteration} is the last one asked for (--iter ${options.iter}): nothing to do`,
    );
  while (state.iteration < options.iter) {
    const iteration = state.iteration + 1;
    const progress = startProgress(`iteration ${iteration} of ${options.iter}`, set.count);
    let lastEvent = 0;
    const begun = performance.now();
    curve.take();
    const { refinement, report } = await nextIteration(context, state, {
      async chooseBatch(input) {
        const { capabilities, layout } = runtime;
        const most = Math.min(args.batch ?? mostParticles, set.count);
        const { batch, plan } = await largestBatch(layout, input, capabilities, most);
        log.add({ kind: "plan", iteration, peak: plan.peak, byScope: plan.byScope, batch: batch.size });
        return batch;
      },
      phase: (phase) => log.add({ kind: "phase", iteration, phase }),
      progress(done, total) {
        pollAbort(args);
        progress.update(done);
        const now = performance.now();
        if (now - lastEvent < 1000 && done < total) return;
        lastEvent = now;
        log.add({ kind: "progress", iteration, done, total, rate: (1000 * done) / (now - begun) });
      },
    });
    progress.stop();
    state = asWritten(refinement);
    const files = await writeIteration(state, set, facts, group);
    report.clock.lap("write");
    tell(state, report, files, set, runtime, { log, warn, curve, folder });
  }
}

/** The line of an iteration, and its event. */
function tell(
  state: Refinement,
  report: IterationReport,
  files: IterationFiles,
  set: ParticleSet,
  runtime: Runtime,
  { log, warn, curve, folder }: Telling,
): void {
  const { iteration, models, automation, sampling } = state;
  const [model] = models;
  const { seconds } = report.clock;
  const total = Object.values(seconds).reduce((sum, value) => sum + value, 0);
  const { changes } = automation;
  const relative = (path: string) => (dirname(path) === folder ? basename(path) : path);
  console.log(
    `iteration ${iteration}: ${(1 / model.currentResolution).toFixed(2)} A, Pmax ${model.averagePmax.toFixed(3)}, changes ${changes.orientations.toFixed(2)} deg ${changes.offsets.toFixed(2)} A, size ${report.sizes.coarse}/${report.sizes.current}, ${total.toFixed(1)} s, peak ${(runtime.memory.peak / 1e6).toFixed(0)} MB`,
  );
  if (report.failed > 0)
    warn(
      `iteration ${iteration}: ${report.failed} particles had no orientation better than any other and were left out`,
    );
  if (report.limited > 0)
    warn(
      `iteration ${iteration}: ${report.limited} particles keep more samples than the memory holds and were cut to the best; more --memory helps`,
    );
  const significant: number[] = [];
  for (const count of state.particles.significant) {
    if (count < 1) continue;
    const bin = Math.floor(Math.log2(count));
    while (significant.length <= bin) significant.push(0);
    significant[bin]++;
  }
  log.add({
    kind: "iteration",
    iteration,
    resolution: 1 / model.currentResolution,
    coarseSize: report.sizes.coarse,
    currentSize: report.sizes.current,
    angularStep: angularStep(sampling.healpixOrder),
    offsetStep: sampling.offsetStep,
    averagePmax: model.averagePmax,
    logLikelihood: model.logLikelihood,
    ...(iteration > 1 ? { changes } : {}),
    classes: models.flatMap(({ classes }, h) =>
      classes.map((own, k) => ({
        map: relative(files.maps[h][k]),
        weight: own.weight,
        resolution: own.estimatedResolution,
        accuracyRotations: own.accuracyRotations,
        accuracyTranslations: own.accuracyTranslations,
        ssnr: [...own.radial.dataVsPrior],
        ...(models.length > 1 ? { fsc: [...own.radial.fsc] } : {}),
      })),
    ),
    significant,
    failed: report.failed,
    seconds,
    peakBytes: runtime.memory.peak,
    memoryTop: curve.take(),
    files: [files.data, files.optimiser, files.sampling, ...files.models, ...files.maps.flat()].map(relative),
  });
  if (report.failed > failedShare * set.count)
    throw new UserError(
      `${report.failed} of ${set.count} particles failed in iteration ${iteration}: look at the images (cryotile info --i STAR) and at --particle_diameter, the pixel size and the reference; ${files.optimiser} holds what was found`,
    );
}

/** More failed particles than this share end the run. */
const failedShare = 0.5;

const nameOf = (set: ParticleSet, particle: number) => {
  const { path, index } = set.images[particle];
  return index === undefined ? path : `${index + 1}@${path}`;
};

function refuseBadImages(images: ImageStore, set: ParticleSet): void {
  const bad = images.notFinite;
  if (bad.length === 0) return;
  const shown = bad.slice(0, 3).map((p) => nameOf(set, p));
  throw new UserError(
    `${bad.length} images have pixels that are not finite numbers: ${shown.join(", ")}${bad.length > 3 ? " ..." : ""}; remove their rows from the STAR file or extract them again`,
  );
}

function pollAbort({ files: { pipelineControl } }: RefineArguments): void {
  if (pipelineControl === undefined) return;
  const request = join(pipelineControl, "RELION_JOB_ABORT_NOW");
  if (!existsSync(request)) return;
  rmSync(request, { force: true });
  throw new AbortedError(
    "stopped on request (RELION_JOB_ABORT_NOW); continue from the last finished iteration",
  );
}

function mark(
  { files: { pipelineControl } }: RefineArguments,
  status: "SUCCESS" | "FAILURE" | "ABORTED",
): void {
  if (pipelineControl !== undefined) writeFileSync(join(pipelineControl, `RELION_JOB_EXIT_${status}`), "");
}

/** Temporary files of a run that was killed. */
function removeLeftovers(folder: string, root: string): void {
  for (const name of readdirSync(folder))
    if (name.startsWith(root) && /\.tmp-\d+$/.test(name)) rmSync(join(folder, name), { force: true });
}
