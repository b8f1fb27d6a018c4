import type { Arena, TraceEvent } from "../../runtime/arena.js";
import { type LiveTrace, LiveTraceRecorder } from "../../runtime/live-trace.js";

/** What a run tells about its arena. */
export interface WatchedArena extends LiveTrace {
  /** Name of the folder that the run writes to. */
  readonly job: string;
  /** Seconds since events are kept; 0 in the answer with which that began: all that it holds is held now. */
  readonly seconds: number;
  /** The iteration whose memory was planned last, and the peak of that plan, bytes. */
  readonly iteration?: number;
  readonly planned?: number;
}

export interface WatchedRun {
  readonly job: string;
  readonly arena: Pick<Arena, "state">;
  /** Bytes. */
  readonly capacity: number;
  readonly alignment: number;
}

/**
 * Keeps the events of an arena while somebody asks for them: from the first question on, which is answered with what is held then, until none has come
 * for `idle` milliseconds. However many ask, an answer is made anew only when the last one is `freshness` milliseconds old.
 */
export class ArenaWatch {
  private readonly recorder = new LiveTraceRecorder();
  private run: WatchedRun | undefined;
  private begun: number | undefined;
  private timer: NodeJS.Timeout | undefined;
  private plan: { readonly iteration: number; readonly planned: number } | undefined;
  private made = { text: "", time: Number.NEGATIVE_INFINITY };

  constructor(
    private readonly idle = 10_000,
    private readonly freshness = 500,
  ) {}

  /** Whether events are kept now. */
  get recording(): boolean {
    return this.begun !== undefined;
  }

  readonly onEvent = (event: TraceEvent): void => {
    if (this.begun !== undefined) this.recorder.onEvent(event);
  };

  attach(run: WatchedRun): void {
    this.run = run;
  }

  planned(iteration: number, peak: number): void {
    this.plan = { iteration, planned: peak };
  }

  /** A `WatchedArena` as JSON, and a reason to go on recording. Throws before `attach`. */
  answer(): string {
    if (this.run === undefined) throw new Error("there is no arena to watch");
    const { job, arena, capacity, alignment } = this.run;
    const now = performance.now();
    if (this.begun === undefined) {
      this.begun = now;
      for (const event of arena.state()) this.recorder.onEvent(event);
      this.timer = setTimeout(() => this.stop(), this.idle).unref();
    } else {
      this.timer?.refresh();
      if (now - this.made.time < this.freshness) return this.made.text;
    }
    const told: WatchedArena = {
      job,
      ...this.recorder.snapshot({ capacity, alignment }),
      seconds: Math.round(now - this.begun) / 1000,
      ...this.plan,
    };
    this.made = { text: JSON.stringify(told), time: now };
    return this.made.text;
  }

  /** Forget what was recorded. */
  stop(): void {
    clearTimeout(this.timer);
    this.begun = undefined;
    this.recorder.clear();
  }
}
