import { afterAll, beforeAll, expect, it } from "vitest";
import type { CentredArray, Runtime } from "../../src/runtime/contract.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { centredGeometry, centredLength } from "../../src/runtime/tables.js";
import { Random } from "../../src/runtime/verify/harness.js";
import { describeCuda, openTestCuda } from "../support/cuda.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);
console.log(`padded transforms on cuda: seed ${seed} (CRYOTILE_SEED=${seed} repeats it)`);

/** Box, padded box, current size: padding 1 and more, odd boxes, all frequencies and few, lengths with large prime factors. */
const sizes = [
  [12, 24, 12],
  [12, 24, 6],
  [13, 26, 10],
  [16, 16, 16],
  [20, 30, 14],
  [17, 34, 17],
  [38, 76, 20],
] as const;

const product = (shape: readonly number[]) => shape.reduce((all, n) => all * n, 1);

/** Largest difference over the largest number. */
function worst(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  let off = 0;
  let most = 0;
  for (let at = 0; at < expected.length; at++) {
    off = Math.max(off, Math.abs(found[at] - expected[at]));
    most = Math.max(most, Math.abs(expected[at]));
  }
  expect(most).toBeGreaterThan(0);
  return off / most;
}

describeCuda.each([
  // Rounding of about 20 passes of butterflies, 2^-24 and 2^-53 each, the divisor of the map and a sign.
  { precision: "single", bound: 3e-6 },
  { precision: "double", bound: 1e-14 },
] as const)("transforms of padded cubes in $precision precision", ({ precision, bound }) => {
  const reference = openReference();
  let cuda: Runtime;
  beforeAll(async () => {
    cuda = await openTestCuda({ precision });
  });
  afterAll(async () => {
    expect(cuda.memory.held).toEqual([]);
    await cuda.close();
  });

  const put = (
    runtime: Runtime,
    kind: "real" | "complex",
    length: number,
    values: ArrayLike<number> | undefined,
  ) => {
    const buffer = runtime.alloc(kind, "buffer", length);
    // What nothing writes is seen.
    const numbers = kind === "complex" ? 2 * length : length;
    runtime.upload(buffer, values ?? new Float64Array(numbers).fill(Number.NaN));
    return buffer;
  };
  const work = (runtime: Runtime, box: number, paddedBox: number, radius: number) => {
    const declared = runtime.layout.paddedBuffers?.(box, paddedBox, radius) ?? [];
    expect(declared.length).toBe(4);
    return declared.map(({ kind, length }) =>
      kind === "index"
        ? runtime.alloc(kind, "order", length)
        : put(runtime, kind as "complex", length, undefined),
    );
  };

  for (const [box, paddedBox, size] of sizes)
    for (const least of [0, 5])
      it(`map of ${box} in ${paddedBox} to frequencies of ${size}, from ${least}`, async () => {
        const geometry = centredGeometry(box, paddedBox, size);
        const length = centredLength(geometry);
        const values = new Random(seed).normals(box ** 3).map(Math.fround);
        const scale = geometry.padding ** 3 * box;
        const results: ArrayLike<number>[] = [];
        for (const runtime of [reference, cuda]) {
          runtime.push("job");
          const map = put(runtime, "real", box ** 3, values);
          // The second of two arrays; the first stays.
          const before = new Float64Array(4 * length).fill(7);
          const projector: CentredArray = {
            ...geometry,
            classes: 2,
            data: put(runtime, "complex", 2 * length, before),
          };
          const given = { paddedBox, scale, projector, slot: 1, least };
          if (runtime === cuda)
            await cuda.mapToProjector?.({
              ...given,
              map,
              box,
              correct: true,
              work: work(cuda, box, paddedBox, geometry.radius),
            });
          else {
            const shape = [paddedBox, paddedBox, paddedBox];
            const padded = put(runtime, "real", product(shape), undefined);
            const spectrum = put(runtime, "complex", paddedBox ** 2 * (paddedBox / 2 + 1), undefined);
            await runtime.padMap({ map, box, padded, paddedBox, correct: true });
            await runtime.forwardFft(runtime.makeFft(shape, 1), padded, spectrum);
            await runtime.makeProjector({ ...given, spectrum });
          }
          results.push(await runtime.download(projector.data));
          runtime.pop("job");
        }
        expect(Array.from(results[1]).slice(0, 2 * length)).toEqual(new Array(2 * length).fill(7));
        const own = (all: ArrayLike<number>) => Array.from(all).slice(2 * length);
        expect(worst(own(results[1]), own(results[0]))).toBeLessThan(bound);
      });

  for (const [box, paddedBox, size] of sizes)
    it(`frequencies of ${size} in ${paddedBox} to a map of ${box}`, async () => {
      const geometry = centredGeometry(box, paddedBox, size);
      const length = centredLength(geometry);
      const random = new Random(seed + 1);
      const numbers = random.normals(2 * length).map(Math.fround);
      const weights = random.uniforms(length).map(Math.fround);
      const results: ArrayLike<number>[] = [];
      for (const runtime of [reference, cuda]) {
        runtime.push("job");
        const data = put(runtime, "complex", length, numbers);
        const estimate = put(runtime, "real", length, weights);
        const map = put(runtime, "real", box ** 3, undefined);
        const given = { data, estimate, geometry, paddedBox };
        const scale = 1 / paddedBox;
        if (runtime === cuda)
          await cuda.dataToMap?.({
            ...given,
            map,
            box,
            scale,
            work: work(cuda, box, paddedBox, geometry.radius),
          });
        else {
          const shape = [paddedBox, paddedBox, paddedBox];
          const spectrum = put(runtime, "complex", paddedBox ** 2 * (paddedBox / 2 + 1), undefined);
          const padded = put(runtime, "real", product(shape), undefined);
          await runtime.insertData({ ...given, spectrum });
          await runtime.inverseFft(runtime.makeFft(shape, 1), spectrum, padded);
          await runtime.cropMap({ padded, paddedBox, map, box, scale });
        }
        results.push(await runtime.download(map));
        runtime.pop("job");
      }
      expect(worst(results[1], results[0])).toBeLessThan(bound);
    });

  it("takes no cube whose lines do not fit", () => {
    expect(cuda.layout.paddedBuffers?.(2048, 4096, 2049)).toBeUndefined();
    expect(cuda.layout.paddedBuffers?.(360, 720, 361)?.length).toBe(4);
  });
});
