import { describe, expect, test } from "vitest";
import { iterationLimit, type JobRecord } from "../../src/app/report/record.js";
import { secondsLeft } from "../../web/src/view/time-left.js";

/** A run after its iteration 3, which took 10 s, a quarter into the next. */
const record = (iterations: number) =>
  ({
    start: { iterations },
    iterations: [{ iteration: 3, seconds: { coarse: 4, fine: 6 } }],
    phase: { iteration: 4 },
    progress: { done: 25, total: 100 },
  }) as unknown as JobRecord;

describe("the time that a run has left", () => {
  test("is that of the iterations to come", () => {
    expect(secondsLeft(record(5))).toBeCloseTo(17.5, 10);
    expect(secondsLeft(record(3))).toBe(0);
  });

  test("is not known where it goes on until it converges, nor before an iteration has ended", () => {
    expect(iterationLimit({ iterations: 998 })).toBe(998);
    expect(iterationLimit({ iterations: 999 })).toBeUndefined();
    expect(secondsLeft(record(999))).toBeUndefined();
    expect(secondsLeft({ ...record(5), iterations: [] })).toBeUndefined();
  });
});
