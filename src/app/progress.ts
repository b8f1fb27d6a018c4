import { Presets, SingleBar } from "cli-progress";
import { formatTime } from "../text.js";

/** Progress of a job over a known number of things. */
export interface Progress {
  update(done: number): void;
  /** Another name for what is under way; its own line where the output is no terminal. */
  rename(what: string): void;
  stop(): void;
}

/** Lines are printed this often where the output is no terminal, in milliseconds. */
const lineInterval = 5000;

/** A bar on a terminal, a line every few seconds elsewhere. Rates are things a second since the start. */
export function startProgress(
  what: string,
  total: number,
  stream: NodeJS.WriteStream = process.stderr,
): Progress {
  const begun = performance.now();
  const rate = (done: number) => done / Math.max(1e-3, (performance.now() - begun) / 1000);
  if (stream.isTTY) {
    const bar = new SingleBar(
      { format: `{what} {bar} {value}/{total}, {rate}/s, {eta_formatted} left`, stream, hideCursor: true },
      Presets.shades_classic,
    );
    bar.start(total, 0, { what, rate: "0" });
    return {
      update: (done) => bar.update(done, { rate: rate(done).toFixed(0) }),
      rename: (name) => bar.update({ what: name }),
      stop: () => bar.stop(),
    };
  }
  let last = begun;
  let name = what;
  return {
    rename(other) {
      name = other;
      stream.write(`${name}\n`);
    },
    update(done) {
      if (done < total && performance.now() - last < lineInterval) return;
      last = performance.now();
      const perSecond = rate(done);
      stream.write(
        `${name}: ${done} of ${total}, ${perSecond.toFixed(0)}/s, ${formatTime((total - done) / perSecond)} left\n`,
      );
    },
    stop() {},
  };
}
