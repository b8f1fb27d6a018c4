import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { largestBatch } from "../../em/memory.js";
import { halfSets, type RefineContext, type Refinement, startRefinement } from "../../em/refinement.js";
import { type IterationReport, nextIteration } from "../../em/run-iteration.js";
import { fileError } from "../../formats/node.js";
import { angularStep } from "../../geometry/sampling.js";
import { pointGroup } from "../../geometry/symmetry.js";
import type { TraceEvent } from "../../runtime/arena.js";
import type { Runtime } from "../../runtime/contract.js";
import { TraceRecorder } from "../../runtime/trace.js";
import { formatTime, startProgress } from "../progress.js";
import { parseRefineArguments, type RefineArguments } from "./arguments.js";
import { openRuntime } from "./device.js";
import { withRemedy } from "./device-faults.js";
import { EventLog, MemoryCurve } from "./event-log.js";
import type { IterationFiles } from "./file-names.js";
import { hostBytes, largestBatchOf } from "./host-memory.js";
import {
  imageWarnings,
  refuseBadImages,
  refuseBrokenState,
  refuseFailures,
  refuseWildImages,
} from "./image-faults.js";
import { ImageStore } from "./image-store.js";
import { particleWarnings } from "./inputs.js";
import { AbortedError, Pipeline } from "./pipeline.js";
import { type Prepared, prepare } from "./prepare.js";
import type { RunFacts } from "./tables.js";
import { asWritten, writeFinal, writeIteration } from "./write-iteration.js";

const version = (
  JSON.parse(readFileSync(new URL("../../../../package.json", import.meta.url), "utf8")) as {
    version: string;
  }
).version;

/** `cryotile refine`: the whole run, from its files to its files. */
export async function refine(argv: readonly string[]): Promise<void> {
  const args = parseRefineArguments(argv);
  const { o: root, continueFrom } = args.files;
  const folder = dirname(root);
  try {
    mkdirSync(folder, { recursive: true });
    removeLeftovers(folder, basename(root));
  } catch (cause) {
    throw fileError(folder, "write to", cause);
  }
  const pipeline = new Pipeline(args.files.pipelineControl);
  pipeline.begin();
  const log = new EventLog(folder);
  log.open(continueFrom !== undefined);
  const telling: Telling = {
    log,
    curve: new MemoryCurve(),
    folder,
    pipeline,
    quiet: args.verb === 0,
    print: (line) => {
      if (args.verb > 0) console.log(line);
    },
    warn(message) {
      console.error(`warning: ${message}`);
      log.add({ kind: "warning", message });
    },
  };
  for (const notice of args.notices) telling.print(notice);
  try {
    await run(args, argv, telling);
    log.add({ kind: "end", status: "success" });
    await report(telling);
    pipeline.end("SUCCESS");
  } catch (error) {
    const aborted = error instanceof AbortedError;
    const message = error instanceof Error ? error.message : String(error);
    // The log may be what failed; the error to tell is the first one.
    try {
      log.add({ kind: "end", status: aborted ? "aborted" : "failure", message });
      await report({ ...telling, warn() {} });
    } catch {}
    pipeline.end(aborted ? "ABORTED" : "FAILURE");
    throw error;
  }
}

async function run(given: RefineArguments, argv: readonly string[], telling: Telling): Promise<void> {
  const { log, warn, curve, print } = telling;
  const prepared = await prepare(given, argv);
  const { args, set, options, start, starFile } = prepared;
  for (const message of particleWarnings(set, options)) warn(message);
  const keepBytes = hostBytes(args) / 2;
  const images = new ImageStore(set, starFile, keepBytes, options.particleDiameter / (2 * set.pixelSize));
  const recorder = new TraceRecorder();
  const onEvent = (event: TraceEvent) => {
    curve.onEvent(event);
    if (args.trace !== undefined) recorder.onEvent(event);
  };
  const { runtime, reason } = await openRuntime(args, onEvent);
  const from = start.kind === "continued" ? start.refinement.iteration : 0;
  print(
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
    iterations: options.autoRefine ? options.autoIterMax : options.iter,
    root: basename(args.files.o),
    from,
  });
  try {
    await iterate(prepared, images, runtime, telling);
  } finally {
    if (args.trace !== undefined)
      writeFileSync(
        args.trace,
        `${JSON.stringify(recorder.trace({ capacity: runtime.capabilities.arenaBytes, alignment: runtime.layout.alignment }))}\n`,
      );
    await runtime.close();
  }
}

/** How a run is told to the terminal, its log and the pipeline. */
interface Telling {
  readonly log: EventLog;
  readonly warn: (message: string) => void;
  readonly print: (line: string) => void;
  readonly quiet: boolean;
  readonly curve: MemoryCurve;
  readonly folder: string;
  readonly pipeline: Pipeline;
}

async function iterate(
  { args, set, options, start, command }: Prepared,
  images: ImageStore,
  runtime: Runtime,
  telling: Telling,
): Promise<void> {
  const { log, warn, curve, print, pipeline } = telling;
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
  let saved = args.files.continueFrom;
  const looked = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw withRemedy(error, runtime, saved);
    } finally {
      // Images that are no numbers explain whatever else went wrong.
      refuseBadImages(images, set);
    }
  };
  let state: Refinement;
  if (start.kind === "new") {
    log.add({ kind: "phase", iteration: 0, phase: "noise spectra" });
    const half = options.autoRefine ? halfSets(set, options.randomSeed) : undefined;
    state = asWritten(await looked(startRefinement(context, start.maps, half)));
    if (args.checkNorm) refuseWildImages(images, set);
    refuseBrokenState(state);
    for (const message of imageWarnings(images, set, args.checkNorm)) warn(message);
    saved = (await writeIteration(state, set, facts, group)).optimiser;
  } else state = start.refinement;
  const [limit, last] = options.autoRefine
    ? (["--auto_iter_max", options.autoIterMax] as const)
    : (["--iter", options.iter] as const);
  if (state.iteration >= last)
    print(
      `iteration ${state.iteration} is the last one asked for (${limit} ${last}): nothing to do; ${limit} ${state.iteration + 5} goes on`,
    );
  const most = largestBatchOf(args, set, state.half);
  let reportSeconds = 0;
  while (state.iteration < last && !state.automation.converged) {
    const iteration = state.iteration + 1;
    const name = `iteration ${iteration}${options.autoRefine ? "" : ` of ${last}`}`;
    const progress = telling.quiet ? undefined : startProgress(name, set.count);
    let lastEvent = 0;
    let expectation = performance.now();
    const begun = performance.now();
    curve.take();
    const work = nextIteration(context, state, {
      async chooseBatch(input) {
        pipeline.poll();
        const { capabilities, layout } = runtime;
        const { batch, plan } = await largestBatch(layout, input, capabilities, most);
        log.add({ kind: "plan", iteration, peak: plan.peak, byScope: plan.byScope, batch: batch.size });
        return batch;
      },
      phase(phase) {
        pipeline.poll();
        expectation = performance.now();
        progress?.rename(`${name}, ${phase}`);
        log.add({ kind: "phase", iteration, phase });
      },
      progress(done, total) {
        pipeline.poll();
        progress?.update(done);
        const now = performance.now();
        if (now - lastEvent < 1000 && done < total) return;
        lastEvent = now;
        log.add({
          kind: "progress",
          iteration,
          done,
          total,
          rate: (1000 * done) / Math.max(1, now - expectation),
        });
      },
    });
    const { refinement, report: told } = await looked(work).finally(() => progress?.stop());
    refuseBrokenState(refinement);
    state = asWritten(refinement);
    const files =
      told.final === undefined
        ? await writeIteration(state, set, facts, group)
        : await writeFinal(state, told.final, set, facts, group);
    if (told.final === undefined) saved = files.optimiser;
    told.clock.lap("write");
    tell(state, told, files, runtime, telling);
    const left = state.automation.converged ? 0 : last - iteration;
    const seconds = ((performance.now() - begun) / 1000) * left;
    if (left > 0 && !options.autoRefine)
      print(`${left} iterations left, about ${formatTime(seconds)} at this rate`);
    refuseFailures(told.failed, set, files, iteration);
    if (reportSeconds < quickReport && left > 0) reportSeconds = await report(telling);
  }
}

/** Pages that take longer than this (s) are written at the end alone. */
const quickReport = 1;

/** The page about the run; returns the seconds that it took. A page that cannot be written ends no run. */
async function report({ folder, warn }: Telling): Promise<number> {
  const begun = performance.now();
  try {
    const { writeReport } = await import("../report/index.js");
    await writeReport(folder);
  } catch (error) {
    warn(`report.html was not written: ${error instanceof Error ? error.message : String(error)}`);
  }
  return (performance.now() - begun) / 1000;
}

/** The line of an iteration, and its event. */
function tell(
  state: Refinement,
  report: IterationReport,
  files: IterationFiles,
  runtime: Runtime,
  { log, warn, curve, folder, print }: Telling,
): void {
  const { iteration, models, automation, sampling } = state;
  const [model] = models;
  const { seconds } = report.clock;
  const total = Object.values(seconds).reduce((sum, value) => sum + value, 0);
  const { changes } = automation;
  const relative = (path: string) => (dirname(path) === folder ? basename(path) : path);
  print(
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
    classes: (report.final === undefined ? models : models.slice(0, 1)).flatMap(({ classes }, h) =>
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
    files: [
      files.data,
      ...(report.final === undefined ? [files.optimiser] : []),
      files.sampling,
      ...files.models,
      ...files.maps.flat(),
    ].map(relative),
  });
}

/** Temporary files of a run that was killed. */
function removeLeftovers(folder: string, root: string): void {
  for (const name of readdirSync(folder))
    if ((name.startsWith(root) || name.startsWith("report.html")) && /\.tmp-\d+$/.test(name))
      rmSync(join(folder, name), { force: true });
}
