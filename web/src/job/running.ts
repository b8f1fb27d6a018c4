import { computed, signal } from "@preact/signals";
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

const all = signal<readonly Running[]>([]);

const others = (run: Running): readonly Running[] => all.value.filter((one) => one !== run);

export function began(run: Running): void {
  all.value = [...others(run), run];
}

export function ended(run: Running): void {
  all.value = others(run);
}

/** The refinement that was started last and has not ended. */
export const running = computed(() => all.value.at(-1));
