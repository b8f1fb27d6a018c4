import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compressWeights,
  denseBytes,
  expandWeights,
  groupedBytes,
  pairBytes,
  smallerLayout,
  storedParticle,
  storeWeights,
  weightsFault,
} from "../../src/runtime/weights.js";

describe("compressed weights", () => {
  test("bytes follow the three published formulas", () => {
    // Zhang et al. 2018, formula 4.1, with 8-byte weights: N(32*8), n(32(8+4)), n(32*8+4).
    expect(denseBytes(1000, 32, 8)).toBe(256_000);
    expect(pairBytes(10, 32, 8)).toBe(3840);
    expect(groupedBytes(10, 32, 8)).toBe(2600);
  });

  test("1,000 kept parents of 36,864 x 45 take 132 kB instead of 212 MB", () => {
    expect(denseBytes(36_864 * 45, 32, 4)).toBe(212_336_640);
    expect(groupedBytes(1000, 32, 4)).toBe(132_000);
  });

  test("dense is chosen from the published break-even on", () => {
    // 8-byte weights: n > 0.98 N; 4-byte: n > 0.97 N (32*s/(32*s+4)).
    expect(smallerLayout(984, 1000, 32, 8)).toBe("grouped");
    expect(smallerLayout(985, 1000, 32, 8)).toBe("dense");
    expect(smallerLayout(969, 1000, 32, 4)).toBe("grouped");
    expect(smallerLayout(970, 1000, 32, 4)).toBe("dense");
  });

  test("kept groups come back, the rest is 0, and every rule of the layout holds", () => {
    const shape = fc.record({
      particles: fc.integer({ min: 1, max: 5 }),
      parents: fc.integer({ min: 1, max: 30 }),
      children: fc.constantFrom(1, 4, 8, 32),
      double: fc.boolean(),
    });
    fc.assert(
      fc.property(
        shape,
        fc.infiniteStream(fc.boolean()),
        ({ particles, parents, children, double }, keep) => {
          const samples = parents * children;
          const dense = (
            double ? new Float64Array(particles * samples) : new Float32Array(particles * samples)
          ).map((_, index) => index + 1);
          const kept = Array.from({ length: particles }, () =>
            Uint32Array.from([...Array(parents).keys()].filter(() => keep.next().value)),
          );
          const weights = compressWeights(dense, samples, children, kept);
          expect(weightsFault(weights)).toBeUndefined();
          for (let i = 0; i < particles; i++) {
            const expected = Array.from(dense.subarray(i * samples, (i + 1) * samples), (value, s) =>
              kept[i]?.includes(Math.floor(s / children)) ? value : 0,
            );
            expect(Array.from(expandWeights(weights, i))).toEqual(expected);
          }
        },
      ),
    );
  });

  test("broken layouts are named", () => {
    const good = compressWeights(new Float32Array(64), 64, 32, [Uint32Array.of(0, 1)]);
    expect(weightsFault({ ...good, firstSample_g: Uint32Array.of(0, 33) })).toMatch(
      /group 1 starts at sample 33/,
    );
    expect(weightsFault({ ...good, firstSample_g: Uint32Array.of(32, 0) })).toMatch(/not after/);
    expect(weightsFault({ ...good, start_i: Uint32Array.of(0, 1) })).toMatch(/last start/);
    expect(weightsFault({ ...good, values_gs: new Float32Array(63) })).toMatch(/number of values/);
  });

  test("the smaller layout is stored, and either gives the kept weights back", () => {
    const layouts = new Set<string>();
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 12 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (particles, parents, share, numbers) => {
          const children = 8;
          const samples = parents * children;
          const next = () => numbers.next().value as number;
          const dense = Float32Array.from({ length: particles * samples }, next);
          const kept = Array.from({ length: particles }, () =>
            Uint32Array.from([...Array(parents).keys()].filter(() => share > 0.9 || next() < share)),
          );
          const stored = storeWeights(dense, samples, children, kept);
          layouts.add(stored.layout);
          const groups = kept.reduce((sum, list) => sum + list.length, 0);
          const bytes =
            stored.layout === "dense"
              ? stored.values_is.byteLength
              : stored.weights.values_gs.byteLength + stored.weights.firstSample_g.byteLength;
          expect(bytes).toBe(
            Math.min(denseBytes(particles * parents, children, 4), groupedBytes(groups, children, 4)),
          );
          for (let i = 0; i < particles; i++) {
            const wanted = dense
              .subarray(i * samples, (i + 1) * samples)
              .map((weight, sample) => (kept[i].includes(Math.floor(sample / children)) ? weight : 0));
            expect(Array.from(storedParticle(stored, i))).toEqual(Array.from(wanted));
          }
        },
      ),
    );
    expect(layouts).toEqual(new Set(["dense", "grouped"]));
  });
});
