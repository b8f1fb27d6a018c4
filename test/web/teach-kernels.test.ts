import { describe, expect, test } from "vitest";
import { openReference } from "../../src/runtime/reference/index.js";
import { webGpuTolerances } from "../../src/runtime/tolerances.js";
import { compareCase, contractCases } from "../../src/runtime/verify/index.js";
import { loadShaderFile } from "../../src/runtime/webgpu/node.js";
import { openCounting } from "../../web/teach/kernel/machine.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);

/** Float64 arithmetic: only the order of the sums differs from the reference. */
const float64 = 1e-13;

describe(`kernels run lane by lane, seed ${seed}`, () => {
  const cases = contractCases(seed).filter(({ operation }) =>
    ["diff2Coarse", "imageConstants", "crossCorrelation"].includes(operation),
  );
  test.each(cases.map((one) => [`${one.operation} ${one.variant}`, one] as const))("%s", async (_, one) => {
    const counting = openCounting({ loadShader: loadShaderFile });
    const begun = performance.now();
    const { error } = await compareCase(one, openReference(), counting, webGpuTolerances);
    console.log(one.variant, performance.now() - begun, error);
    expect(error).toBeLessThan(float64);
    console.log(JSON.stringify(counting.counts));
  });
});
