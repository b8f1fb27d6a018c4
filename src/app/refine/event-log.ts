import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TraceEvent } from "../../runtime/arena.js";
import type { JobEvent } from "../job/events.js";

/** An event as it is told; the log adds the time. */
export type NewEvent = JobEvent extends infer Event
  ? Event extends JobEvent
    ? Omit<Event, "time">
    : never
  : never;

export const eventFile = (folder: string): string => join(folder, "events.jsonl");

/** Appends to the event log of a job, a line at a time. */
export class EventLog {
  constructor(private readonly folder: string) {}

  /** Begin a log, or go on with the one that is there. */
  open(goOn: boolean): void {
    writeFileSync(eventFile(this.folder), "", { flag: goOn ? "a" : "w" });
  }

  add(event: NewEvent): void {
    appendFileSync(eventFile(this.folder), `${JSON.stringify({ time: Date.now() / 1000, ...event })}\n`);
  }
}

/** Points of a memory curve that are kept. */
const curvePoints = 240;

/** The top of the arena over an iteration, thinned to the highest of neighbouring values. */
export class MemoryCurve {
  private points: [number, number][] = [];
  private begun = performance.now();

  readonly onEvent = (event: TraceEvent): void => {
    this.points.push([(performance.now() - this.begun) / 1000, event.top]);
    if (this.points.length >= 64 * curvePoints) this.points = thin(this.points, 8 * curvePoints);
  };

  /** The curve since the last call: seconds and bytes. */
  take(): [number, number][] {
    const curve = thin(this.points, curvePoints);
    this.points = [];
    this.begun = performance.now();
    return curve;
  }
}

function thin(points: [number, number][], most: number): [number, number][] {
  if (points.length <= most) return points;
  const each = Math.ceil(points.length / most);
  const kept: [number, number][] = [];
  for (let first = 0; first < points.length; first += each)
    kept.push(points.slice(first, first + each).reduce((a, b) => (b[1] > a[1] ? b : a)));
  return kept;
}
