import { describe, expect, it } from "vitest";
import { HeldImages } from "../../src/em/held-images.js";
import { largestBatch, planIteration } from "../../src/em/memory.js";
import { type Refinement, startRefinement } from "../../src/em/refinement.js";
import { nextIteration } from "../../src/em/run-iteration.js";
import { openNodeCpu } from "../../src/runtime/cpu/node.js";
import { tinyPixels } from "../support/golden.js";
import { tinyContext } from "../support/tiny-run.js";

/** Turned so that orientations settle, and the search becomes finer, within a few iterations. */
const automatic = { autoRefine: true, autoIgnoreAngles: true, autoResolAngles: true };

/** Three iterations of the tiny set, with the images on the device where `hold` says so; how often its images were read. */
async function run(hold: readonly boolean[], autoRefine = false) {
  const runtime = await openNodeCpu({ threads: 2, bytes: 2 ** 28 });
  const context = await tinyContext(runtime, { iter: hold.length, autoRefine });
  let reads = 0;
  const images: typeof context.images = {
    batches(particles, size) {
      reads += particles.length;
      return context.images.batches(particles, size);
    },
  };
  const held = new HeldImages(runtime, context.set);
  const half = autoRefine ? Uint8Array.from({ length: context.set.count }, (_, p) => p % 2) : undefined;
  let state: Refinement = await startRefinement(context, [await tinyPixels("ref.mrc")], half);
  const stacks: boolean[] = [];
  for (const wanted of hold) {
    const watch = { chooseBatch: async () => ({ size: 7, keep: "views" as const, hold: wanted }) };
    ({ refinement: state } = await nextIteration({ ...context, images, held }, state, watch));
    stacks.push(held.stack !== undefined);
  }
  await runtime.close();
  return { state, reads: reads / context.set.count, stacks };
}

describe("images that stay on the device", () => {
  it.each([false, true])("give the same bytes, and are read once (half sets: %s)", async (autoRefine) => {
    const sent = await run([false, false, false], autoRefine);
    const held = await run([true, true, true], autoRefine);
    expect([sent.reads, held.reads]).toEqual([3, 1]);
    expect(held.stacks).toEqual([true, true, true]);
    expect(held.state).toEqual(sent.state);
  });

  it("leave when their memory is needed, and come back", async () => {
    const sent = await run([false, false, false]);
    const held = await run([true, false, true]);
    expect(held.stacks).toEqual([true, false, true]);
    expect(held.reads).toBe(3);
    expect(held.state).toEqual(sent.state);
  });

  it("leave within an iteration whose search became finer", async () => {
    const states: Refinement[] = [];
    let released = 0;
    for (const holds of [false, true]) {
      const runtime = await openNodeCpu({ threads: 2, bytes: 2 ** 28 });
      const context = await tinyContext(runtime, { ...automatic, iter: 3 });
      const held = new HeldImages(runtime, context.set);
      const half = Uint8Array.from({ length: context.set.count }, (_, p) => p % 2);
      let state = await startRefinement(context, [await tinyPixels("ref.mrc")], half);
      for (let i = 0; i < 3; i++) {
        const watch = {
          async chooseBatch() {
            // The second choice of an iteration falls while its references are on the device.
            const first = runtime.memory.held.every(({ scope }) => scope === "global");
            if (held.stack !== undefined && !first) released++;
            return { size: 7, keep: "nothing" as const, hold: holds && first };
          },
        };
        ({ refinement: state } = await nextIteration({ ...context, held }, state, watch));
      }
      await runtime.close();
      states.push(state);
    }
    expect(released).toBeGreaterThan(0);
    expect(states[1]).toEqual(states[0]);
  });

  it("are in the plan to the byte, and give way to what saves more", async () => {
    const cpu = await openNodeCpu({ threads: 2, bytes: 2 ** 28 });
    const layout = { ...cpu.layout, holdsImages: true };
    const runtime = { ...cpu, layout };
    const context = await tinyContext(runtime, { iter: 1 });
    const { set } = context;
    const held = new HeldImages(runtime, set);
    let planned = 0;
    let withoutThem = 0;
    const watch = {
      async chooseBatch(input: Parameters<typeof planIteration>[1]) {
        const limits = { slabs: [2 ** 28], maxBufferBytes: 2 ** 28 };
        const found = await largestBatch(layout, input, limits, 7);
        expect(found.batch).toEqual({ size: 7, keep: "views", hold: true });
        planned = found.plan.peak;
        withoutThem = (await planIteration(layout, input, { ...found.batch, hold: false })).peak;
        const tight = await largestBatch(layout, input, { ...limits, slabs: [withoutThem] }, 7);
        expect(tight.batch).toEqual({ size: 7, keep: "views", hold: false });
        return found.batch;
      },
    };
    await nextIteration(
      { ...context, held },
      await startRefinement(context, [await tinyPixels("ref.mrc")]),
      watch,
    );
    const reached = runtime.memory.peak;
    await runtime.close();
    expect(reached).toBe(planned);
    // All images, less those of the batch.
    expect(planned - withoutThem).toBe(4 * (set.count - 7) * set.box ** 2);
  });
});
