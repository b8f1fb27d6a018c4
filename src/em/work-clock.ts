let rested = 0;
let since: number | undefined;

/** Milliseconds of a clock that stands still while a run rests: a pause is no time that a phase took. */
export const workTime = (): number => (since ?? performance.now()) - rested;

/** The run rests from now on, if it did not already. */
export function holdClock(): void {
  since ??= performance.now();
}

export function releaseClock(): void {
  if (since !== undefined) rested += performance.now() - since;
  since = undefined;
}
