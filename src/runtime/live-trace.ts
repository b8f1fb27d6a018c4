import type { TraceEvent } from "./arena.js";
import type { MemoryTrace } from "./trace.js";

/** What the arena of a running job has done lately. */
export interface LiveTrace {
  readonly trace: MemoryTrace;
  /** Events that were left out to keep it short. */
  readonly left: number;
}

/**
 * The last events of an arena that goes on for hours. Whole scopes are left out, the oldest first, so that what stays is a trace that can be
 * replayed: the blocks of a scope that has ended hold no room.
 */
export class LiveTraceRecorder {
  private events: TraceEvent[] = [];
  /** Scopes that are open: where each begins. */
  private open: number[] = [];
  /** Scopes that have ended inside the innermost open one, first and past-the-end event of each. */
  private ended: [number, number][][] = [[]];
  private left = 0;

  constructor(private readonly most = 4000) {}

  readonly onEvent = (event: TraceEvent): void => {
    const at = this.events.push(event) - 1;
    if (event.kind === "push") {
      this.open.push(at);
      this.ended.push([]);
    } else if (event.kind === "pop") {
      const begun = this.open.pop() ?? 0;
      this.ended.pop();
      this.ended[this.ended.length - 1].push([begun, at + 1]);
      if (this.events.length > this.most) this.shorten();
    }
  };

  /** A new device. */
  clear(): void {
    this.events = [];
    this.open = [];
    this.ended = [[]];
    this.left = 0;
  }

  snapshot(arena: { readonly capacity: number; readonly alignment: number }): LiveTrace {
    return {
      trace: { format: "cryotile-memory-trace", version: 1, ...arena, events: this.events.slice() },
      left: this.left,
    };
  }

  /** Leave out scopes that have ended, outermost and oldest first, until half of the room is free. */
  private shorten(): void {
    const gone: [number, number][] = [];
    let rest = this.events.length;
    for (const level of this.ended)
      while (level.length > 1 && rest > this.most / 2) {
        const [first, end] = level.shift() as [number, number];
        gone.push([first, end]);
        rest -= end - first;
      }
    gone.sort((a, b) => a[0] - b[0]);
    const kept: TraceEvent[] = [];
    let from = 0;
    for (const [first, end] of [...gone, [this.events.length, 0]]) {
      for (let at = from; at < first; at++) kept.push(this.events[at]);
      from = end;
    }
    const moved = (at: number) => at - gone.reduce((sum, [a, b]) => sum + (b <= at ? b - a : 0), 0);
    this.left += this.events.length - kept.length;
    this.events = kept;
    this.open = this.open.map(moved);
    this.ended = this.ended.map((level) => level.map(([a, b]) => [moved(a), moved(b)]));
  }
}
