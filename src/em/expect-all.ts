import { joinScreenReports } from "../runtime/screen-tables.js";
import { type FoundBatch, readBatch } from "./batch-result.js";
import type { Checkpoint } from "./checkpoint.js";
import type { BatchChoice, DeviceIteration } from "./iteration.js";
import type { HostSums } from "./maximisation.js";
import { copyState, type ParticleState } from "./particles.js";
import type { RefineContext } from "./refinement.js";
import type { IterationReport, IterationWatch } from "./run-iteration.js";
import type { ParameterSums } from "./sums.js";

/** A report that grows. */
export type Report = { -readonly [Name in keyof IterationReport]: IterationReport[Name] };

/** Particles in batches, with their images where the device does not hold them. */
async function* batchesOf(
  { images, held }: RefineContext,
  members: readonly number[],
  size: number,
): AsyncGenerator<{ particles: readonly number[]; images: Float32Array | undefined }> {
  if (held?.stack === undefined) return yield* images.batches(members, size);
  if (!held.has(members)) {
    for await (const some of images.batches(members, size)) {
      held.put(some.particles, some.images);
      yield { particles: some.particles, images: undefined };
    }
    return;
  }
  for (let first = 0; first < members.length; first += size)
    yield { particles: members.slice(first, first + size), images: undefined };
}

/** An iteration that is under way. */
export interface Work {
  readonly iteration: number;
  readonly batch: BatchChoice;
  readonly next: ParticleState;
  /** Of every half set so far, the last one under way. */
  readonly sums: readonly ParameterSums[];
  readonly halfSums: readonly HostSums[];
  readonly report: Report;
  readonly watch: IterationWatch;
}

/** Lets everything that waits for nothing but its turn go on: work on its way to a device is queued there. */
const queued = () =>
  new Promise<void>((resolve) => {
    if ("setImmediate" in globalThis) setImmediate(resolve);
    else setTimeout(resolve);
  });

/** All particles of a half set but the first `done` through the expectation and into the sums. */
export async function expectAll(
  context: RefineContext,
  device: DeviceIteration,
  work: Work,
  members: readonly number[],
  done: number,
): Promise<void> {
  const { set, runtime, rest } = context;
  const { batch, sums, report, watch } = work;
  const own = sums[sums.length - 1];
  let worked = done;
  /** What the device has found and the sums have not taken. */
  let found: FoundBatch[] = [];
  const add = () => {
    for (const one of found.splice(0)) {
      const { result, limited, particles } = one;
      own.add(readBatch(device.input, one));
      report.limited += limited;
      report.weightBytes.compressed += result.weightBytes.compressed;
      report.weightBytes.dense += result.weightBytes.dense;
      const screen = joinScreenReports(report.screen, result.screen);
      if (screen !== undefined) report.screen = screen;
      report.done += particles.length;
      watch.progress?.(report.done, set.count);
    }
  };
  for await (const some of batchesOf(context, members.slice(done), batch.size)) {
    await rest?.();
    const running = device.expect(some.particles, some.images);
    // Its failure is told by the second wait.
    running.catch(() => {});
    try {
      // The batch before is added up while the device works on this one.
      await queued();
      add();
    } finally {
      found = await running;
    }
    worked += some.particles.length;
    if (!watch.checkpoints?.due(device.running)) continue;
    add();
    await watch.checkpoints.take(runtime, batch, device.running, stateOf(work, worked));
  }
  add();
  await device.finishViews();
  await device.check();
}

function stateOf({ iteration, next, sums, halfSums, report }: Work, done: number): Checkpoint {
  const { limited, weightBytes, screen } = report;
  return {
    iteration,
    half: sums.length - 1,
    done,
    particles: copyState(next),
    parameters: sums.map((own) => own.save()),
    finished: [...halfSums],
    counts: structuredClone({
      limited,
      weightBytes,
      done: report.done,
      ...(screen === undefined ? {} : { screen }),
    }),
  };
}
