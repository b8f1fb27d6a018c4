import { afterAll, beforeAll, expect, it } from "vitest";
import type { Runtime } from "../../src/runtime/contract.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { tolerancesOf } from "../../src/runtime/tolerances.js";
import { compareCase, contractCases, runCase } from "../../src/runtime/verify/index.js";
import { describeCuda, emulatedCufft, openTestCuda } from "../support/cuda.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);
console.log(`contract suite on cuda: seed ${seed} (CRYOTILE_SEED=${seed} repeats it)`);
const cases = contractCases(seed);

const transforms = cases.filter(({ operation }) => /Fft$/.test(operation));

describeCuda.each([
  { precision: "single", cufft: "none", cases },
  { precision: "double", cufft: "none", cases },
  { precision: "single", cufft: emulatedCufft, cases: transforms },
  { precision: "double", cufft: emulatedCufft, cases: transforms },
] as const)(
  "cuda in $precision precision (cuFFT: $cufft) agrees with reference",
  ({ precision, cufft, cases }) => {
    let reference: Runtime;
    let cuda: Runtime;
    beforeAll(async () => {
      reference = openReference();
      expect(transforms.length).toBeGreaterThan(30);
      cuda = await openTestCuda({ precision, cufft });
    });
    afterAll(async () => {
      expect(cuda.memory.held).toEqual([]);
      await cuda.close();
    });

    for (const test of cases)
      it(`${test.operation}: ${test.variant}`, async () => {
        const { error, tolerance, ok } = await compareCase(test, reference, cuda, tolerancesOf(cuda));
        expect(ok, `error ${error}, tolerance ${tolerance}`).toBe(true);
      });
  },
);

describeCuda("cuda repeats itself", () => {
  it("gives the same bytes twice", async () => {
    const runs: Buffer[][] = [];
    for (let run = 0; run < 2; run++) {
      const cuda = await openTestCuda();
      const bytes: Buffer[] = [];
      for (const test of cases)
        for (const values of Object.values(await runCase(cuda, test)))
          bytes.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
      await cuda.close();
      runs.push(bytes);
    }
    expect(runs[0].length).toBeGreaterThan(cases.length);
    expect(runs[1].every((bytes, at) => bytes.equals(runs[0][at]))).toBe(true);
  });
});
