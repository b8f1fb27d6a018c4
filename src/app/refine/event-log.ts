import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileError } from "../../formats/node.js";
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
  private readonly path: string;

  constructor(folder: string) {
    this.path = eventFile(folder);
  }

  /** Begin a log, or go on with the one that is there, without a last line that was not finished. */
  open(goOn: boolean): void {
    this.attempt(() => {
      if (!goOn || !existsSync(this.path)) return writeFileSync(this.path, "");
      const text = readFileSync(this.path);
      truncateSync(this.path, text.lastIndexOf(0x0a) + 1);
    });
  }

  /** @throws UserError where the file cannot be written to */
  add(event: NewEvent): void {
    const line = `${JSON.stringify({ time: Date.now() / 1000, ...event })}\n`;
    this.attempt(() => appendFileSync(this.path, line));
  }

  private attempt(write: () => void): void {
    try {
      write();
    } catch (cause) {
      throw fileError(this.path, "write", cause);
    }
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
