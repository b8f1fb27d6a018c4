import { join } from "node:path";
import { UserError } from "../../errors.js";
import { type Disk, readRange } from "../../formats/source.js";
import type { JobEvent } from "../job/events.js";
import { parseEvent } from "./schema.js";

type EventOf<Kind extends JobEvent["kind"]> = Extract<JobEvent, { kind: Kind }>;
export type StartEvent = EventOf<"start">;
export type IterationEvent = EventOf<"iteration">;

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

/** @throws UserError where the log holds no start of a run */
export function recordOf(text: string, file: string): JobRecord {
  const lines = text.split("\n");
  const unreadable: number[] = [];
  const iterations = new Map<number, IterationEvent>();
  const plans = new Map<number, EventOf<"plan">>();
  const warnings: EventOf<"warning">[] = [];
  const starts: StartEvent[] = [];
  let phase: EventOf<"phase"> | undefined;
  let progress: EventOf<"progress"> | undefined;
  let end: EventOf<"end"> | undefined;
  let lastTime = 0;
  let seconds = 0;
  for (const [index, line] of lines.entries()) {
    const event = parseEvent(line);
    if (event === undefined) {
      // The last line has no line break while it is being written.
      if (index < lines.length - 1 && line.trim() !== "") unreadable.push(index + 1);
      continue;
    }
    if (event.kind === "start") {
      starts.push(event);
      for (const key of iterations.keys()) if (key > event.from) iterations.delete(key);
      for (const key of plans.keys()) if (key > event.from) plans.delete(key);
      phase = progress = end = undefined;
      lastTime = event.time;
    } else if (event.time > lastTime) {
      if (starts.length > 0) seconds += event.time - lastTime;
      lastTime = event.time;
    }
    if (event.kind === "plan") plans.set(event.iteration, event);
    else if (event.kind === "warning") warnings.push(event);
    else if (event.kind === "iteration") iterations.set(event.iteration, event);
    else if (event.kind === "end") end = event;
    else if (event.kind === "progress") progress = event;
    else if (event.kind === "phase") {
      phase = event;
      progress = undefined;
    }
  }
  const start = starts.at(-1);
  if (start === undefined)
    throw new UserError(`${file}: holds no start of a run; give the folder that a refinement writes to`);
  return {
    start,
    begun: starts[0].time,
    continued: starts.length - 1,
    iterations: [...iterations.values()].sort((a, b) => a.iteration - b.iteration),
    plans,
    warnings,
    phase,
    progress,
    end,
    lastTime,
    seconds,
    unreadable,
  };
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
