import { AbortedError } from "../../../src/app/refine/run.js";
import { holdClock, releaseClock } from "../../../src/em/work-clock.js";

const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

/** Lets the worker see what the page has sent meanwhile. */
const breathe = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(0);
  });

/** Pauses and stops a run from outside. */
export class Gate {
  private open: Promise<void> | undefined;
  private release: () => void = () => {};
  private stopped = false;

  pause(): void {
    this.open ??= new Promise((resolve) => {
      this.release = resolve;
    });
  }

  resume(): void {
    releaseClock();
    this.release();
    this.open = undefined;
  }

  stop(): void {
    this.stopped = true;
    this.resume();
  }

  /** @throws AbortedError where the run is to stop */
  check(): void {
    if (this.stopped)
      throw new AbortedError("stopped; what is finished stays, and the run can go on from there");
  }

  /** @throws AbortedError as `check` does */
  async pass(): Promise<void> {
    await breathe();
    while (this.open !== undefined) {
      holdClock();
      await this.open;
    }
    this.check();
  }
}
