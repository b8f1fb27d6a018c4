/** Nearest integer, halves away from zero: RELION's rounding of shells and offsets (`Math.round` differs for negative halves). */
export const round = (x: number): number => (x < 0 ? -Math.floor(0.5 - x) : Math.floor(x + 0.5)) || 0;
