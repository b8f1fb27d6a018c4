import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createMrc } from "../../src/formats/mrc/index.js";
import { memorySink } from "../../src/formats/source.js";
import type { GivenFile } from "../../web/src/job/given-files.js";
import { surveyFiles } from "../../web/src/job/survey.js";
import { tinyFolder } from "../support/tiny-job.js";

const folder = tinyFolder();

const given = (name: string, bytes: Uint8Array<ArrayBuffer> | string): GivenFile => ({
  path: `input/${name}`,
  file: new File([bytes], name),
});
const bytesOf = (name: string) => new Uint8Array(readFileSync(join(folder, name)));
const starText = () => readFileSync(join(folder, "parts.star"), "utf8");

/** The stack with the values of its images replaced. */
function stackOf(value: (at: number, before: number) => number): GivenFile {
  const bytes = bytesOf("noisy.mrcs");
  const values = new DataView(bytes.buffer, 1024);
  for (let at = 0; at < values.byteLength / 4; at++)
    values.setFloat32(4 * at, value(at, values.getFloat32(4 * at, true)), true);
  return given("noisy.mrcs", bytes);
}

async function volume(name: string, [width, height, count]: readonly number[], pixelSize: number) {
  const sink = memorySink(name);
  const writer = await createMrc(sink, { kind: "volume", width, height, count, mode: 2, pixelSize });
  await writer.write(new Float32Array(width * height * count));
  await writer.finish();
  return given(name, new Uint8Array(sink.bytes()));
}

const parts = () => given("parts.star", starText());

test.each([
  ["are all alike", () => stackOf(() => 0)],
  ["hold pixels that are no numbers", () => stackOf((at, before) => (at % 1000 === 0 ? Number.NaN : before))],
])("images that %s tell no diameter", async (_, stack) => {
  const { particles } = await surveyFiles([parts(), stack()]);
  expect(particles).toHaveLength(1);
  expect(particles[0].diameter).toBeUndefined();
});

test("images of another box than the STAR file says are a problem", async () => {
  const text = starText().replace("4.000000 32 2", "4.000000 24 2");
  const { particles, problems } = await surveyFiles([
    given("parts.star", text),
    given("noisy.mrcs", bytesOf("noisy.mrcs")),
  ]);
  expect(particles).toEqual([]);
  expect(problems[0].message).toBe("noisy.mrcs: images of 32 pixels, but rlnImageSize is 24");
});

test("images that are not square are a problem, however many pixels they have", async () => {
  const stack = bytesOf("noisy.mrcs");
  const header = new DataView(stack.buffer);
  for (const [word, value] of [
    [0, 16],
    [1, 64],
    [7, 16],
    [8, 64],
  ])
    header.setInt32(4 * word, value, true);
  const { particles, problems } = await surveyFiles([parts(), given("noisy.mrcs", stack)]);
  expect(particles).toEqual([]);
  expect(problems[0].message).toBe("noisy.mrcs: images of 16 x 64 pixels, but rlnImageSize is 32");
});

test("an image with pixels that are no numbers hides nothing of the others", async () => {
  const whole = await surveyFiles([parts(), stackOf((_, before) => before)]);
  const spoilt = await surveyFiles([parts(), stackOf((at, before) => (at < 500 ? Number.NaN : before))]);
  const [before, after] = [whole.particles[0], spoilt.particles[0]];
  expect(after.diameter).toBeGreaterThan(0);
  // One image of many moves the edge by a ring at most: 4 A on both sides, then steps of 5 A.
  expect(Math.abs((after.diameter ?? 0) - (before.diameter ?? 0))).toBeLessThanOrEqual(15);
  expect(after.preview?.filter(Number.isNaN)).toHaveLength(500);
});

test("stacks are found by paths with backslashes", async () => {
  const text = starText().replaceAll("@noisy.mrcs", "@D:\\set\\Extract\\noisy.mrcs");
  expect(text).toContain("\\noisy.mrcs");
  const { particles } = await surveyFiles([
    given("parts.star", text),
    given("Extract/noisy.mrcs", bytesOf("noisy.mrcs")),
    given("Class2D/noisy.mrcs", new Uint8Array(1)),
  ]);
  expect(particles[0].missing).toEqual([]);
});

test("of the iterations of a job the newest comes first", async () => {
  const names = ["run_it002_data.star", "run_it010_data.star", "run_it009_data.star"];
  const { particles } = await surveyFiles(names.map((name) => given(name, starText())));
  expect(particles.map(({ path }) => path)).toEqual([
    "input/run_it010_data.star",
    "input/run_it009_data.star",
    "input/run_it002_data.star",
  ]);
});

test("a voltage that the STAR file does not tell is not told", async () => {
  const stack = given("noisy.mrcs", bytesOf("noisy.mrcs"));
  const told = await surveyFiles([parts(), stack]);
  expect(told.particles[0].voltage).toBe(300);
  const text = starText().replace("_rlnVoltage", "_rlnOther");
  const { particles } = await surveyFiles([given("parts.star", text), stack]);
  expect(particles[0].voltage).toBeUndefined();
});

test("maps that cannot be a start are counted, and a map is found among many micrographs", async () => {
  const micrographs = Array.from({ length: 100 }, (_, i) =>
    given(`mic${i}.mrc`, bytesOf("noisy.mrcs").slice(0, 2048)),
  );
  const { maps, otherVolumes } = await surveyFiles([
    parts(),
    given("noisy.mrcs", bytesOf("noisy.mrcs")),
    ...micrographs,
    await volume("flat.mrc", [32, 32, 31], 4),
    await volume("map.mrc", [32, 32, 32], 4),
  ]);
  expect(maps).toEqual([{ path: "input/map.mrc", box: 32, pixelSize: 4 }]);
  expect(otherVolumes).toBe(1);
});
