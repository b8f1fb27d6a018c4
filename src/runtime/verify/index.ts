import type { Runtime } from "../contract.js";
import type { ComparedName } from "../operations.js";
import type { Tolerance } from "../tolerances.js";
import { expectationCases } from "./expectation-cases.js";
import { type Case, outputError, Random, runCase } from "./harness.js";
import { imageCases } from "./image-cases.js";
import { listedCases } from "./listed-cases.js";
import { selectionCases } from "./selection-cases.js";
import { volumeCases } from "./volume-cases.js";

export { type Case, Random, runCase } from "./harness.js";

/** Every operation on random inputs of ragged sizes. */
export function contractCases(seed: number): Case[] {
  const random = new Random(seed);
  return [
    ...imageCases(random),
    ...volumeCases(random),
    ...expectationCases(random),
    ...selectionCases(random),
    ...listedCases(random),
  ];
}

/** One comparison of a runtime with `reference`. */
export interface Agreement {
  readonly operation: ComparedName;
  readonly variant: string;
  readonly runtime: string;
  /** Largest error of the outputs: relative L2 of numbers, share of differing indices. */
  readonly error: number;
  readonly tolerance: number;
  readonly ok: boolean;
}

/** Run a case on both runtimes. Indices must be equal; numbers as near as the operation's tolerance says. */
export async function compareCase(
  test: Case,
  reference: Runtime,
  runtime: Runtime,
  tolerances: Readonly<Record<ComparedName, Tolerance>>,
): Promise<Agreement> {
  const expected = await runCase(reference, test);
  const found = await runCase(runtime, test);
  const { bound } = tolerances[test.operation];
  let error = 0;
  let ok = true;
  for (const [name, values] of Object.entries(expected)) {
    const own = outputError(found[name] ?? new Float64Array(0), values);
    ok &&= own <= (values instanceof Uint32Array ? 0 : bound);
    error = Math.max(error, own);
  }
  return {
    operation: test.operation,
    variant: test.variant,
    runtime: runtime.name,
    error,
    tolerance: bound,
    ok,
  };
}
