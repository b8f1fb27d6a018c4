import type { BlockLife } from "./memory.js";

/** Events [from, to) and bytes [low, high). */
export interface Rectangle {
  readonly from: number;
  readonly to: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Rectangles that cover the lives of blocks. Blocks that begin in one step of `step` events and live no longer than that are drawn as one, since a
 * picture that has fewer columns than a trace has events cannot tell them apart.
 */
export function lives(blocks: readonly BlockLife[], step: number): Rectangle[] {
  const whole: Rectangle[] = [];
  const within = new Map<number, Rectangle>();
  for (const { from, to, offset, padded } of blocks) {
    const own = { from, to, low: offset, high: offset + padded };
    const at = Math.floor(from / step);
    const before = within.get(at);
    if (step === 1 || to - from > step) whole.push(own);
    else
      within.set(
        at,
        before === undefined
          ? own
          : {
              from: Math.min(before.from, own.from),
              to: Math.max(before.to, own.to),
              low: Math.min(before.low, own.low),
              high: Math.max(before.high, own.high),
            },
      );
  }
  return [...whole, ...within.values()];
}

/** The least and the greatest of every `step` values, the later one last, so that a line through them has all peaks. */
export function envelope(values: Float64Array, step: number): { at: number; value: number }[] {
  if (step === 1) return Array.from(values, (value, at) => ({ at, value }));
  const found: { at: number; value: number }[] = [];
  for (let first = 0; first < values.length; first += step) {
    let [least, most] = [first, first];
    for (let at = first; at < Math.min(values.length, first + step); at++) {
      if (values[at] < values[least]) least = at;
      if (values[at] > values[most]) most = at;
    }
    for (const at of least < most ? [least, most] : [most, least]) found.push({ at, value: values[at] });
  }
  return found;
}
