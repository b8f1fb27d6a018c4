import type { Phase } from "../../em/phase-clock.js";
import type { Scope } from "../../runtime/arena.js";
import type { ScreenReport } from "../../runtime/screen-tables.js";

/** One class (or half set) after an iteration. Spectra by shell 0 .. box / 2. */
export interface ClassSummary {
  /** File of the map, relative to the job folder. */
  readonly map: string;
  /** Share of the particles. */
  readonly weight: number;
  /** Angstrom. */
  readonly resolution: number;
  readonly accuracyRotations: number;
  readonly accuracyTranslations: number;
  readonly ssnr: readonly number[];
  /** Half-set FSC; absent where there are no half sets. */
  readonly fsc?: readonly number[];
}

/** Lines of `events.jsonl`, in order. `time` is in seconds since 1970. */
export type JobEvent = { readonly time: number } & (
  | {
      readonly kind: "start";
      readonly version: string;
      /** Arguments of the command line. */
      readonly command: readonly string[];
      readonly runtime: string;
      readonly device: string;
      readonly particles: number;
      readonly box: number;
      /** Angstrom. */
      readonly pixelSize: number;
      readonly symmetry: string;
      readonly classes: number;
      readonly iterations: number;
      /** Root of the output files, relative to the job folder. */
      readonly root: string;
      /** Iteration that the run continues from; 0 for a new run. */
      readonly from: number;
    }
  /** Memory that an iteration will take, bytes. */
  | {
      readonly kind: "plan";
      readonly iteration: number;
      readonly peak: number;
      readonly byScope: Readonly<Record<Scope, number>>;
      readonly batch: number;
    }
  | { readonly kind: "warning"; readonly message: string }
  | { readonly kind: "phase"; readonly iteration: number; readonly phase: string }
  | {
      readonly kind: "progress";
      readonly iteration: number;
      readonly done: number;
      readonly total: number;
      /** Particles a second. */
      readonly rate: number;
    }
  | {
      readonly kind: "iteration";
      readonly iteration: number;
      /** Angstrom. */
      readonly resolution: number;
      readonly coarseSize: number;
      readonly currentSize: number;
      /** Coarse steps: degrees, Angstrom. */
      readonly angularStep: number;
      readonly offsetStep: number;
      readonly averagePmax: number;
      readonly logLikelihood: number;
      /** Mean changes against the iteration before: degrees, Angstrom, share of the particles. Absent after the first. */
      readonly changes?: {
        readonly orientations: number;
        readonly offsets: number;
        readonly classes: number;
      };
      readonly classes: readonly ClassSummary[];
      /** Significant coarse samples of a particle: counts by power of two, [1, 2), [2, 4), ... */
      readonly significant: readonly number[];
      /** Particles whose weights were all zero or whose image was not finite. */
      readonly failed: number;
      /** Where the coarse pass was screened (docs/screen.md). */
      readonly screen?: ScreenReport;
      readonly seconds: Readonly<Record<Phase, number>>;
      /** Highest top of the device's arena, and what it was over the iteration: pairs of seconds and bytes. */
      readonly peakBytes: number;
      readonly memoryTop: readonly (readonly [number, number])[];
      /** Files written, relative to the job folder. */
      readonly files: readonly string[];
    }
  | { readonly kind: "end"; readonly status: "success" | "failure" | "aborted"; readonly message?: string }
);

/** An event as it is told; the log adds the time. */
export type NewEvent = JobEvent extends infer Event
  ? Event extends JobEvent
    ? Omit<Event, "time">
    : never
  : never;
