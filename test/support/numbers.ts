export const largest = (values: Iterable<number>): number => {
  let most = 0;
  for (const value of values)
    most = Math.max(most, Number.isNaN(value) ? Number.POSITIVE_INFINITY : Math.abs(value));
  return most;
};

/** Largest absolute difference. */
export function difference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  return largest(Array.from(expected, (value, at) => found[at] - value));
}
