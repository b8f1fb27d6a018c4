import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileError } from "../../formats/node.js";
import type { NewEvent } from "../job/events.js";

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
