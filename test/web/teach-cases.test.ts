import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Case, coarseScores, makeCase, parentsOf } from "../../src/app/small-case/case.js";
import { select } from "../../src/app/small-case/select.js";
import { type Runtime, scoreStrategies } from "../../src/runtime/contract.js";
import { openNodeCpu } from "../../src/runtime/cpu/node.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { cpuTolerances } from "../../src/runtime/tolerances.js";
import { Random } from "../../src/runtime/verify/harness.js";
import { loadShaderFile } from "../../src/runtime/webgpu/node.js";
import { weightsFault } from "../../src/runtime/weights.js";
import { countReads, partCounts, readTiles } from "../../web/src/teach/model/counts.js";
import {
  computeDifferences,
  countedRun,
  fullDifferences,
  poseOf,
  relativeError,
  sampleOf,
} from "../../web/src/teach/model/gsd.js";
import { race } from "../../web/src/teach/model/race.js";
import { caseSizes, mostKept } from "../../web/src/teach/model/state.js";
import { blockAt, partialSums, termsOf } from "../../web/src/teach/model/terms.js";
import { partOf, sumsOver } from "../support/small-cases.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);
const random = new Random(seed);

const data: Case = await makeCase("box64");
const { shape, truth } = data;
const { particles, orientations, translations, pixels } = shape;
const shown = await computeDifferences(openReference(), data);
const full = fullDifferences(shape, shown);

/** Float64 sums of 1,651 terms of about 1, in two orders: 1,651 roundings of 1e-13 at the worst. */
const digits = 9;

describe(`the case of 64 pixels, seed ${seed}`, () => {
  test("is as large as the page says, and float32 holds its numbers", async () => {
    expect(shape).toMatchObject(caseSizes.box64);
    expect((await makeCase("tiny")).shape).toMatchObject(caseSizes.tiny);
    // Half of a disc of radius 32.5 less its origin: shells are rounded.
    expect(Math.abs(pixels - (Math.PI * 32.5 ** 2) / 2)).toBeLessThan(20);
    for (const values of [data.images_ik, data.ctf_ik, data.weights_ik, data.slices_ok, data.projector])
      expect(values.every((value) => Math.fround(value) === value)).toBe(true);
  });

  test("particles are where they were put, but for one", () => {
    const each = parentsOf(shape);
    const found = truth.filter(([o, t], i) => {
      const own = shown.diff2_iot.subarray(i * each, (i + 1) * each);
      return own.indexOf(Math.min(...own)) === sampleOf(shape, 0, o, t);
    });
    expect(found.length).toBe(7);
  });

  test("terms of samples are those of the reference, and add up to its scores", async () => {
    const chosen = Array.from({ length: 4 }, () => random.integer(0, pixels - 1));
    const masked = await Promise.all(chosen.map((k) => sumsOver(data, (one) => one === k)));
    for (let n = 0; n < 40; n++) {
      const sample = random.integer(0, full.length - 1);
      const { i, o, t } = poseOf(shape, sample);
      const terms = termsOf(data, i, o, t);
      expect(terms.reduce((sum, term) => sum + term, 0)).toBeCloseTo(full[sample], digits);
      for (const [at, k] of chosen.entries()) expect(terms[k]).toBeCloseTo(masked[at][sample], digits);
    }
  });

  test("energies and cross terms make the scores", () => {
    for (const [sample, diff2] of shown.diff2_iot.entries())
      expect(
        shown.energy_io[Math.floor(sample / translations)] - shown.cross_iot[sample] - diff2,
      ).toBeCloseTo(0, digits);
    // Formula of the energy, written out for one particle and orientation.
    const [i, o] = [random.integer(0, particles - 1), random.integer(0, orientations - 1)];
    let energy = 0;
    for (let k = 0; k < pixels; k++) {
      const [re, im] = data.slices_ok.subarray(2 * (o * pixels + k), 2 * (o * pixels + k) + 2);
      energy +=
        0.5 * data.weights_ik[i * pixels + k] * data.ctf_ik[i * pixels + k] ** 2 * (re * re + im * im);
    }
    expect(shown.energy_io[i * orientations + o]).toBeCloseTo(energy, digits);
  });

  test.each([
    [32, 0, 0, 32, 32],
    [32, 40, 35, 32, 32],
    [32, 70, 70, 16, 8],
    [128, 79, 71, 80, 72],
  ])("partial sums of a tile of %i at row %i, column %i", async (side, row, column, rows, columns) => {
    const block = blockAt(data, side, row, column);
    expect(block).toMatchObject({ rows, columns });
    const sums = partialSums(data, block);
    for (const to of [16, 16 * random.integer(2, 102), pixels]) {
      const expected = await sumsOver(data, (k) => k < to);
      const found = sums(to);
      for (let n = 0; n < 50; n++) {
        const [r, c] = [random.integer(0, rows - 1), random.integer(0, columns - 1)];
        const j = block.firstColumn + c;
        const sample = sampleOf(shape, Math.floor(j / translations), block.firstRow + r, j % translations);
        expect(found[r * columns + c]).toBeCloseTo(expected[sample], digits);
      }
    }
  });
});

describe("reads of the case of 64 pixels", () => {
  test.each([
    { name: "a full tile", particles: 4, orientations: 32, translations: 8 },
    { name: "the last tile", particles: 2, orientations: 16, translations: 4 },
  ])("$name: the closed form is what was counted lane by lane", async (sizes) => {
    // The last part of the sum is ragged: 43 pixels are two parts and 11 more.
    const some = 43;
    const whole = partOf(data, sizes);
    const cut = (values: Float64Array, per: number) =>
      values.filter((_, at) => Math.floor(at / per) % pixels < some);
    const part: Case = {
      ...whole,
      shape: { ...whole.shape, pixels: some },
      images_ik: cut(whole.images_ik, 2),
      ctf_ik: cut(whole.ctf_ik, 1),
      weights_ik: cut(whole.weights_ik, 1),
      slices_ok: cut(whole.slices_ok, 2),
      xy: whole.xy.slice(0, some),
    };
    const run = await countedRun(loadShaderFile, part, "tiled", { log: true });
    const { tiled } = await readTiles(loadShaderFile);
    const block = blockAt(part, tiled.side, 0, 0);
    const found = Array.from({ length: 3 }, () => ({ global: 0, written: 0, shared: 0 }));
    for (const { space, kind, part: barriers } of run.accesses) {
      // What is read and written after the last part is the result.
      const own = found[barriers >> 1];
      if (own === undefined) continue;
      if (space === "global") own.global += Number(kind === "read");
      else own[kind === "write" ? "written" : "shared"]++;
    }
    expect(found).toEqual([0, 1, 2].map((at) => partCounts(tiled, block, some, at)));
  });

  test("the plain kernel on a part of it", async () => {
    const sizes = { particles: 2, orientations: 3, translations: 4 };
    const part = partOf(data, sizes);
    const { counts } = await countedRun(loadShaderFile, part, "direct");
    const formula = countReads("direct", { ...sizes, pixels }, await readTiles(loadShaderFile));
    const reads = (array: string) =>
      counts.reduce((sum, { buffers }) => sum + (buffers[array]?.reads ?? 0), 0);
    expect(reads("slices")).toBe(formula.diff2_direct.slices);
    expect(reads("images")).toBe(formula.diff2_direct.images);
  });
});

describe("compressed weights of the case of 64 pixels", () => {
  test.each([0.5, 0.9, mostKept.box64 / 1000])("what holds %f of the probability", async (fraction) => {
    const { coarse, weights } = await select(openReference({ bytes: 2 ** 28 }), data, fraction);
    expect(weightsFault(weights)).toBeUndefined();
    const parents = parentsOf(shape);
    for (let i = 0; i < particles; i++) {
      const scores = Array.from(full.subarray(i * parents, (i + 1) * parents));
      const least = Math.min(...scores);
      const expected = scores.map((score) => Math.exp(least - score));
      for (const [at, value] of expected.entries())
        expect(coarse[i * parents + at]).toBeCloseTo(value, digits);
      const order = expected.map((_, at) => at).sort((a, b) => expected[b] - expected[a]);
      const wanted = fraction * expected.reduce((a, b) => a + b, 0);
      const kept: number[] = [];
      for (let mass = 0; mass <= wanted; mass += expected[kept[kept.length - 1]])
        kept.push(order[kept.length]);
      const found = weights.firstSample_g.subarray(weights.start_i[i], weights.start_i[i + 1]);
      expect(Array.from(found, (first) => first / 32)).toEqual(kept.sort((a, b) => a - b));
    }
  });
});

describe("the case of 64 pixels on the cpu runtime", () => {
  let cpu: Runtime;
  beforeAll(async () => {
    cpu = await openNodeCpu();
  });
  afterAll(() => cpu.close());
  test.each(scoreStrategies)("%s", async (strategy) => {
    const found = await coarseScores(cpu, data, strategy);
    expect(relativeError(found, shown.diff2_iot)).toBeLessThan(cpuTolerances.diff2Coarse.bound);
  });

  // Rows and the end come to the page by different ways: an end that overtook a row left the page waiting for ever.
  test("a race ends when each row was received", async () => {
    const received: string[] = [];
    await race(cpu, "small", async ({ strategy, error }) => {
      await new Promise((done) => setTimeout(done, 20));
      expect(error).toBeLessThan(cpuTolerances.diff2Coarse.bound);
      received.push(strategy);
    });
    expect(received).toEqual(scoreStrategies);
  });
});
