import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { type Case, childrenOf, makeCase, parentsOf } from "../../src/app/small-case/case.js";
import { select } from "../../src/app/small-case/select.js";
import { scopes } from "../../src/runtime/arena.js";
import { scoreStrategies } from "../../src/runtime/contract.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { replayFirstFit, replayStack } from "../../src/runtime/replay.js";
import { parseTrace } from "../../src/runtime/trace.js";
import { loadShaderFile } from "../../src/runtime/webgpu/node.js";
import { weightsFault } from "../../src/runtime/weights.js";
import {
  computeDifferences,
  countedRun,
  type Differences,
  poseOf,
  readsOf,
  relativeError,
  sampleOf,
} from "../../web/src/teach/model/gsd.js";
import {
  heldAfter,
  layOut,
  mixedLifetimes,
  nestedLifetimes,
  programCapacity,
  record,
  replayTo,
} from "../../web/src/teach/model/memory.js";
import { envelope, lives } from "../../web/src/teach/model/outline.js";
import {
  checkPeak,
  checkScope,
  checkTile,
  checkTileIndex,
  spoiltLine,
  tileLine,
} from "../../web/src/teach/model/puzzles.js";
import { blockAt, partialSums, termsOf } from "../../web/src/teach/model/terms.js";
import { breakEven, elementOf, finer, globalSearch, layoutBytes } from "../../web/src/teach/model/weights.js";
import { sumsOver } from "../support/small-cases.js";
import { keptTrace, recordRefinement } from "../support/teach-trace.js";
import { asked, largest, total, wall } from "../support/traces.js";

const data: Case = await makeCase();
const shown: Differences = await computeDifferences(openReference(), data);
const { shape, truth } = data;
const { particles, orientations, translations, pixels } = shape;
const samples = particles * orientations * translations;
const [parents, children] = [parentsOf(shape), childrenOf(shape)];

/** 1/2 w |C S - X e|^2 of a pixel, written out. */
function term(sample: number, k: number): number {
  const { i, o, t } = poseOf(shape, sample);
  const [x, y] = data.xy[k];
  const [dx, dy] = [data.translations_t2[2 * t], data.translations_t2[2 * t + 1]];
  const angle = (-2 * Math.PI * (x * dx + y * dy)) / 16;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const [re, im] = [data.images_ik[2 * (i * pixels + k)], data.images_ik[2 * (i * pixels + k) + 1]];
  const factor = data.ctf_ik[i * pixels + k];
  const [sr, si] = [data.slices_ok[2 * (o * pixels + k)], data.slices_ok[2 * (o * pixels + k) + 1]];
  const [dr, di] = [factor * sr - (re * c - im * s), factor * si - (re * s + im * c)];
  return 0.5 * data.weights_ik[i * pixels + k] * (dr * dr + di * di);
}

/** Float64 sums of 32 terms of a few units. */
const digits = 10;

describe("squared differences", () => {
  test("the case has 32 pixels, and the particles are near where they were put", () => {
    expect(data.xy).toHaveLength(32);
    for (const values of [data.images_ik, data.ctf_ik, data.weights_ik, data.slices_ok, data.projector])
      expect(values.every((value) => Math.fround(value) === value)).toBe(true);
    const best = Array.from({ length: particles }, (_, i) => {
      const own = shown.diff2_iot.subarray(sampleOf(shape, i, 0, 0), sampleOf(shape, i + 1, 0, 0));
      return poseOf(shape, own.indexOf(Math.min(...own)));
    });
    expect([best[0].o, best[0].t]).toEqual(truth[0]);
    expect([best[1].o, best[1].t]).toEqual(truth[1].map((_, n) => (n === 0 ? 4 : 2)));
  });

  test("every term, every sum and every part is the formula written out", async () => {
    const terms_k = await Promise.all(
      Array.from({ length: pixels }, (_, k) => sumsOver(data, (one) => one === k)),
    );
    const all = blockAt(data, 32, 0, 0);
    expect(all).toEqual({ firstRow: 0, rows: 6, firstColumn: 0, columns: 12 });
    const sumsTo = partialSums(data, all);
    for (let sample = 0; sample < samples; sample++) {
      const { i, o, t } = poseOf(shape, sample);
      const written = Array.from({ length: pixels }, (_, k) => term(sample, k));
      const drawn = termsOf(data, i, o, t);
      written.forEach((value, k) => {
        expect(drawn[k]).toBeCloseTo(value, digits);
        expect(terms_k[k][sample]).toBeCloseTo(value, digits);
      });
      const sum = written.reduce((a, b) => a + b, 0);
      expect(shown.diff2_iot[sample] + shown.constant_i[i]).toBeCloseTo(sum, digits);
      const energy = shown.energy_io[i * orientations + o];
      expect(energy - shown.cross_iot[sample] + shown.constant_i[i]).toBeCloseTo(sum, digits);
      const cell = o * all.columns + i * translations + t;
      expect(sumsTo(16)[cell]).toBeCloseTo(
        written.slice(0, 16).reduce((a, b) => a + b, 0),
        digits,
      );
      expect(sumsTo(pixels)[cell]).toBeCloseTo(sum, digits);
    }
  });

  test.each(scoreStrategies)("%s kernels give these scores, and reads are as told", async (strategy) => {
    const run = await countedRun(loadShaderFile, data, strategy, { log: true });
    expect(relativeError(run.diff2_iot, shown.diff2_iot)).toBeLessThan(1e-13);
    const slices = readsOf(run, "slices", orientations * pixels);
    // Direct: once for every particle and translation. Tiled: the tile holds all columns. Gemm: clamped rows read the last one again.
    if (strategy === "direct") expect(new Set(slices)).toEqual(new Set([particles * translations]));
    if (strategy === "tiled") expect(new Set(slices)).toEqual(new Set([1]));
    const launch = run.counts.filter(({ kernel }) => kernel.startsWith("diff2_"));
    const counted = launch.reduce((sum, { buffers }) => sum + buffers.slices.reads, 0);
    expect(slices.reduce((sum, reads) => sum + reads, 0)).toBe(counted);
  });
});

describe("memory", () => {
  test("the trace of the page is that of a refinement now, and its peak was planned", async () => {
    const text = await keptTrace();
    const kept = parseTrace(text, "refinement.json");
    const { trace, planned } = await recordRefinement();
    const timeless = (events: typeof trace.events) => events.map((event) => ({ ...event, time: 0 }));
    expect(timeless(kept.events)).toEqual(timeless(trace.events));
    expect(JSON.parse(text).planned).toBe(planned);
    const layout = layOut(kept);
    expect(layout.peak).toBe(planned);
    expect([...layout.tops]).toEqual(kept.events.map(({ top }) => top));
  });

  test("blocks never overlap and lie under the top", async () => {
    const layout = layOut(parseTrace(await keptTrace(), "refinement.json"));
    for (let event = 0; event < layout.tops.length; event += 7) {
      let end = 0;
      for (const { offset, padded } of heldAfter(layout, event)) {
        expect(offset).toBeGreaterThanOrEqual(end);
        end = offset + padded;
      }
      expect(end).toBe(layout.tops[event]);
    }
  });

  test("pictures of long traces cover what those of all events do, with far fewer pieces", async () => {
    const layout = layOut(parseTrace(await keptTrace(), "refinement.json"));
    expect(lives(layout.blocks, 1)).toHaveLength(layout.blocks.length);
    expect(envelope(layout.tops, 1).map(({ value }) => value)).toEqual([...layout.tops]);
    const step = 40;
    const drawn = lives(layout.blocks, step);
    expect(drawn.length).toBeLessThan(layout.blocks.length / 2);
    for (const { from, to, offset, padded } of layout.blocks)
      expect(
        drawn.some(
          (one) => one.from <= from && one.to >= to && one.low <= offset && one.high >= offset + padded,
        ),
      ).toBe(true);
    const line = envelope(layout.tops, step);
    expect(line.length).toBeLessThanOrEqual(2 * Math.ceil(layout.tops.length / step));
    for (let first = 0; first < layout.tops.length; first += step) {
      const own = layout.tops.slice(first, first + step);
      const found = line.filter(({ at }) => first <= at && at < first + step).map(({ value }) => value);
      expect([Math.min(...found), Math.max(...found)]).toEqual([Math.min(...own), Math.max(...own)]);
    }
    // No rectangle is higher than the peak of what it covers.
    for (const { from, to, high } of drawn)
      expect(high).toBeLessThanOrEqual(
        Math.max(...layout.tops.slice(Math.floor(from / step) * step, Math.ceil(to / step) * step)),
      );
  });

  test("the published failure: bytes asked, largest hole, free in all", () => {
    const name = "published-failure.json";
    const text = readFileSync(resolve(import.meta.dirname, "../../web/src/teach/traces", name), "utf8");
    expect(text).toBe(readFileSync(resolve(import.meta.dirname, "../golden/memory", name), "utf8"));
    const trace = parseTrace(text, name);
    const found = replayTo(trace, total + wall, "first-fit", trace.events.length - 1);
    expect(found.failure).toEqual({ event: 4, name: "request", asked });
    expect([found.largestFree, found.totalFree]).toEqual([largest, total]);
    // What the page says: even without holes it would not have fitted.
    expect(asked - total).toBe(4_998_656);
  });

  test.each([
    ["mixed", mixedLifetimes()],
    ["nested", nestedLifetimes()],
  ])("the last state of the %s program is that of the production replay", (_, trace) => {
    const last = trace.events.length - 1;
    for (const [policy, result] of [
      ["first-fit", replayFirstFit(trace, programCapacity)],
      ["stack", replayStack(trace, programCapacity)],
    ] as const) {
      const { failure, largestFree, totalFree } = replayTo(trace, programCapacity, policy, last);
      expect(failure === undefined).toBe(result.failure === undefined);
      if (failure !== undefined) expect(result.failure).toEqual({ ...failure, largestFree, totalFree });
    }
  });

  test("the free list passes over a hole that fits exactly, as RELION's does, and takes a larger one", () => {
    const trace = record((arena) => {
      const blocks = [1, 1, 2, 1].map((size, n) => arena.alloc(`block ${n}`, 512 * size));
      arena.free(blocks[0]);
      arena.free(blocks[2]);
      arena.alloc("one", 512);
    });
    const { held } = replayTo(trace, 512 * 6, "first-fit", trace.events.length - 1);
    expect(held.find(({ name }) => name === "one")?.offset).toBe(2 * 512);
  });

  test("mixed lifetimes fail with room to spare; nested ones fit the same memory", () => {
    const mixed = replayFirstFit(mixedLifetimes(), programCapacity);
    expect(mixed.failure?.totalFree).toBeGreaterThan(mixed.failure?.asked as number);
    expect(mixed.failure?.largestFree).toBeLessThan(mixed.failure?.asked as number);
    expect(replayStack(nestedLifetimes(), programCapacity).failure).toBeUndefined();
  });
});

describe("compressed weights", () => {
  test.each([0.5, 0.9, 0.999, 0.9999])(
    "what holds %f of the probability is kept, and no more",
    async (fraction) => {
      const { coarse, weights } = await select(openReference(), data, fraction);
      expect(weightsFault(weights)).toBeUndefined();
      for (let i = 0; i < particles; i++) {
        const scores = Array.from(shown.diff2_iot.subarray(i * parents, (i + 1) * parents));
        const least = Math.min(...scores);
        const expected = scores.map((score) => Math.exp(least - score));
        expected.forEach((value, at) => {
          expect(coarse[i * parents + at]).toBeCloseTo(value, 12);
        });
        const sum = expected.reduce((a, b) => a + b, 0);
        const order = expected.map((_, at) => at).sort((a, b) => expected[b] - expected[a]);
        const kept: number[] = [];
        for (
          let mass = 0;
          kept.length < parents && mass <= fraction * sum;
          mass += expected[kept[kept.length - 1]]
        )
          kept.push(order[kept.length]);
        const found = weights.firstSample_g.subarray(weights.start_i[i], weights.start_i[i + 1]);
        expect(Array.from(found, (first) => first / children)).toEqual(kept.sort((a, b) => a - b));
        const own = weights.values_gs.subarray(
          children * weights.start_i[i],
          children * weights.start_i[i + 1],
        );
        expect(Math.max(...own)).toBe(1);
      }
    },
  );

  test("an element names its particle, parent and child", async () => {
    const { weights } = await select(openReference(), data, 0.999);
    for (const [group, first] of weights.firstSample_g.entries()) {
      const element = elementOf(shape, weights, group * children + 13);
      const particle = weights.start_i.findLastIndex((start) => start <= group);
      expect(element).toMatchObject({ group, particle, rotation: 3, shift: 1, sample: first + 13 });
      expect(element.orientation * translations + element.translation).toBe(element.parent);
      const [x, y] = data.poses.subarray(5 * element.sample + 3, 5 * element.sample + 5);
      const t = element.translation * 4 + element.shift;
      expect([x, y]).toEqual([data.childTranslations_t2[2 * t], data.childTranslations_t2[2 * t + 1]]);
    }
  });

  test("bytes are those of formula 4.1, and the layouts break even where the paper says", () => {
    const { orientations: o, translations: t } = globalSearch;
    expect(shape).toMatchObject(finer);
    expect(layoutBytes(1000, o * t, 4)).toEqual({ dense: 212_336_640, pairs: 256_000, grouped: 132_000 });
    expect(layoutBytes(7, 10, 8)).toEqual({ dense: 2560, pairs: 2688, grouped: 1820 });
    const shares = ([4, 8] as const).map((bytes) => [breakEven("pairs", bytes), breakEven("grouped", bytes)]);
    expect(shares.flat().map((share) => share.toFixed(2))).toEqual(["0.50", "0.97", "0.67", "0.98"]);
  });
});

describe("puzzles", () => {
  test("a wrong tile index is found out, any right one is taken", async () => {
    const check = (line: string) => checkTileIndex(loadShaderFile, data, shown.diff2_iot, line);
    expect((await check(spoiltLine)).solved).toBe(false);
    expect((await check(tileLine)).solved).toBe(true);
    expect((await check("let at = entry / depth + (tile + 1u) * (entry % depth);")).solved).toBe(true);
    const outside = await check("let at = 600u;");
    expect(outside).toMatchObject({ solved: false });
    expect(outside.findings[0].values.problem).toContain("tile_s[600]");
    expect((await check("let at = entry %;")).findings[0].values.problem).toContain("missing");
  });

  test.each([
    // What a graphics card would refuse to compile is not right, even where its numbers are.
    ["let at = f32((entry % depth) * (tile + 1u) + entry / depth);", "f32 is not an index"],
    ["let at: i32 = (entry % depth) * (tile + 1u) + entry / depth;", "at is declared i32 and gets u32"],
    // A pattern of String.replace for the line that it replaces.
    ["$&", "Expected"],
    ['let at = "a";', "not WGSL"],
    // Each of these would hold up the page for ever.
    ["let at = 0u; for (;;) {}", "a loop does not end"],
    ["entry = 0u; let at = 0u;", "a loop does not end"],
    ["let at = 0u; for (;;) { workgroupBarrier(); }", "a loop does not end"],
  ])("%s is refused", async (line, problem) => {
    const verdict = await checkTileIndex(loadShaderFile, data, shown.diff2_iot, line);
    expect(verdict.solved).toBe(false);
    expect(verdict.findings[0].values.problem).toContain(problem);
  });

  test("only the line that the puzzle changes is the kernel's", async () => {
    const text = await loadShaderFile("diff2_tiled.wgsl");
    expect(text.split(tileLine)).toHaveLength(2);
  });

  test("a tile that fits", () => {
    // (64 + 1) x 12 x 20 = 15600 bytes; (64 + 1) x 16 x 20 = 20800; a side of 32 reads slices 32 times less often.
    expect(checkTile(64, 12).solved).toBe(true);
    expect(checkTile(64, 16)).toMatchObject({
      solved: false,
      findings: [{ fact: "tooLarge", values: { bytes: 20800, over: 4416 } }, { fact: "fewerReads" }],
    });
    expect(checkTile(32, 16).solved).toBe(false);
  });

  test("the peak of a program", () => {
    // Multiples of 256: 4096 + 3072 + 1024 + 2048 + 1536; images lie under scores and stay below the top.
    expect(checkPeak(11776).solved).toBe(true);
    expect(checkPeak(11620).findings[0].fact).toBe("unaligned");
    expect(checkPeak(13668).findings[0].fact).toBe("sumOfRequests");
    expect([checkPeak(20000), checkPeak(1)].map(({ solved }) => solved)).toEqual([false, false]);
  });

  test("the scope of sums over batches", () => {
    expect(scopes.filter((scope) => checkScope(scope).solved)).toEqual(["iteration"]);
    expect(checkScope("job").findings[0].fact).toBe("sumsLost");
    expect(checkScope("global").findings[1].fact).toBe("bytesLeft");
  });
});
