import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Scope, scopes, type TraceEvent } from "../../src/runtime/arena.js";
import type { BufferKind, DeviceBuffer, Runtime } from "../../src/runtime/contract.js";
import { formatPlan, planMemory, summariseTrace } from "../../src/runtime/plan.js";
import { openReference, referenceLayout } from "../../src/runtime/reference/index.js";
import { webGpuLayout } from "../../src/runtime/webgpu/index.js";

interface Step {
  readonly action: number;
  readonly kind: BufferKind;
  readonly length: number;
  readonly pick: number;
}

/** A job of random scopes, buffers, transforms and releases. */
async function randomJob(runtime: Runtime, steps: readonly Step[]): Promise<void> {
  const open: { scope: Scope; buffers: DeviceBuffer[] }[] = [{ scope: "global", buffers: [] }];
  for (const { action, kind, length, pick } of steps) {
    const top = open[open.length - 1];
    const level = scopes.indexOf(top.scope);
    if (action < 5) top.buffers.push(runtime.alloc(kind, `${kind} ${length}`, length));
    else if (action === 5) runtime.makeFft([2 + (length % 40), 2 + (length % 40)], 1 + (pick % 3));
    else if (action === 6 && top.buffers.length > 0) {
      const [buffer] = top.buffers.splice(pick % top.buffers.length, 1);
      runtime.free(buffer);
    } else if (action === 7 && level < scopes.length - 1) {
      const scope = scopes[level + 1 + (pick % (scopes.length - 1 - level))];
      runtime.push(scope);
      open.push({ scope, buffers: [] });
    } else if (action === 8 && open.length > 1) {
      runtime.pop(top.scope);
      open.pop();
    }
  }
  for (const { scope } of open.slice(1).reverse()) runtime.pop(scope);
}

const programs = fc.array(
  fc.record({
    action: fc.integer({ min: 0, max: 8 }),
    kind: fc.constantFrom<BufferKind>("real", "complex", "index", "accumulator"),
    length: fc.integer({ min: 1, max: 3000 }),
    pick: fc.nat(100),
  }),
  { maxLength: 60 },
);

describe("memory plan", () => {
  it("equals the trace of the job to the byte", async () => {
    await fc.assert(
      fc.asyncProperty(programs, async (steps) => {
        const events: TraceEvent[] = [];
        const runtime = openReference({ onEvent: (event) => events.push(event) });
        await randomJob(runtime, steps);
        const plan = await planMemory(referenceLayout, (planner) => randomJob(planner, steps));
        expect(plan).toEqual({ ...summariseTrace(events), peak: runtime.memory.peak });
      }),
    );
  });

  it("of a runtime with wider transforms and narrower numbers differs as those do", async () => {
    const job = async (runtime: Runtime) => {
      runtime.push("iteration");
      runtime.alloc("real", "values", 1000);
      runtime.makeFft([34, 34], 2);
      runtime.pop("iteration");
    };
    const gpu = await planMemory(webGpuLayout, job);
    const reference = await planMemory(referenceLayout, job);
    expect(reference.byScope.iteration).toBe(8000);
    const transforms = webGpuLayout.fftBuffers([34, 34], 2).reduce((sum, { length }) => sum + 8 * length, 0);
    expect(gpu.byScope.iteration).toBe(4000 + transforms);
    expect(gpu.peak % 256).toBe(0);
    expect(formatPlan(gpu)).toContain(`${gpu.peak} bytes`);
  });

  it("takes sizes beyond 2^32 without a device, and slabs into account", async () => {
    const job = async (runtime: Runtime) => {
      runtime.alloc("complex", "projector", 3_000_000_000);
      runtime.alloc("real", "map", 1);
    };
    expect((await planMemory(webGpuLayout, job)).peak).toBe(24_000_000_256);
    await expect(planMemory(webGpuLayout, job, { slabs: [2 ** 32, 2 ** 32] })).rejects.toThrow(/projector/);
  });
});
