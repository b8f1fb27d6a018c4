import { expect, test } from "vitest";
import { binDirections, mollweide } from "../../src/app/report/directions.js";
import { thinned } from "../../src/app/report/figures/cost.js";
import { crossing } from "../../src/app/report/figures/spectra.js";
import { pointGroup } from "../../src/geometry/symmetry.js";

const radians = Math.PI / 180;

test("bins of directions have equal areas, cover the sphere and hold every direction and mate", () => {
  const n = 3000;
  const rot = Array.from({ length: n }, (_, i) => 541 * Math.sin(i));
  const tilt = Array.from({ length: n }, (_, i) => 90 + 200 * Math.sin(7 * i + 1));
  const bins = binDirections(rot, tilt, pointGroup("D3"), 12);
  const areas = bins.map(
    ({ rot: [r0, r1], tilt: [t0, t1] }) =>
      (r1 - r0) * radians * (Math.cos(t0 * radians) - Math.cos(t1 * radians)),
  );
  for (const area of areas) expect(area).toBeCloseTo((4 * Math.PI) / bins.length, 9);
  expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(6 * n);
  expect(bins.reduce((sum, { density }) => sum + density, 0)).toBeCloseTo(bins.length, 6);
});

test("a direction falls into the bin of its angles, its mates into theirs", () => {
  const hit = binDirections([10, 370, 190], [50, 50, -50], pointGroup("C2"), 20).filter(
    ({ count }) => count > 0,
  );
  // The three are one direction; C2 turns it by 180 degrees about z.
  expect(hit.map(({ count }) => count)).toEqual([3, 3]);
  for (const [index, rot] of [-170, 10].entries()) {
    expect(hit[index].rot[0]).toBeLessThanOrEqual(rot);
    expect(hit[index].rot[1]).toBeGreaterThan(rot);
    expect(hit[index].tilt[0]).toBeLessThanOrEqual(50);
    expect(hit[index].tilt[1]).toBeGreaterThan(50);
  }
});

test("Mollweide's projection of known points", () => {
  expect(mollweide(0, 90)).toEqual([0, 0]);
  expect(mollweide(180, 90)[0]).toBeCloseTo(2 * Math.SQRT2, 12);
  expect(mollweide(77, 0)[1]).toBeCloseTo(Math.SQRT2, 6);
  // Half of the area of a hemisphere lies below latitude 30 degrees; the ellipse has area pi * 2 sqrt 2 * sqrt 2.
  const height = mollweide(0, 60)[1];
  const theta = Math.asin(height / Math.SQRT2);
  expect(2 * (2 * theta + Math.sin(2 * theta))).toBeCloseTo(Math.PI, 9);
});

test("a thinned step line keeps its ends, its highest and its lowest point", () => {
  const points = Array.from({ length: 50_000 }, (_, i) => [i, (i * 7919) % 50_021] as const);
  const kept = thinned(points);
  expect(kept.length).toBeLessThanOrEqual(1300);
  const values = (list: typeof points) => list.map(([, value]) => value);
  expect(Math.max(...values([...kept]))).toBe(Math.max(...values(points)));
  expect(Math.min(...values([...kept]))).toBe(Math.min(...values(points)));
  expect([kept[0], kept.at(-1)]).toEqual([points[0], points.at(-1)]);
  for (let i = 1; i < kept.length; i++) expect(kept[i][0]).toBeGreaterThan(kept[i - 1][0]);
});

test("a spectrum is cut where it first falls below the limit", () => {
  expect(crossing([1, 0.9, 0.5, 0.1, 0.6, 0], 0.3)).toBeCloseTo(2.5, 12);
  expect(crossing([1, 0.9, 0.8], 0.3)).toBeUndefined();
});
