import type { NativeDevice } from "./addon.js";

/** What the device did: time of each kind of work, and of all of it against the clock. */
export interface DeviceProfile {
  readonly wallSeconds: number;
  readonly busySeconds: number;
  /** Longest first. */
  readonly work: readonly { readonly name: string; readonly count: number; readonly seconds: number }[];
}

/** Marks below belong to others. */
const firstMark = 64;
/** Pairs of marks before the host waits for the device to read them. */
const most = 4096;

/** Times everything that is queued on a device. */
export class Profiler {
  private readonly begun = performance.now();
  private readonly work = new Map<string, { count: number; milliseconds: number }>();
  private pending: string[] = [];

  constructor(private readonly native: NativeDevice) {}

  /** Queue work between two marks. */
  timed(name: string, queue: () => void): void {
    const mark = firstMark + 2 * this.pending.length;
    this.native.mark(mark);
    queue();
    this.native.mark(mark + 1);
    this.pending.push(name);
    if (this.pending.length === most) {
      this.native.awaitMark(mark + 1);
      this.collect();
    }
  }

  /** How much was queued since the marks were read last. */
  get queued(): number {
    return this.pending.length;
  }

  /** Read the marks, where nothing was queued since there were `queued` of them; the work before is done. */
  collect(queued = this.pending.length): void {
    if (queued !== this.pending.length) return;
    for (const [at, name] of this.pending.entries()) {
      const own = this.work.get(name) ?? { count: 0, milliseconds: 0 };
      own.count++;
      own.milliseconds += this.native.elapsed(firstMark + 2 * at, firstMark + 2 * at + 1);
      this.work.set(name, own);
    }
    this.pending = [];
  }

  report(): DeviceProfile {
    const work = [...this.work]
      .map(([name, { count, milliseconds }]) => ({ name, count, seconds: milliseconds / 1000 }))
      .sort((a, b) => b.seconds - a.seconds);
    return {
      wallSeconds: (performance.now() - this.begun) / 1000,
      busySeconds: work.reduce((sum, { seconds }) => sum + seconds, 0),
      work,
    };
  }
}
