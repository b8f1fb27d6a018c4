import { afterAll, beforeAll, describe } from "vitest";
import type { Runtime } from "../../src/runtime/contract.js";
import type { CpuOptions } from "../../src/runtime/cpu/index.js";
import { openNodeCpu } from "../../src/runtime/cpu/node.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { describeWebGpu, openTestGpu } from "./webgpu.js";

export const openTestCpu = (options: Omit<CpuOptions, "startWorker"> = {}): Promise<Runtime> =>
  openNodeCpu({ bytes: 2 ** 29, threads: 2, ...options });

/** The suite once for every runtime; `runtime()` is open while its tests run. */
export function describeRuntimes(
  name: string,
  body: (runtime: () => Runtime, kind: "reference" | "webgpu" | "cpu") => void,
): void {
  for (const kind of ["reference", "webgpu", "cpu"] as const)
    (kind === "webgpu" ? describeWebGpu : describe)(`${name}: ${kind}`, () => {
      let runtime: Runtime;
      beforeAll(async () => {
        if (kind === "webgpu") runtime = await openTestGpu();
        else runtime = kind === "cpu" ? await openTestCpu() : openReference();
      });
      afterAll(() => runtime.close());
      body(() => runtime, kind);
    });
}

/** Run in a scope of its own that ends with the call. */
export async function scoped<T>(runtime: Runtime, body: () => Promise<T>): Promise<T> {
  runtime.push("iteration");
  try {
    return await body();
  } finally {
    runtime.pop("iteration");
  }
}

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
