import { signal } from "@preact/signals";
import type { LiveTrace } from "../../../src/runtime/live-trace.js";

/** A refinement of this tab, as other rooms see it. */
export interface Running {
  readonly name: string;
  readonly job: { readonly id: string };
  /** What its arena has done lately; undefined before it has one, and once the run has ended. */
  trace(): Promise<LiveTrace | undefined>;
  /** Bytes that the plan of the iteration under way says. */
  planned(): number | undefined;
}

/** The refinement that was started last and has not ended. */
export const running = signal<Running | undefined>(undefined);
