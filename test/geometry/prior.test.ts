import * as healpix from "@hscmap/healpix";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { angularDistance, eulerToMatrix, multiply, viewingDirection } from "../../src/geometry/euler.js";
import { childPixels, maxPixelRadius, pixelDirection } from "../../src/geometry/healpix.js";
import { directionPrior, psiPrior } from "../../src/geometry/prior.js";
import { GlibcRandom } from "../../src/geometry/random.js";
import { orientationGrid } from "../../src/geometry/sampling.js";
import { pointGroup } from "../../src/geometry/symmetry.js";

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
const centre = fc.record({
  rot: fc.double({ min: -180, max: 180, noNaN: true }),
  tilt: fc.double({ min: 0, max: 180, noNaN: true }),
});
const normal = (x: number, sigma: number) => Math.exp((-x * x) / (2 * sigma * sigma));

describe("local priors", () => {
  test("directions within 3 sigma, weighed by the angle to the centre", () => {
    const grid = orientationGrid({ order: 2 });
    fc.assert(
      fc.property(centre, fc.double({ min: 7, max: 30, noNaN: true }), (around, sigma) => {
        const { index, weight } = directionPrior(grid, around, sigma);
        expect(sum(weight)).toBeCloseTo(1, 12);
        const at = viewingDirection(around.rot, around.tilt);
        const angles = Array.from(grid.rot, (rot, direction) => {
          const v = viewingDirection(rot, grid.tilt[direction]);
          // Unlike the arc cosine, the chord keeps its digits at small angles.
          const chord = Math.hypot(v[0] - at[0], v[1] - at[1], v[2] - at[2]);
          return (2 * Math.asin(Math.min(1, chord / 2)) * 180) / Math.PI;
        });
        const inside = angles.flatMap((angle, direction) => (angle < 3 * sigma - 1e-6 ? [direction] : []));
        expect(Array.from(index)).toEqual(expect.arrayContaining(inside));
        expect(index.every((direction) => angles[direction] < 3 * sigma + 1e-6)).toBe(true);
        for (let i = 1; i < index.length; i++) {
          const expected = normal(angles[index[i]], sigma) / normal(angles[index[0]], sigma);
          // The arc cosine of a cosine near 1 is good to 1e-6 degrees.
          expect(weight[i] / weight[0] / expected).toBeCloseTo(1, 5);
        }
      }),
    );
  });

  test("a symmetry mate of the centre gives the same prior", () => {
    for (const name of ["C4", "D2", "O", "I1"]) {
      const group = pointGroup(name);
      const grid = orientationGrid({ order: 3, group });
      const reference = directionPrior(grid, { rot: 20, tilt: 50 }, 5);
      for (const operator of group.operators) {
        const m = multiply(eulerToMatrix(20, 50, 0), operator);
        const mate = {
          rot: (Math.atan2(m[7], m[6]) * 180) / Math.PI,
          tilt: (Math.acos(m[8]) * 180) / Math.PI,
        };
        const { index, weight } = directionPrior(grid, mate, 5);
        expect(Array.from(index)).toEqual(Array.from(reference.index));
        for (const [i, value] of weight.entries()) expect(value).toBeCloseTo(reference.weight[i], 9);
      }
    }
  });

  test("in-plane angles wrap, and both ways count when bimodal", () => {
    const grid = orientationGrid({ order: 1 });
    // Step 30 degrees: 3 sigma = 36 keeps 0, 330 and 30 around -2, at distances 2, 28 and 32.
    const { index, weight } = psiPrior(grid, -2, 12);
    expect(Array.from(index)).toEqual([0, 1, 11]);
    const expected = [2, 32, 28].map((distance) => normal(distance, 12));
    const total = expected.reduce((a, b) => a + b);
    for (const [i, value] of expected.entries()) expect(weight[i]).toBeCloseTo(value / total, 14);
    expect(Array.from(psiPrior(grid, -2, 12, true).index)).toEqual([0, 1, 5, 6, 7, 11]);
  });

  test("the nearest sample alone where none is within 3 sigma; all alike without a sigma", () => {
    const grid = orientationGrid({ order: 0 });
    expect(psiPrior(grid, 100, 1)).toEqual({ index: Uint32Array.of(2), weight: Float64Array.of(1) });
    const near = directionPrior(grid, { rot: 44, tilt: 50 }, 0.1);
    expect(near).toEqual({ index: Uint32Array.of(0), weight: Float64Array.of(1) });
    expect(directionPrior(grid, { rot: 0, tilt: 0 }, 0).weight).toEqual(new Float64Array(12).fill(1 / 12));
  });
});

describe("HEALPix beside another implementation", () => {
  test.each([0, 1, 2, 4, 6])(
    "order %d: centres, largest radius and children as in @hscmap/healpix",
    (order) => {
      const side = 2 ** order;
      for (let pixel = 0; pixel < 12 * side * side; pixel++) {
        const { rot, tilt } = pixelDirection(order, pixel);
        const v = viewingDirection(rot, tilt);
        const expected = healpix.pix2vec_nest(side, pixel);
        // The package computes centres through the projected plane and loses up to 6e-14 at order 6.
        for (const axis of [0, 1, 2]) expect(Math.abs(v[axis] - expected[axis])).toBeLessThan(1e-12);
      }
      expect(maxPixelRadius(order)).toBeCloseTo((healpix.max_pixrad(side) * 180) / Math.PI, 11);
      const parent = 5 * side * side + Math.floor(Math.random() * side * side);
      const places = childPixels(parent, 1).map((child) => {
        const within = child % (4 * side * side);
        return healpix.bit_decombine(within);
      });
      const { x, y } = places[0];
      expect(places, `parent ${parent}`).toEqual([
        { x, y },
        { x: x + 1, y },
        { x, y: y + 1 },
        { x: x + 1, y: y + 1 },
      ]);
      const inside = healpix.bit_decombine(parent % (side * side));
      expect([x, y]).toEqual([2 * inside.x, 2 * inside.y]);
    },
  );
});

test("gaussians are the polar method in float32 on rand()", () => {
  const random = new GlibcRandom(5);
  // From a C program on glibc 2.36: srand(5), float32 with logf and sqrtf, the sum of squares in float64.
  const expected = [
    -1.73786426, -0.408221751, -0.00434123119, 0.976192415, -0.527392387, -1.54016662, -0.816309333,
    -1.36361384,
  ];
  // 9 digits identify a float32; logf of the C library may differ from ours by one unit in the last place.
  for (const value of expected)
    expect(Math.abs(random.gaussian() - value)).toBeLessThanOrEqual(2e-7 * Math.abs(value));
  expect(new GlibcRandom(3_000_000_000).next()).toBe(2058147116);
});

test("angular distance is symmetric and least over mates", () => {
  const operators = pointGroup("D3").operators;
  const angle = fc.double({ min: -180, max: 180, noNaN: true });
  const pose = fc.tuple(angle, fc.double({ min: 1, max: 179, noNaN: true }), angle);
  fc.assert(
    fc.property(pose, pose, (p, q) => {
      const [a, b] = [eulerToMatrix(...p), eulerToMatrix(...q)];
      const distance = angularDistance(a, b, operators);
      // Arc cosines near 1 are good to 1e-6 degrees.
      expect(Math.abs(distance - angularDistance(b, a, operators))).toBeLessThan(3e-6);
      expect(distance).toBeLessThanOrEqual(angularDistance(a, b) + 1e-12);
      expect(angularDistance(a, multiply(a, operators[4]), operators)).toBeLessThan(3e-6);
    }),
  );
});
