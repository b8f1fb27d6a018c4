import type { ReadonlySignal } from "@preact/signals";
import type { JobRecord } from "../../../src/app/report/record.js";

/** A refinement to look at: one of this tab, of a program on this machine, or of a folder. */
export interface RunModel {
  readonly name: string;
  /** Undefined before it has told anything. */
  readonly record: ReadonlySignal<JobRecord | undefined>;
  /** The newest maps and particles, as names of files. */
  readonly saved: ReadonlySignal<{ readonly maps: readonly string[]; readonly data: string } | undefined>;
  /** Whether it goes on while one looks. */
  readonly live: ReadonlySignal<boolean>;
  file(path: string): Promise<Blob>;
}
