import { openReference } from "../src/runtime/reference/index.js";
import { autoRefineOracle } from "../test/oracles/parity/auto-refine.js";
import { beyond, type Check } from "../test/oracles/parity/check.js";
import { findCase, iterationAspects, iterationCases, type Way } from "../test/oracles/parity/iterations.js";
import { poseOracles } from "../test/oracles/parity/poses.js";
import { reconstructionOracles } from "../test/oracles/parity/reconstruction.js";
import { type BenchRuntime, deviceLabel, openBenchRuntime } from "./devices.js";
import type { BenchResult, BenchRow } from "./record.js";

const memory = 2 ** 29;
const kept = { batch: 60, keep: "views" } as const;

/** As in test/oracles: one case by every strategy, with everything that can be kept. */
const waysOf = (folder: string, screens: boolean, emulated: boolean): readonly Way[] =>
  folder === "04" && !emulated
    ? [
        { gsd: "gemm", batch: 7, keep: "nothing" },
        { gsd: "tiled", ...kept },
        { gsd: "direct", batch: 32, keep: "slices" },
        ...(screens ? [{ gsd: "screen", ...kept } as const] : []),
      ]
    : [kept];

/** The runs of test/oracles on one runtime: what it makes of the tiny set beside the files that RELION wrote (test/golden). */
export async function benchParity(kind: BenchRuntime = "cpu"): Promise<BenchResult> {
  const rows: BenchRow[] = [];
  const judge = (name: string, checks: readonly Check[]) => {
    const failed = beyond(checks);
    for (const { name: what, value, bound } of failed)
      console.log(`beyond: ${name}: ${what}: ${value}, at most ${bound} expected`);
    rows.push({
      name: `${name}: of ${checks.length} comparisons beyond their bound`,
      value: checks.length === 0 ? 1 : failed.length,
      unit: "",
      goal: 0,
      better: "lower",
    });
  };
  const runtime = await openBenchRuntime(kind, memory);
  const emulated = runtime.name === "cuda" && runtime.capabilities.software;
  if (emulated)
    console.log("notice: an emulated card is slow: one strategy of the coarse pass, no automated refinement");
  try {
    for (const { name, run } of [...poseOracles, ...reconstructionOracles]) judge(name, await run(runtime));
    for (const test of iterationCases) {
      const exact = openReference();
      const reference = await findCase(exact, test);
      await exact.close();
      for (const way of waysOf(test.folder, runtime.layout.screens, emulated)) {
        const found = await findCase(runtime, test, way);
        const compared = { test, runtime: runtime.name, found, reference };
        const checks: Check[] = [];
        for (const { check } of iterationAspects(test, runtime.name)) checks.push(...(await check(compared)));
        judge(`${test.folder}, ${test.name}${way.gsd === undefined ? "" : `, ${way.gsd}`}`, checks);
      }
    }
    if (!emulated) judge(autoRefineOracle.name, await autoRefineOracle.run(runtime));
  } finally {
    await runtime.close();
  }
  return { rows, gpu: runtime.capabilities.device, label: deviceLabel(runtime) };
}
