import { openRuntime } from "../src/app/refine/device.js";
import { openReference } from "../src/runtime/reference/index.js";
import { tolerancesOf } from "../src/runtime/tolerances.js";
import { type Agreement, compareCase, contractCases } from "../src/runtime/verify/index.js";
import { type BenchRuntime, deviceLabel } from "./devices.js";
import type { BenchResult } from "./record.js";

const seed = 20250101;

/** The contract suite, on WebGPU with the adapter's limits and with the default ones: the largest error of each operation. */
export async function benchContract(kind: BenchRuntime = "webgpu"): Promise<BenchResult> {
  const worst = new Map<string, Agreement & { cases: number }>();
  let failed = 0;
  let [device, label] = ["", ""];
  for (const limits of kind === "webgpu" ? (["adapter", "default"] as const) : (["adapter"] as const)) {
    const { runtime: gpu } = await openRuntime({ runtime: kind, software: true, memory: 2 ** 28, limits });
    const reference = openReference();
    [device, label] = [gpu.capabilities.device, deviceLabel(gpu)];
    for (const test of contractCases(seed)) {
      const row = await compareCase(test, reference, gpu, tolerancesOf(gpu));
      if (!row.ok) failed++;
      const known = worst.get(row.operation);
      const most = known === undefined || row.error > known.error ? row : known;
      worst.set(row.operation, { ...most, cases: (known?.cases ?? 0) + 1 });
    }
    await gpu.close();
  }
  return {
    rows: [
      { name: "cases beyond their tolerance", value: failed, unit: "cases", goal: 0, better: "lower" },
      ...[...worst.values()].map(({ operation, cases, error, tolerance }) => ({
        name: `${operation} (${cases} cases)`,
        value: error,
        unit: "relative error",
        goal: tolerance,
        better: "lower" as const,
      })),
    ],
    gpu: device,
    label,
  };
}
