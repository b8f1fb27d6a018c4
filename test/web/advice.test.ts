import { expect, test } from "vitest";
import { withRemedy } from "../../src/app/refine/device-faults.js";
import { IterationTooLargeError } from "../../src/em/memory.js";
import { UserError } from "../../src/errors.js";
import { Arena, type ArenaFullError } from "../../src/runtime/arena.js";
import { DeviceLostError, DeviceMemoryError } from "../../src/runtime/errors.js";
import { adviceOf } from "../../web/src/job/advice.js";

const device = { capabilities: { arenaBytes: 64e6 } } as Parameters<typeof withRemedy>[1];

/** What an arena says that has no room. */
function full(): ArenaFullError {
  const arena = new Arena({ slabs: [4096], alignment: 256 });
  arena.push("iteration");
  try {
    arena.alloc("scores", 8192);
  } catch (error) {
    return error as ArenaFullError;
  }
  throw new Error("it fitted");
}

test.each([
  [
    new IterationTooLargeError("", 37.2e6, 6e6),
    /needs 38 MB .* was given 6 MB\. Give it 38 MB or more in Memory/,
  ],
  [
    new IterationTooLargeError("", 2e9, 128e6, "diff2"),
    /^diff2 needs 2,000 MB in one piece .* at most 128 MB/,
  ],
  [full(), /scores .* asked for 8192 bytes .* Give it more in Memory/],
  [new DeviceMemoryError("no room; give it less"), /^no room\. Other programs/],
  [new DeviceLostError("the device was lost"), /^the device was lost\. Going on begins after the last/],
])("advice on the page names none of the command line's options: %o", (fault, words) => {
  for (const error of [fault, withRemedy(fault, device, "run_it001_optimiser.star")]) {
    expect(adviceOf(error)).toMatch(words);
    expect(adviceOf(error)).not.toContain("--");
  }
});

test("what is no fault of the device is told as it is", () => {
  expect(adviceOf(new UserError("particles.star:4: no such label"))).toBe("particles.star:4: no such label");
});
