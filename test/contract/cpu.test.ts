import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Runtime } from "../../src/runtime/contract.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { cpuTolerances } from "../../src/runtime/tolerances.js";
import { compareCase, contractCases, runCase } from "../../src/runtime/verify/index.js";
import { openTestCpu } from "../support/runtimes.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);
console.log(`contract suite on cpu: seed ${seed} (CRYOTILE_SEED=${seed} repeats it)`);
const cases = contractCases(seed);

describe("cpu agrees with reference", () => {
  let reference: Runtime;
  let cpu: Runtime;
  beforeAll(async () => {
    reference = openReference();
    cpu = await openTestCpu();
  });
  afterAll(async () => {
    expect(cpu.memory.held).toEqual([]);
    await cpu.close();
  });

  for (const test of cases)
    it(`${test.operation}: ${test.variant}`, async () => {
      const { error, tolerance, ok } = await compareCase(test, reference, cpu, cpuTolerances);
      expect(ok, `error ${error}, tolerance ${tolerance}`).toBe(true);
    });
});

describe("cpu with any number of threads", () => {
  it("gives the same bytes", async () => {
    const runs: Buffer[][] = [];
    for (const threads of [1, 2, 3, 2]) {
      const cpu = await openTestCpu({ threads });
      const bytes: Buffer[] = [];
      for (const test of cases)
        for (const values of Object.values(await runCase(cpu, test)))
          bytes.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
      await cpu.close();
      runs.push(bytes);
    }
    expect(runs[0].length).toBeGreaterThan(cases.length);
    for (const run of runs.slice(1)) expect(run.every((bytes, at) => bytes.equals(runs[0][at]))).toBe(true);
  });
});
