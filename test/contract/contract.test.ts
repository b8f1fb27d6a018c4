import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Runtime } from "../../src/runtime/contract.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { webGpuTolerances } from "../../src/runtime/tolerances.js";
import { compareCase, contractCases, runCase } from "../../src/runtime/verify/index.js";
import { loadShaderFile } from "../../src/runtime/webgpu/node.js";
import { describeWebGpu, openTestGpu } from "../support/webgpu.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);
console.log(`contract suite: seed ${seed} (CRYOTILE_SEED=${seed} repeats it)`);
const cases = contractCases(seed);

describe("contract suite", () => {
  it("has cases for every operation", () => {
    const covered = new Set(cases.map((test) => test.operation));
    // finishAccumulator is part of every backprojection case.
    expect([...covered, "finishAccumulator"].sort()).toEqual(Object.keys(webGpuTolerances).sort());
  });
});

for (const limits of ["adapter", "default"] as const)
  describeWebGpu(`webgpu agrees with reference (limits of the ${limits})`, () => {
    let reference: Runtime;
    let gpu: Runtime;
    beforeAll(async () => {
      reference = openReference();
      gpu = await openTestGpu({ limits });
    });
    afterAll(async () => {
      expect(gpu.memory.held).toEqual([]);
      await gpu.close();
    });

    for (const test of cases)
      it(`${test.operation}: ${test.variant}`, async () => {
        const { error, tolerance, ok } = await compareCase(test, reference, gpu, webGpuTolerances);
        expect(ok, `error ${error}, tolerance ${tolerance}`).toBe(true);
      });
  });

describeWebGpu("webgpu repeats itself", () => {
  it("gives the same bytes twice", async () => {
    const runs: Uint8Array[][] = [];
    for (let run = 0; run < 2; run++) {
      const gpu = await openTestGpu();
      const bytes: Uint8Array[] = [];
      for (const test of cases.filter(({ operation }) =>
        /diff2|weighted|backproject|shell|moments/i.test(operation),
      ))
        for (const values of Object.values(await runCase(gpu, test)))
          bytes.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      await gpu.close();
      runs.push(bytes);
    }
    expect(runs[0].length).toBeGreaterThan(20);
    expect(runs[0]).toEqual(runs[1]);
  });
});

describeWebGpu("the suite itself", () => {
  it("fails where a kernel is wrong, and where one leaves something unwritten", async () => {
    const reference = openReference();
    for (const [operation, kernel, right, wrong] of [
      ["packPixels", "pack_pixels.wgsl", "& 1) != 0", "& 1) == 0"],
      ["diff2Coarse", "diff2_direct.wgsl", "sums[0].x - sums[0].y", "sums[0].x - sums[0].x"],
      ["cropMap", "crop_map.wgsl", "id >= p.count", "id + 1u >= p.count"],
      ["compactWeights", "compact_write.wgsl", "group < p.capacity", "group + 1u < p.capacity"],
    ] as const) {
      const gpu = await openTestGpu({
        loadShader: async (path) => {
          const source = await loadShaderFile(path);
          if (path === kernel) expect(source).toContain(right);
          return path === kernel ? source.replace(right, wrong) : source;
        },
      });
      const own = cases.filter((test) => test.operation === operation);
      const rows = [];
      for (const test of own) rows.push(await compareCase(test, reference, gpu, webGpuTolerances));
      await gpu.close();
      expect(
        rows.some(({ ok }) => !ok),
        operation,
      ).toBe(true);
    }
  });
});
