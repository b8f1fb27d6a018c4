import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseStar, type StarTable } from "../../src/formats/star/index.js";
import {
  angularDistance,
  eulerToMatrix,
  type Matrix3,
  matrixToEuler,
  multiply,
  transpose,
  viewingDirection,
} from "../../src/geometry/euler.js";
import { childPixels, directionCount, maxPixelRadius, pixelDirection } from "../../src/geometry/healpix.js";
import {
  classSeeds,
  GlibcRandom,
  nextParticleOrder,
  Perturbation,
  randomHalves,
} from "../../src/geometry/random.js";
import { round } from "../../src/geometry/rounding.js";
import {
  angularStep,
  coarseSample,
  fineSample,
  orientationGrid,
  oversampledOrientations,
  perturbed,
} from "../../src/geometry/sampling.js";
import { pointGroup } from "../../src/geometry/symmetry.js";
import { oversampledTranslations, translationGrid } from "../../src/geometry/translations.js";

const golden = resolve(import.meta.dirname, "../golden/relion");
const particles = (name: string): StarTable =>
  parseStar(readFileSync(join(golden, `${name}.star`)), name).get("particles");
const relion = JSON.parse(readFileSync(join(golden, "point-groups.json"), "utf8")) as Record<
  string,
  { operators: number[][]; directions: [number, number][] }
>;
const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);
const angle = fc.double({ min: -180, max: 180, noNaN: true });

describe("Euler angles", () => {
  test("matrix and angles are inverse, also at the poles", () => {
    fc.assert(
      fc.property(
        angle,
        fc.oneof(fc.double({ min: 0, max: 180, noNaN: true }), fc.constantFrom(0, 180)),
        angle,
        (rot, tilt, psi) => {
          const m = eulerToMatrix(rot, tilt, psi);
          const back = matrixToEuler(m);
          // Below a tilt of 1e-4 degrees RELION folds rot into psi, so the matrix changes by up to that tilt.
          expect(largest(eulerToMatrix(back.rot, back.tilt, back.psi), m)).toBeLessThan(3e-6);
          expect(largest(multiply(m, transpose(m)), [1, 0, 0, 0, 1, 0, 0, 0, 1])).toBeLessThan(1e-14);
        },
      ),
    );
  });

  test("the last row is the viewing direction, psi turns the image", () => {
    expect(largest(eulerToMatrix(30, 40, 50).subarray(6), viewingDirection(30, 40))).toBeLessThan(1e-15);
    // Rz(90): x' = y, y' = -x.
    expect(largest(eulerToMatrix(0, 0, 90), [0, 1, 0, -1, 0, 0, 0, 0, 1])).toBeLessThan(1e-15);
  });

  test("distances know symmetry mates", () => {
    const a = eulerToMatrix(10, 20, 30);
    const c4 = pointGroup("C4").operators;
    expect(angularDistance(a, eulerToMatrix(100, 20, 30), c4)).toBeLessThan(1e-5);
    // A turn about the viewing axis moves two rows by its angle and leaves one.
    expect(angularDistance(a, eulerToMatrix(10, 20, 45))).toBeCloseTo(10, 9);
  });
});

test("rounding is away from zero at halves", () => {
  expect([0.5, -0.5, 1.4, -1.5, 2.5, -0.2].map(round)).toEqual([1, -1, 1, -2, 3, 0]);
});

describe("HEALPix", () => {
  test("numbers, centres and children", () => {
    for (const order of [0, 1, 3]) {
      const count = directionCount(order);
      const vectors = Array.from({ length: count }, (_, pixel) => {
        const { rot, tilt } = pixelDirection(order, pixel);
        expect(rot > -180 && rot <= 180).toBe(true);
        return viewingDirection(rot, tilt);
      });
      for (const axis of [0, 1, 2])
        expect(Math.abs(vectors.reduce((sum, v) => sum + (v[axis] as number), 0))).toBeLessThan(1e-9);
      const children = Array.from({ length: count }, (_, pixel) => childPixels(pixel, 2)).flat();
      expect(new Set(children).size).toBe(count * 16);
      for (const [pixel, v] of vectors.entries()) {
        for (const child of childPixels(pixel, 2)) {
          const { rot, tilt } = pixelDirection(order + 2, child);
          const c = viewingDirection(rot, tilt);
          const separation =
            (Math.acos(Math.min(1, v[0] * c[0] + v[1] * c[1] + v[2] * c[2])) * 180) / Math.PI;
          expect(separation).toBeLessThan(maxPixelRadius(order));
        }
      }
    }
    // Pixel 0 of nside 1 and the largest radius of nside 1 as healpy gives them.
    expect(pixelDirection(0, 0)).toEqual({ rot: 45, tilt: expect.closeTo(48.1896851, 6) });
    expect(maxPixelRadius(0)).toBeCloseTo(48.18968510422141, 9);
  });
});

describe("point groups", () => {
  test.each(Object.keys(relion))("%s has RELION's operators and directions", (name) => {
    const group = pointGroup(name, { relionUnit: true });
    const { operators, directions } = relion[name];
    expect(group.operators.length).toBe(operators.length);
    // RELION's axes have 6 digits and its operators are products of rotations about them.
    for (const expected of operators)
      expect(Math.min(...group.operators.map((m) => largest(m, expected)))).toBeLessThan(1e-5);
    const grid = orientationGrid({ order: 2, group });
    expect(grid.rot.length).toBe(directions.length);
    // Angles are printed with 6 decimals, 5 for negative ones.
    expect(
      largest(
        grid.rot,
        directions.map(([rot]) => rot),
      ),
    ).toBeLessThan(5.1e-6);
    expect(
      largest(
        grid.tilt,
        directions.map(([, tilt]) => tilt),
      ),
    ).toBeLessThan(5.1e-6);
  });

  test.each(["C5", "D3", "T", "O", "I1", "I4"])("%s is a group and its unit covers the sphere", (name) => {
    const group = pointGroup(name);
    const find = (m: Matrix3) => group.operators.some((operator) => largest(operator, m) < 1e-9);
    for (const a of group.operators) {
      expect(find(transpose(a))).toBe(true);
      for (const b of group.operators) expect(find(multiply(a, b))).toBe(true);
    }
    const order = 3;
    const grid = orientationGrid({ order, group });
    const limit = Math.cos((maxPixelRadius(order) * Math.PI) / 180);
    for (let pixel = 0; pixel < directionCount(order); pixel += 7) {
      const { rot, tilt } = pixelDirection(order, pixel);
      const v = viewingDirection(rot, tilt);
      const covered = Array.from(grid.rot).some((gridRot, i) => {
        const d = viewingDirection(gridRot, grid.tilt[i]);
        return group.operators.some((m) => {
          const mate = [0, 3, 6].map((row) => m[row] * d[0] + m[row + 1] * d[1] + m[row + 2] * d[2]);
          return mate[0] * v[0] + mate[1] * v[1] + mate[2] * v[2] >= limit;
        });
      });
      expect(covered, `${rot} ${tilt}`).toBe(true);
    }
  });

  test("names in lower case are taken, unknown ones refused", () => {
    expect([
      pointGroup("i").name,
      pointGroup("d2").operators.length,
      pointGroup("I3").operators.length,
    ]).toEqual(["I2", 4, 60]);
    for (const name of ["", "C0", "D", "CI", "X", "I5", "C1.5"])
      expect(() => pointGroup(name)).toThrow(/is not known; Cn, Dn/);
  });
});

describe("sampling", () => {
  /** Every reported pose of a RELION run lies on the fine grid of that run. */
  function expectOnGrid(
    table: StarTable,
    options: { order: number; range: number; step: number; instance: number; pixel: number },
  ): void {
    const grid = orientationGrid({ order: options.order });
    const fine = Array.from(grid.rot, (_, d) =>
      Array.from(grid.psi, (__, p) =>
        oversampledOrientations(grid, d, p, 1).map((o) => perturbed(o, options.instance, options.order)),
      ),
    ).flat(2);
    const matrices = fine.map((o) => eulerToMatrix(o.rot, o.tilt, o.psi));
    const translations = translationGrid(options.range, options.step);
    const shifts = Array.from(translations.x, (_, t) =>
      oversampledTranslations(translations, t, 1, options.instance),
    ).flat();
    const column = (label: string) => table.numbers(label);
    const [rot, tilt, psi, x, y] = [
      "rlnAngleRot",
      "rlnAngleTilt",
      "rlnAnglePsi",
      "rlnOriginXAngst",
      "rlnOriginYAngst",
    ].map(column);
    for (let row = 0; row < table.rowCount; row++) {
      const m = eulerToMatrix(rot[row], tilt[row], psi[row]);
      const nearest = matrices.reduce((least, candidate) => Math.min(least, largest(candidate, m)), 1);
      expect(nearest).toBeLessThan(4e-6);
      const offset = shifts.reduce((least, [dx, dy]) => {
        const wrap = (value: number) => Math.abs(value - options.pixel * Math.round(value / options.pixel));
        return Math.min(least, Math.max(wrap(x[row] - dx), wrap(y[row] - dy)));
      }, 1e9);
      // Old offsets are whole pixels; the rest is a fine translation.
      expect(offset).toBeLessThan(5.1e-6);
    }
  }

  test("poses that RELION reports are on the fine grid, perturbed (oracle 11) or not", () => {
    expectOnGrid(particles("04-run_it001_data"), { order: 1, range: 12, step: 4, instance: 0, pixel: 4 });
    const instance = new Perturbation(0.5, 5).next(1);
    expectOnGrid(particles("07-run_it001_data"), { order: 1, range: 8, step: 4, instance, pixel: 4 });
  });

  test("numbers of samples and children", () => {
    const grid = orientationGrid({ order: 2 });
    expect([grid.rot.length, grid.psi.length, angularStep(2)]).toEqual([192, 24, 15]);
    expect(translationGrid(3, 1).x.length).toBe(29);
    expect(orientationGrid({ order: 1, psiStep: 25 }).psi.length).toBe(15);
    for (const levels of [1, 2]) {
      const children = oversampledOrientations(grid, 17, 3, levels);
      expect(children.length).toBe(8 ** levels);
      const meanPsi = children.reduce((sum, { psi }) => sum + psi, 0) / children.length;
      expect(meanPsi).toBeCloseTo(grid.psi[3], 10);
      const shifts = oversampledTranslations(translationGrid(4, 2), 5, levels);
      expect(shifts.length).toBe(4 ** levels);
      expect(shifts.reduce((sum, [dx]) => sum + dx, 0) / shifts.length).toBeCloseTo(
        translationGrid(4, 2).x[5],
        10,
      );
    }
    const shape = { directions: 192, psis: 24, translations: 29 };
    expect(coarseSample(shape, 1, 0, 0, 0)).toBe(192 * 24 * 29);
    expect(fineSample(coarseSample(shape, 0, 0, 1, 2), 1, 7, 3)).toBe(31 * 32 + 31);
  });

  test("tilt limits keep side views or top views", () => {
    const side = orientationGrid({ order: 2, limitTilt: 60 });
    const top = orientationGrid({ order: 2, limitTilt: -60 });
    expect(Array.from(side.tilt).every((tilt) => tilt >= 60 && tilt <= 120)).toBe(true);
    expect(Array.from(top.tilt).every((tilt) => tilt <= 60 || tilt >= 120)).toBe(true);
    // No direction lies at exactly 60 degrees at this order.
    expect(side.tilt.length + top.tilt.length).toBe(192);
  });

  test("bad grids are refused", () => {
    expect(() => orientationGrid({ order: -1 })).toThrow(RangeError);
    expect(() => translationGrid(3, 0)).toThrow(RangeError);
  });
});

describe("RELION's random numbers", () => {
  test("the first values of glibc's rand()", () => {
    // Published many times for srand(1); for srand(42) and srand(0) = srand(1) from the C library.
    const random = new GlibcRandom();
    expect([random.next(), random.next(), random.next()]).toEqual([1804289383, 846930886, 1681692777]);
    random.seed(42);
    expect([random.next(), random.next()]).toEqual([71876166, 708592740]);
    expect(new GlibcRandom(0).next()).toBe(1804289383);
  });

  test("perturbations of seed 5 (oracle 11)", () => {
    const perturbation = new Perturbation(0.5, 5);
    // Printed by RELION 3.1.3 in rlnSamplingPerturbInstance; 6 decimals, 5 for negative values.
    expect(perturbation.instance).toBeCloseTo(0.460047, 6);
    const expected = [-0.256093, 0.115633, 0.453823, -0.24444, 0.147017, -0.3714, 0.075003];
    for (const [index, value] of expected.entries())
      expect(Math.abs(perturbation.next(index + 1) - value)).toBeLessThan(5.1e-6);
    expect(new Perturbation(0, 5).next(1)).toBe(0);
  });

  test("half sets of seed 5 (oracle 26)", () => {
    expect(Array.from(randomHalves(60, 5))).toEqual(
      Array.from(particles("13-run_it001_data").integers("rlnRandomSubset")),
    );
  });

  test("class seeds in the first iteration, and after a cross-correlation iteration (oracle 26)", () => {
    const start = Uint32Array.from({ length: 60 }, (_, i) => i);
    const first = nextParticleOrder(start, 5, 1);
    const classes = (table: StarTable) => Array.from(table.integers("rlnClassNumber"), (k) => k - 1);
    expect(Array.from(classSeeds(first, 5, 2))).toEqual(classes(particles("11-run_it001_data")));
    const second = nextParticleOrder(first, 5, 2);
    expect(Array.from(classSeeds(second, 5, 2))).toEqual(classes(particles("11-kcc_run_it002_data")));
  });

  test("half sets are worked through one after the other; seed 0 keeps the order", () => {
    const halves = Uint8Array.of(1, 2, 2, 1, 2, 1);
    const order = nextParticleOrder(Uint32Array.of(0, 1, 2, 3, 4, 5), 3, 1, halves);
    expect(Array.from(order, (i) => halves[i])).toEqual([1, 1, 1, 2, 2, 2]);
    expect(Array.from(order).sort()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(Array.from(nextParticleOrder(Uint32Array.of(2, 0, 1), 0, 1))).toEqual([2, 0, 1]);
  });

  test("gaussians have mean 0 and deviation 1", () => {
    const random = new GlibcRandom(7);
    const values = Array.from({ length: 20_000 }, () => random.gaussian());
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    // Standard errors are 0.007 and 0.01; the seed is fixed, so this cannot flicker.
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
  });
});
