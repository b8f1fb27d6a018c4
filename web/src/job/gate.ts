import { AbortedError } from "../../../src/app/refine/run.js";

const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

/** Lets the worker see what the page has sent meanwhile. */
const breathe = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(0);
  });

const clock = performance.now.bind(performance);

/** Pauses and stops a run from outside. The clock of its worker stands still while it is paused: a pause is no time that a phase took. */
export class Gate {
  private open: Promise<void> | undefined;
  private release: () => void = () => {};
  private stopped = false;
  /** Milliseconds of the pauses before, and when the one that goes on began. */
  private paused = 0;
  private since: number | undefined;

  constructor() {
    performance.now = () => (this.since ?? clock()) - this.paused;
  }

  pause(): void {
    this.open ??= new Promise((resolve) => {
      this.release = resolve;
    });
  }

  resume(): void {
    if (this.since !== undefined) this.paused += clock() - this.since;
    this.since = undefined;
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
      this.since ??= clock();
      await this.open;
    }
    this.check();
  }
}
