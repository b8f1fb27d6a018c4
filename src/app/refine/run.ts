import { basename, dirname } from "node:path";
import type { Checkpoints } from "../../em/checkpoint.js";
import { HeldImages } from "../../em/held-images.js";
import { largestBatch } from "../../em/memory.js";
import { halfSets, type RefineContext, type Refinement, startRefinement } from "../../em/refinement.js";
import { type IterationReport, nextIteration } from "../../em/run-iteration.js";
import { workTime } from "../../em/work-clock.js";
import { UserError } from "../../errors.js";
import type { Disk } from "../../formats/source.js";
import { angularStep } from "../../geometry/sampling.js";
import { pointGroup } from "../../geometry/symmetry.js";
import type { TraceEvent } from "../../runtime/arena.js";
import type { Runtime } from "../../runtime/contract.js";
import { TraceRecorder } from "../../runtime/trace.js";
import { formatTime } from "../../text.js";
import type { NewEvent } from "../job/events.js";
import type { RefineArguments } from "./arguments.js";
import { withRemedy } from "./device-faults.js";
import type { IterationFiles } from "./file-names.js";
import { hostBytes, largestBatchOf } from "./host-memory.js";
import {
  checkState,
  imageWarnings,
  refuseBadImages,
  refuseFailures,
  refuseWildImages,
} from "./image-faults.js";
import { ImageStore } from "./image-store.js";
import { particleWarnings } from "./inputs.js";
import { MemoryCurve } from "./memory-curve.js";
import { type Prepared, prepare } from "./prepare.js";
import type { RunFacts } from "./tables.js";
import { asWritten, writeFinal, writeIteration } from "./write-iteration.js";

/** The run was asked to stop and stopped. */
export class AbortedError extends UserError {
  override readonly name = "AbortedError";
}

/** What a run needs of the machine that it runs on, and whom it tells. */
export interface JobHost {
  readonly disk: Disk;
  /** Of this program. */
  readonly version: string;
  /** Host memory that is free now, bytes. */
  freeBytes(): number;
  openRuntime(
    args: RefineArguments,
    onEvent: (event: TraceEvent) => void,
  ): Promise<{ readonly runtime: Runtime; readonly reason: string }>;
  /** Into the event log. */
  log(event: NewEvent): void;
  /** A line about how it goes. */
  print(line: string): void;
  warn(message: string): void;
  /** Where the progress of an iteration is shown. */
  startProgress?(name: string, particles: number): ShownProgress;
  /** Called often; throws where the run is to stop. */
  poll(): void;
  /** Awaited before every batch of images: a run rests here. */
  rest?(): Promise<void>;
  /** Keeps what the batches of an iteration have summed, for another run of the same job that goes on where this one lost its device. */
  readonly checkpoints?: Checkpoints;
  /** The files of an iteration are complete. */
  saved?(files: IterationFiles): Promise<void>;
}

interface ShownProgress {
  update(done: number): void;
  rename(what: string): void;
  stop(): void;
}

/**
 * A whole run, from its files to its files: those that `cryotile refine` with the same arguments reads and writes. `report` is awaited after iterations
 * that are not the last.
 */
export async function runJob(
  given: RefineArguments,
  argv: readonly string[],
  host: JobHost,
  report: () => Promise<void>,
): Promise<void> {
  const { disk, warn, print } = host;
  const curve = new MemoryCurve();
  const prepared = await prepare(disk, given, argv);
  const { args, set, options, start, starFile } = prepared;
  for (const message of particleWarnings(set, options)) warn(message);
  const keepBytes = hostBytes(args, host.freeBytes()) / 2;
  const radius = options.particleDiameter / (2 * set.pixelSize);
  const images = await ImageStore.open(disk, set, starFile, keepBytes, radius);
  const recorder = new TraceRecorder();
  const onEvent = (event: TraceEvent) => {
    curve.onEvent(event);
    if (args.trace !== undefined) recorder.onEvent(event);
  };
  const { runtime, reason } = await host.openRuntime(args, onEvent);
  const from = start.kind === "continued" ? start.refinement.iteration : 0;
  print(
    `${set.count} particles of ${set.box} pixels (${set.pixelSize} A), ${options.K} class(es), ${options.sym}; ${runtime.name} on ${runtime.capabilities.device} (${reason})`,
  );
  if (runtime.capabilities.transforms !== undefined) print(`transforms: ${runtime.capabilities.transforms}`);
  host.log({
    kind: "start",
    version: host.version,
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
    await iterate(prepared, images, runtime, { host, curve, report });
  } finally {
    if (args.trace !== undefined) await writeTrace(disk, args.trace, recorder, runtime);
    await runtime.close();
  }
}

interface Telling {
  readonly host: JobHost;
  readonly curve: MemoryCurve;
  readonly report: () => Promise<void>;
}

async function writeTrace(
  disk: Disk,
  path: string,
  recorder: TraceRecorder,
  runtime: Runtime,
): Promise<void> {
  const trace = recorder.trace({
    capacity: runtime.capabilities.arenaBytes,
    alignment: runtime.layout.alignment,
  });
  const sink = await disk.create(path);
  await sink.write(new TextEncoder().encode(`${JSON.stringify(trace)}\n`));
  await sink.commit();
}

async function iterate(
  { args, set, options, start, command }: Prepared,
  images: ImageStore,
  runtime: Runtime,
  { host, curve, report }: Telling,
): Promise<void> {
  const { disk, warn, print } = host;
  const group = pointGroup(options.sym, { relionUnit: true });
  const context: RefineContext = {
    runtime,
    set,
    options,
    images,
    ...(runtime.layout.holdsImages ? { held: new HeldImages(runtime, set) } : {}),
    ...(host.rest === undefined ? {} : { rest: () => host.rest?.() ?? Promise.resolve() }),
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
    host.log({ kind: "phase", iteration: 0, phase: "noise spectra" });
    const half = options.autoRefine ? halfSets(set, options.randomSeed) : undefined;
    state = asWritten(await looked(startRefinement(context, start.maps, half)));
    if (args.checkNorm) refuseWildImages(images, set);
    const statistics = checkState(state);
    for (const message of imageWarnings(images, set, args.checkNorm)) warn(message);
    const files = await writeIteration(disk, state, statistics, set, facts, group);
    saved = files.optimiser;
    await host.saved?.(files);
  } else state = start.refinement;
  const [limit, last] = options.autoRefine
    ? (["--auto_iter_max", options.autoIterMax] as const)
    : (["--iter", options.iter] as const);
  if (state.iteration >= last)
    print(
      `iteration ${state.iteration} is the last one asked for (${limit} ${last}): nothing to do; ${limit} ${state.iteration + 5} goes on`,
    );
  const most = largestBatchOf(args, set, state.half);
  while (state.iteration < last && !state.automation.converged) {
    const iteration = state.iteration + 1;
    const name = `iteration ${iteration}${options.autoRefine ? "" : ` of ${last}`}`;
    const progress = host.startProgress?.(name, set.count);
    let lastEvent = 0;
    let expectation = workTime();
    let [worked, before] = [0, 0];
    const begun = workTime();
    curve.take();
    const work = nextIteration(context, state, {
      ...(host.checkpoints === undefined ? {} : { checkpoints: host.checkpoints }),
      async chooseBatch(input) {
        host.poll();
        const { capabilities, layout } = runtime;
        const { batch, plan } = await largestBatch(layout, input, capabilities, most);
        host.log({ kind: "plan", iteration, peak: plan.peak, byScope: plan.byScope, batch: batch.size });
        return batch;
      },
      phase(phase) {
        host.poll();
        expectation = workTime();
        before = worked;
        progress?.rename(`${name}, ${phase}`);
        host.log({ kind: "phase", iteration, phase });
      },
      progress(done, total) {
        host.poll();
        worked = done;
        progress?.update(done);
        const now = workTime();
        if (now - lastEvent < 1000 && done < total) return;
        lastEvent = now;
        host.log({
          kind: "progress",
          iteration,
          done,
          total,
          rate: (1000 * (done - before)) / Math.max(1, now - expectation),
        });
      },
    });
    const { refinement, report: told } = await looked(work).finally(() => progress?.stop());
    state = asWritten(refinement);
    const statistics = checkState(state);
    const files =
      told.final === undefined
        ? await writeIteration(disk, state, statistics, set, facts, group)
        : await writeFinal(disk, state, told.final, set, facts, group);
    if (told.final === undefined) saved = files.optimiser;
    told.clock.lap("write");
    tell(state, told, files, runtime, { host, curve, folder: dirname(args.files.o) });
    await host.saved?.(files);
    const left = state.automation.converged ? 0 : last - iteration;
    const seconds = ((workTime() - begun) / 1000) * left;
    if (left > 0 && !options.autoRefine)
      print(`${left} iterations left, about ${formatTime(seconds)} at this rate`);
    refuseFailures(told.failed, set, files, iteration);
    if (left > 0) await report();
  }
}

/** The line of an iteration, and its event. */
function tell(
  state: Refinement,
  report: IterationReport,
  files: IterationFiles,
  runtime: Runtime,
  { host, curve, folder }: { host: JobHost; curve: MemoryCurve; folder: string },
): void {
  const { print, warn } = host;
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
      `iteration ${iteration}: ${report.limited} particles keep more samples than the memory holds and were cut to the best; more memory helps (--memory)`,
    );
  const significant: number[] = [];
  for (const count of state.particles.significant) {
    if (count < 1) continue;
    const bin = Math.floor(Math.log2(count));
    while (significant.length <= bin) significant.push(0);
    significant[bin]++;
  }
  host.log({
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
    ...(report.screen === undefined ? {} : { screen: report.screen }),
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
