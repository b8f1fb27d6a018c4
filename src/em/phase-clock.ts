import { workTime } from "./work-clock.js";
/** Parts of an iteration that time is counted for. */
export const phases = [
  "read",
  "prepare",
  "coarse",
  "fine",
  "sums",
  "accuracy",
  "reconstruct",
  "write",
] as const;
export type Phase = (typeof phases)[number];

/** Seconds by phase. */
export class PhaseClock {
  readonly seconds = Object.fromEntries(phases.map((phase) => [phase, 0])) as Record<Phase, number>;
  private last = workTime();

  /** The time since the last call was spent on `phase`. */
  lap(phase: Phase): void {
    const now = workTime();
    this.seconds[phase] += (now - this.last) / 1000;
    this.last = now;
  }
}
