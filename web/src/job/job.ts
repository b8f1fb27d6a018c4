import type { RuntimeChoice } from "./words.js";

/** What the page keeps of a job besides its files: `job.json` in its folder. */
export interface StoredJob {
  readonly id: string;
  readonly title: string;
  /** Arguments of `cryotile refine`, but for the runtime. */
  readonly words: readonly string[];
  readonly runtime: RuntimeChoice;
  /** Of the device, megabytes. */
  readonly memory: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** Whether what it reads is in its folder; else the visitor has to give it again. */
  readonly inputStored: boolean;
  /** Iterations that were asked for, and the last one that is finished. */
  readonly iterations: number;
}

/** Held by the tab that works on a job. */
export const lockOf = (id: string): string => `job ${id}`;

/** What a running job tells the page. */
export type JobMessage =
  | { readonly kind: "stage"; readonly text: string; readonly done: number; readonly total: number }
  | { readonly kind: "event"; readonly line: string }
  /** The files of an iteration are complete: paths. */
  | { readonly kind: "saved"; readonly maps: readonly string[]; readonly data: string }
  /** Something to tell the visitor. */
  | { readonly kind: "notice"; readonly text: string }
  /** A file of a folder that is not stored. */
  | { readonly kind: "file"; readonly path: string; readonly file: Blob };

export type Outcome =
  | { readonly status: "success" | "aborted" }
  | { readonly status: "failure"; readonly message: string }
  /** Another tab works on it. */
  | { readonly status: "elsewhere" };
