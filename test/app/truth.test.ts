import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { rotationAngle, scorePoses } from "../../bench/truth.js";
import { createFile } from "../../src/formats/node.js";
import { StarTable, writeStar } from "../../src/formats/star/index.js";
import { eulerToMatrix, type Matrix3, matrixToEuler, multiply } from "../../src/geometry/euler.js";
import { axisRotation, pointGroup } from "../../src/geometry/symmetry.js";

const folder = mkdtempSync(join(tmpdir(), "cryotile-truth-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const degree = Math.PI / 180;
const count = 101;
/** Directions of a golden spiral; in-plane angles that do not repeat. */
const truths = Array.from({ length: count }, (_, i) =>
  eulerToMatrix((137.5 * i) % 360, Math.acos(1 - (2 * i + 1) / count) / degree, (77.7 * i) % 360),
);

async function write(name: string, poses: readonly Matrix3[], stack: string): Promise<string> {
  const angles = poses.map(matrixToEuler);
  const table = StarTable.fromColumns("particles", {
    rlnImageName: poses.map((_, i) => `${String(i + 1).padStart(6, "0")}@${stack}`),
    rlnAngleRot: Float64Array.from(angles, ({ rot }) => rot),
    rlnAngleTilt: Float64Array.from(angles, ({ tilt }) => tilt),
    rlnAnglePsi: Float64Array.from(angles, ({ psi }) => psi),
  });
  const sink = await createFile(join(folder, name));
  await writeStar({ blocks: [table] }, sink);
  await sink.commit();
  return join(folder, name);
}

test("the angle of a rotation is that about its axis", () => {
  const turned = multiply(truths[7], axisRotation([1, 2, -3], 0.3));
  expect(rotationAngle(truths[7], turned)).toBeCloseTo(0.3 / degree, 9);
});

test("errors of poses: symmetry mates are the same, a turn of the whole map without symmetry counts for nothing", async () => {
  // Particle i is off by (i + 0.5) / 10 degrees, to either side.
  const off = truths.map((pose, i) =>
    multiply(
      axisRotation([Math.sin(i), Math.cos(i), 0.5], (i % 2 === 0 ? 0.1 : -0.1) * (i + 0.5) * degree),
      pose,
    ),
  );
  const truth = await write("truth.star", truths, "stacks/a.mrcs");
  const d2 = pointGroup("D2");
  const mates = off.map((pose, i) => multiply(pose, d2.operators[i % 4]));
  const symmetric = await scorePoses(truth, await write("mates.star", mates, "elsewhere/a.mrcs"), d2);
  expect(symmetric.median).toBeCloseTo(5.05, 3);
  expect(symmetric.within5).toBeCloseTo(50 / 101, 2);
  expect(symmetric.errors.at(-1)).toBeCloseTo(10.05, 3);

  const turned = off.map((pose) => multiply(pose, axisRotation([1, 1, 0], 8 * degree)));
  const free = await scorePoses(truth, await write("turned.star", turned, "a.mrcs"), pointGroup("C1"));
  // The mean turn is known to the scatter of the better particles, 3 degrees, over the root of their number.
  expect(Math.abs(free.median - 5.05)).toBeLessThan(0.5);
});
