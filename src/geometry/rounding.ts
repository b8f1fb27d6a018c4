/**
 * The nearest integer, halves away from zero: `round(-1.5)` is -2 where `Math.round(-1.5)` is -1. RELION rounds shells and
 * pixel shifts this way.
 */
export const round = (value: number): number =>
  (value > 0 ? Math.floor(value + 0.5) : Math.ceil(value - 0.5)) + 0;
