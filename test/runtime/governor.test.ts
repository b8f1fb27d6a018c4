import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DispatchGovernor, groupsAcross } from "../../src/runtime/webgpu/governor.js";

/** Launches of a kernel whose workgroups take `milliseconds` each, as the governor splits them. */
function simulate(
  groups: number,
  cost: number,
  milliseconds: number,
  overhead: number,
  governor = new DispatchGovernor(),
) {
  const parts: number[] = [];
  let waits = 0;
  for (let done = 0; done < groups; ) {
    const part = governor.next("kernel", groups - done, cost);
    const elapsed = overhead + part.groups * milliseconds;
    if (part.measured) {
      governor.learn("kernel", part.groups * cost, elapsed);
      waits++;
    }
    parts.push(part.groups * milliseconds);
    done += part.groups;
  }
  return { parts, waits };
}

describe("dispatch governor", () => {
  it("cuts between whole rows, so that no workgroup runs in two parts", () => {
    const [groups, milliseconds] = [465_000, 80 / 40_000];
    const { parts } = simulate(groups, 8, milliseconds, 0);
    const inner = parts.slice(0, -1).map((part) => Math.round(part / milliseconds));
    expect(inner.some((part) => part >= groupsAcross)).toBe(true);
    for (const part of inner) expect(part <= groupsAcross ? 0 : part % groupsAcross).toBe(0);
  });

  it("keeps every dispatch under 250 ms, whatever the speed of the device", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 1, max: 5000 }),
        // Up to 200 ms for the work that is sent to an unknown kernel.
        fc.double({ min: 1e-6, max: 200 / 4096, noNaN: true }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        (groups, cost, perUnit, overhead) => {
          const milliseconds = Math.min(perUnit * cost, 200);
          const { parts } = simulate(groups, cost, milliseconds, overhead);
          expect(parts.reduce((sum, part) => sum + part, 0)).toBeCloseTo(groups * milliseconds, 3);
          expect(parts.reduce((most, part) => Math.max(most, part), 0)).toBeLessThanOrEqual(250);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("waits no more once the speed is known", () => {
    const governor = new DispatchGovernor();
    expect(simulate(100_000, 16, 0.01, 0.1, governor).waits).toBeGreaterThan(1);
    expect(simulate(100_000, 16, 0.01, 0.1, governor).waits).toBe(0);
  });

  it("does not fill the queue before the device may begin", () => {
    const governor = new DispatchGovernor();
    simulate(100_000, 16, 0.01, 0.1, governor);
    let queued = 0;
    for (let launch = 0; launch < 100; launch++) {
      const part = governor.next("kernel", 1000, 16);
      queued += part.groups * 0.01;
      if (part.full) queued = 0;
      expect(queued).toBeLessThan(100);
    }
  });
});
