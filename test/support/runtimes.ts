import { afterAll, beforeAll, describe } from "vitest";
import type { Runtime } from "../../src/runtime/contract.js";
import type { CpuOptions } from "../../src/runtime/cpu/index.js";
import { openNodeCpu } from "../../src/runtime/cpu/node.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { describeWebGpu, openTestGpu } from "./webgpu.js";

export { scoped } from "../oracles/parity/check.js";
export { difference, largest } from "./numbers.js";

export const openTestCpu = (options: Omit<CpuOptions, "startWorker"> = {}): Promise<Runtime> =>
  openNodeCpu({ bytes: 2 ** 29, threads: 2, ...options });

/** Runtimes that compute in float32. */
export const fastRuntimes = ["webgpu", "cpu"] as const;
export type RuntimeKind = "reference" | (typeof fastRuntimes)[number];

export function openTestRuntime(kind: RuntimeKind, bytes = 2 ** 29): Promise<Runtime> {
  if (kind === "webgpu") return openTestGpu({ bytes });
  return kind === "cpu" ? openTestCpu({ bytes }) : Promise.resolve(openReference());
}

/** A suite on a runtime; skipped where that is missing. */
export const describeOn = (kind: RuntimeKind) => (kind === "webgpu" ? describeWebGpu : describe);

/** The suite once for every runtime; `runtime()` is open while its tests run. */
export function describeRuntimes(
  name: string,
  body: (runtime: () => Runtime, kind: RuntimeKind) => void,
): void {
  for (const kind of ["reference", ...fastRuntimes] as const)
    describeOn(kind)(`${name}: ${kind}`, () => {
      let runtime: Runtime;
      beforeAll(async () => {
        runtime = await openTestRuntime(kind, 2 ** 28);
      });
      afterAll(() => runtime.close());
      body(() => runtime, kind);
    });
}
