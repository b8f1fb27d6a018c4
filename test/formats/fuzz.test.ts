import { expect, test } from "vitest";
import { fuzzMrc } from "../fuzz/mrc.js";
import { fuzzStar } from "../fuzz/star.js";

const seconds = 10;
for (const [name, fuzz] of [
  ["STAR", fuzzStar],
  ["MRC", fuzzMrc],
] as const) {
  test(`${name} reader survives ${seconds} s of mutated files`, async () => {
    const seed = Date.now() >>> 0;
    console.log(`${name} fuzz seed ${seed}`);
    const { executions } = await fuzz({ seconds, seed });
    expect(executions).toBeGreaterThan(100);
  });
}
