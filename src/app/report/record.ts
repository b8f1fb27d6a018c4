import { join } from "node:path";
import { UserError } from "../../errors.js";
import { type Disk, readRange } from "../../formats/source.js";
import type { JobEvent } from "../job/events.js";
import { parseEvent } from "./schema.js";

type EventOf<Kind extends JobEvent["kind"]> = Extract<JobEvent, { kind: Kind }>;
export type StartEvent = EventOf<"start">;
export type IterationEvent = EventOf<"iteration">;

/** RELION's limit of an automated refinement that was given none: it goes on until it converges. */
const noLimit = 999;

/** How many iterations a run was asked for, at most; undefined where it goes on until it converges. */
export const iterationLimit = ({ iterations }: Pick<StartEvent, "iterations">): number | undefined =>
  iterations < noLimit ? iterations : undefined;

/** A run as its log tells it. Where the run was continued the iterations that were done again are told once. */
export interface JobRecord {
  /** The last start. */
  readonly start: StartEvent;
  readonly begun: number;
  /** Times that the run was continued. */
  readonly continued: number;
  readonly iterations: readonly IterationEvent[];
  /** By iteration. */
  readonly plans: ReadonlyMap<number, EventOf<"plan">>;
  readonly warnings: readonly EventOf<"warning">[];
  /** What the run was at when the log was read, where it has not ended. */
  readonly phase: EventOf<"phase"> | undefined;
  readonly progress: EventOf<"progress"> | undefined;
  readonly end: EventOf<"end"> | undefined;
  /** Of the last event. */
  readonly lastTime: number;
  /** Seconds that the run was running, without the gaps before it was continued. */
  readonly seconds: number;
  /** Lines that hold no event: what a run that was killed left behind. */
  readonly unreadable: readonly number[];
}

/** Reads a log, event by event, as it grows. */
export class RecordReader {
  private readonly starts: StartEvent[] = [];
  private readonly iterations = new Map<number, IterationEvent>();
  private readonly plans = new Map<number, EventOf<"plan">>();
  /** By message: a run that is continued warns again of the same particles. */
  private readonly warnings = new Map<string, EventOf<"warning">>();
  private phase: EventOf<"phase"> | undefined;
  private progress: EventOf<"progress"> | undefined;
  private end: EventOf<"end"> | undefined;
  private lastTime = 0;
  private seconds = 0;

  add(event: JobEvent): void {
    if (event.kind === "start") this.begin(event);
    else if (event.time > this.lastTime) {
      if (this.starts.length > 0) this.seconds += event.time - this.lastTime;
      this.lastTime = event.time;
    }
    if (event.kind === "plan") this.plans.set(event.iteration, event);
    else if (event.kind === "warning") this.warnings.set(event.message, event);
    else if (event.kind === "iteration") this.iterations.set(event.iteration, event);
    else if (event.kind === "end") this.end = event;
    else if (event.kind === "progress") this.progress = event;
    else if (event.kind === "phase") {
      this.phase = event;
      this.progress = undefined;
    }
  }

  /** Undefined before a run has started. */
  record(unreadable: readonly number[] = []): JobRecord | undefined {
    const { starts, iterations, plans, warnings, phase, progress, end, lastTime, seconds } = this;
    const start = starts.at(-1);
    if (start === undefined) return undefined;
    return {
      start,
      begun: starts[0].time,
      continued: starts.length - 1,
      iterations: [...iterations.values()].sort((a, b) => a.iteration - b.iteration),
      plans: new Map(plans),
      warnings: [...warnings.values()],
      phase,
      progress,
      end,
      lastTime,
      seconds,
      unreadable,
    };
  }

  private begin(event: StartEvent): void {
    this.starts.push(event);
    for (const key of this.iterations.keys()) if (key > event.from) this.iterations.delete(key);
    for (const key of this.plans.keys()) if (key > event.from) this.plans.delete(key);
    this.phase = this.progress = this.end = undefined;
    this.lastTime = event.time;
  }
}

/** @throws UserError where the log holds no start of a run */
export function recordOf(text: string, file: string): JobRecord {
  const lines = text.split("\n");
  const unreadable: number[] = [];
  const reader = new RecordReader();
  for (const [index, line] of lines.entries()) {
    const event = parseEvent(line);
    if (event !== undefined) reader.add(event);
    // The last line has no line break while it is being written.
    else if (index < lines.length - 1 && line.trim() !== "") unreadable.push(index + 1);
  }
  const record = reader.record(unreadable);
  if (record === undefined)
    throw new UserError(`${file}: holds no start of a run; give the folder that a refinement writes to`);
  return record;
}

/** Read `events.jsonl` of a job folder. */
export async function readRecord(disk: Disk, jobFolder: string): Promise<JobRecord> {
  const file = join(jobFolder, "events.jsonl");
  if (!(await disk.exists(file)))
    throw new UserError(`${file}: is not there; give the folder that a refinement writes to`);
  const source = await disk.open(file);
  try {
    return recordOf(new TextDecoder().decode(await readRange(source, 0, source.size)), file);
  } finally {
    await source.close();
  }
}
