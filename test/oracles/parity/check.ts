import type { Runtime } from "../../../src/runtime/contract.js";

/** One comparison with what RELION wrote: `value`, a distance, may be at most `bound`. */
export interface Check {
  readonly name: string;
  readonly value: number;
  readonly bound: number;
}

/** Comparisons of one result, run by vitest (test/oracles) and, without it, by `bench parity`. */
export interface Oracle {
  readonly name: string;
  run(runtime: Runtime): Promise<Check[]>;
}

/** Those beyond their bound; a value that is no number is. */
export const beyond = (checks: readonly Check[]): Check[] =>
  checks.filter(({ value, bound }) => !(value <= bound));

/** Half a unit of a decimal that RELION prints. */
export const decimals = (digits: number): number => 0.5 * 10 ** -digits;

/** Run in a scope of its own that ends with the call. */
export async function scoped<T>(runtime: Runtime, body: () => Promise<T>): Promise<T> {
  runtime.push("iteration");
  try {
    return await body();
  } finally {
    runtime.pop("iteration");
  }
}
