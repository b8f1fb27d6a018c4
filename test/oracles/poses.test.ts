import { expect, it } from "vitest";
import { describeRuntimes } from "../support/runtimes.js";
import { beyond } from "./parity/check.js";
import { poseOracles } from "./parity/poses.js";

describeRuntimes("scores of any poses", (runtime) => {
  for (const { name, run } of poseOracles)
    it(name, async () => expect(beyond(await run(runtime()))).toEqual([]));
});
