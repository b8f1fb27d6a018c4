import { describe, expect, it } from "vitest";
import { Checkpoints } from "../../src/em/checkpoint.js";
import type { Keep } from "../../src/em/grid-tables.js";
import type { RefineOptions } from "../../src/em/options.js";
import { type ImageSource, type RefineContext, startRefinement } from "../../src/em/refinement.js";
import { nextIteration } from "../../src/em/run-iteration.js";
import { randomHalves } from "../../src/geometry/random.js";
import type { Runtime } from "../../src/runtime/contract.js";
import { DeviceLostError } from "../../src/runtime/errors.js";
import { tinyPixels } from "../support/golden.js";
import { describeOn, openTestRuntime } from "../support/runtimes.js";
import { tinyContext } from "../support/tiny-run.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);
const particles = 60;
const batch = 7;

/** Images of which no more come after some batches, as when the device is lost. */
const breaking = (images: ImageSource, after: number): ImageSource => {
  let given = 0;
  return {
    async *batches(members, size) {
      for await (const some of images.batches(members, size)) {
        if (given++ === after) throw new DeviceLostError("the device was lost");
        yield some;
      }
    },
  };
};

/** Images that count what is asked of them. */
const counting = (images: ImageSource, count: { value: number }): ImageSource => ({
  async *batches(members, size) {
    for await (const some of images.batches(members, size)) {
      count.value += some.particles.length;
      yield some;
    }
  },
});

const cases: readonly {
  readonly name: string;
  readonly keep: Keep;
  readonly options: Partial<RefineOptions>;
  readonly half?: Uint8Array;
}[] = [
  { name: "two classes, views kept through the iteration", keep: "views", options: { K: 2 } },
  {
    name: "half sets",
    keep: "nothing",
    options: { autoRefine: true, iniHigh: 30, lowResolJoinHalves: 40, perturb: 0.5 },
    half: Uint8Array.from(randomHalves(particles, 5), (h) => h - 1),
  },
];

for (const kind of ["reference", "cpu", "webgpu"] as const)
  describeOn(kind)(`an iteration that lost its device: ${kind}`, () => {
    for (const [number, { name, keep, options, half }] of cases.entries()) {
      const batches =
        half === undefined
          ? Math.ceil(particles / batch)
          : [0, 1].reduce((sum, h) => sum + Math.ceil(half.filter((own) => own === h).length / batch), 0);
      // Not before the first batch is done, and in the second half set every second time.
      const after = 1 + ((seed + 5 * number) % (batches - 1));
      it(`${name}: goes on after ${after} of ${batches} batches to the same bytes (seed ${seed})`, async () => {
        const withRuntime = async <T>(body: (context: RefineContext, runtime: Runtime) => Promise<T>) => {
          const runtime = await openTestRuntime(kind, 2 ** 28);
          try {
            return await body(await tinyContext(runtime, options), runtime);
          } finally {
            await runtime.close();
          }
        };
        const chooseBatch = async () => ({ size: batch, keep, hold: false });
        const { start, whole } = await withRuntime(async (context) => {
          const begun = await startRefinement(context, [await tinyPixels("ref.mrc")], half);
          return { start: begun, whole: await nextIteration(context, begun, { chooseBatch }) };
        });
        const checkpoints = new Checkpoints({ interval: 0, share: Number.POSITIVE_INFINITY });
        const lost = withRuntime((context) =>
          nextIteration({ ...context, images: breaking(context.images, after) }, start, {
            chooseBatch,
            checkpoints,
          }),
        );
        await expect(lost).rejects.toThrow(DeviceLostError);
        expect(checkpoints.at?.iteration).toBe(1);
        const read = { value: 0 };
        const resumed = await withRuntime((context) =>
          nextIteration({ ...context, images: counting(context.images, read) }, start, {
            chooseBatch,
            checkpoints,
          }),
        );
        expect(resumed.refinement).toEqual(whole.refinement);
        expect(resumed.report.done).toBe(particles);
        expect(resumed.report.weightBytes).toEqual(whole.report.weightBytes);
        const inHalf = half?.filter((own) => own === 0).length ?? particles;
        const done = Math.min(after * batch, inHalf) + Math.max(0, after - Math.ceil(inHalf / batch)) * batch;
        expect(read.value).toBe(particles - done);
      }, 120_000);
    }
  });

describe("checkpoints", () => {
  it("are taken by time and size, and used on nothing but the device that they were taken of", async () => {
    const runtime = await openTestRuntime("cpu", 2 ** 26);
    runtime.push("iteration");
    const buffer = runtime.alloc("accumulator", "accumulators", 100);
    await runtime.clear(buffer);
    expect(new Checkpoints({ interval: 60_000 }).due([buffer])).toBe(false);
    expect(new Checkpoints({ interval: 0 }).due([buffer])).toBe(true);
    expect(new Checkpoints({ interval: 0, mostBytes: 2399 }).due([buffer])).toBe(false);
    const checkpoints = new Checkpoints({ interval: 0 });
    const choice = { size: 8, keep: "slices", hold: false } as const;
    const other = { ...runtime, capabilities: { ...runtime.capabilities, device: "another" } };
    for (const [found, iteration, on, asked] of [
      [true, 3, runtime, { ...choice, size: 4 }],
      [false, 4, runtime, choice],
      [false, 3, runtime, { ...choice, keep: "views" }],
      [false, 3, other, choice],
    ] as const) {
      await checkpoints.take(runtime, choice, [buffer], { iteration: 3 } as never);
      expect(checkpoints.find(iteration, on, asked) !== undefined).toBe(found);
      expect(checkpoints.at !== undefined).toBe(found);
    }
    runtime.pop("iteration");
    await runtime.close();
  });

  it("bring accumulators back bit for bit, whatever the bits stand for", async () => {
    for (const kind of ["cpu", "webgpu"] as const) {
      const runtime = await openTestRuntime(kind, 2 ** 27).catch(() => undefined);
      if (runtime === undefined) continue;
      runtime.push("iteration");
      // More than is read back in one piece.
      const words = 6 * 800_000;
      const [from, to] = ["a", "b"].map((name) => runtime.alloc("accumulator", name, words / 6));
      let value = seed >>> 0;
      const bits = Uint32Array.from({ length: words }, () => {
        value = (Math.imul(value, 1664525) + 1013904223) >>> 0;
        return value;
      });
      runtime.upload(from, new Float32Array(bits.buffer));
      const checkpoints = new Checkpoints({ interval: 0 });
      const choice = { size: 1, keep: "nothing", hold: false } as const;
      await checkpoints.take(runtime, choice, [from], { iteration: 1 } as never);
      checkpoints.restore(runtime, [to]);
      const found = await runtime.download(to);
      const bytes = (values: ArrayBufferView) =>
        Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      expect(bytes(found).equals(bytes(bits))).toBe(true);
      runtime.pop("iteration");
      await runtime.close();
    }
  });
});

it(`a device that is lost at any read-back is told as such (seed ${seed})`, async () => {
  const half = Uint8Array.from(randomHalves(particles, 5), (h) => h - 1);
  const chooseBatch = async () => ({ size: 30, keep: "views" as const, hold: false });
  /** One iteration on a device that answers so many read-backs; returns how many were asked for. */
  const iterate = async (answers: number): Promise<number> => {
    const runtime = await openTestRuntime("cpu", 2 ** 27);
    let asked = 0;
    const weak: Runtime = {
      ...runtime,
      async download(...range) {
        if (asked++ === answers) throw new DeviceLostError("the device was lost");
        return runtime.download(...range);
      },
    };
    try {
      const context = await tinyContext(weak, { autoRefine: true, iniHigh: 30, firstIterCc: false });
      const begun = await startRefinement(context, [await tinyPixels("ref.mrc")], half);
      await nextIteration(context, begun, { chooseBatch });
      return asked;
    } finally {
      await runtime.close();
    }
  };
  const all = await iterate(Number.POSITIVE_INFINITY);
  expect(all).toBeGreaterThan(20);
  for (let n = 0; n < all; n += 1 + (seed % 7))
    await expect(iterate(n), `${n}`).rejects.toThrow(DeviceLostError);
}, 180_000);
