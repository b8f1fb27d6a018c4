import { describe, expect, it } from "vitest";
import { goldenArrays } from "../support/accumulators.js";
import { largest } from "../support/numbers.js";
import { describeRuntimes } from "../support/runtimes.js";
import { beyond } from "./parity/check.js";
import { reconstructionOracles } from "./parity/reconstruction.js";

describeRuntimes("reconstruction from RELION's sums", (runtime) => {
  for (const { name, run } of reconstructionOracles)
    it(name, async () => expect(beyond(await run(runtime()))).toEqual([]));
});

describe("golden arrays", () => {
  it("hold something", async () => {
    expect(largest((await goldenArrays("reconstruct/rec_dbg")).weight)).toBeGreaterThan(0.1);
  });
});
