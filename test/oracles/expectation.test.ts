import { beforeAll, describe, expect, it } from "vitest";
import { InitialNoise } from "../../src/em/images.js";
import type { TraceEvent } from "../../src/runtime/arena.js";
import type { Runtime, RuntimeLayout } from "../../src/runtime/contract.js";
import { cpuLayout } from "../../src/runtime/cpu/index.js";
import { planMemory, summariseTrace } from "../../src/runtime/plan.js";
import { openReference, referenceLayout } from "../../src/runtime/reference/index.js";
import { outputError } from "../../src/runtime/verify/harness.js";
import { webGpuLayout } from "../../src/runtime/webgpu/index.js";
import { goldenTable, tinyPixels } from "../support/golden.js";
import { difference, openTestCpu } from "../support/runtimes.js";
import { box, pixelSize, search, searchTinySet } from "../support/tiny-search.js";
import { describeWebGpu, openTestGpu } from "../support/webgpu.js";

const capacity = { groups: 2000, runs: 1000, blockViews: 300 };
type Found = Awaited<ReturnType<typeof searchTinySet>>;

/** Angles, offsets (A) of a fine sample. */
function poseOf(sample: number) {
  const coarse = Math.floor(sample / search.children);
  const child = sample % search.children;
  const translations = search.translations.x.length;
  const angles = search.coarse[Math.floor(coarse / translations)].children[child >> 2];
  const [x, y] = search.shifts[coarse % translations][child & 3];
  return { ...angles, x, y };
}

const range = [24, 36] as const;

/** The step on the float64 runtime, with its trace and the noise spectra that it started from. */
async function onReference() {
  const reference = openReference();
  const noise = new InitialNoise(reference, box, 2, { radius: 45 / pixelSize, width: 5 });
  await noise.add(
    await tinyPixels("noisy.mrcs.gz"),
    Array.from({ length: 60 }, (_, i) => (i < 30 ? 0 : 1)),
  );
  const sigma2 = await noise.finish();
  await reference.close();
  const events: TraceEvent[] = [];
  const runtime = openReference({ onEvent: (event) => events.push(event) });
  const found = await searchTinySet(runtime, sigma2, range, capacity);
  await runtime.close();
  return { sigma2, events, found };
}
const { sigma2, events, found } = await onReference();

describe("expectation step of the tiny set (oracle 8)", () => {
  it("finds relion_refine's poses, significant samples and probabilities", () => {
    const table = goldenTable("relion/04-run_it001_data.star", "particles");
    const column = (label: string) => table.numbers(`rln${label}`).slice(...range);
    const poses = Array.from(found.bestSample, poseOf);
    const [rot, tilt, psi] = ["AngleRot", "AngleTilt", "AnglePsi"].map(column);
    const [x, y] = ["OriginXAngst", "OriginYAngst"].map(column);
    for (const [i, pose] of poses.entries()) {
      expect(pose.rot).toBeCloseTo(rot[i], 4);
      expect(pose.tilt).toBeCloseTo(tilt[i], 4);
      expect(pose.psi).toBeCloseTo(psi[i], 4);
      expect(pose.x).toBeCloseTo(x[i], 5);
      expect(pose.y).toBeCloseTo(y[i], 5);
    }
    expect(Array.from(found.significant)).toEqual(Array.from(column("NrOfSignificantSamples")));
    // At the full size of a tiny box RELION's handful of pixels on the edge decides by rounding: 2e-3 is the agreement that is known.
    expect(difference(found.maxProbability, column("MaxValueProbDistribution"))).toBeLessThan(2e-3);
  });

  it("keeps weights that sum to one and runs that hold them", () => {
    expect(found.status[0]).toBe(0);
    for (let i = 0; i < 12; i++) {
      const mass = found.runWeight
        .subarray(found.runStart[i], found.runStart[i + 1])
        .reduce((sum, w) => sum + w, 0);
      expect(mass).toBeCloseTo(found.moments[4 * i], 12);
      expect(mass).toBeGreaterThan(0.999);
      expect(mass).toBeLessThanOrEqual(1 + 1e-12);
    }
    expect(found.weightBytes.compressed).toBeLessThan(found.weightBytes.dense / 50);
  });

  it("takes the memory that its plan says, to the byte", async () => {
    const plan = await planMemory(referenceLayout, (runtime) =>
      searchTinySet(runtime, sigma2, range, capacity),
    );
    const trace = summariseTrace(events);
    expect(plan.byScope).toEqual(trace.byScope);
    expect(plan.buffers).toEqual(trace.buffers);
    expect(plan.peak).toBe(Math.max(...events.map(({ top }) => top)));
    expect(plan.peak).toBeGreaterThan(1e6);
  });
});

type Opened = { layout: RuntimeLayout; open: (onEvent: (event: TraceEvent) => void) => Promise<Runtime> };
const webgpu: Opened = {
  layout: webGpuLayout,
  open: (onEvent) => openTestGpu({ limits: "default", bytes: 2 ** 28, onEvent }),
};
const cpu: Opened = { layout: cpuLayout, open: (onEvent) => openTestCpu({ bytes: 2 ** 28, onEvent }) };

function float32Suite({ layout, open }: Opened): void {
  let runtime: Runtime;
  let own: Found;
  const ownEvents: TraceEvent[] = [];
  beforeAll(async () => {
    runtime = await open((event) => ownEvents.push(event));
    own = await searchTinySet(runtime, sigma2, range, capacity);
  });

  it("agrees with the reference", () => {
    // Tie-aware: a sample whose weight is the threshold within 1e-4 may fall on either side.
    const off = Array.from(found.significant, (count, i) => Math.abs(count - own.significant[i]));
    expect(Math.max(...off)).toBeLessThanOrEqual(1);
    expect(Array.from(own.bestSample)).toEqual(Array.from(found.bestSample));
    // Scores carry errors of a few 1e-5, weights exp of them.
    expect(difference(own.maxProbability, found.maxProbability)).toBeLessThan(1e-4);
    expect(difference(own.logEvidence, found.logEvidence)).toBeLessThan(1e-3);
    if (Math.max(...off) > 0) return;
    expect(outputError(own.moments, found.moments)).toBeLessThan(1e-4);
    expect(outputError(own.shellTerms, found.shellTerms)).toBeLessThan(1e-4);
    expect(outputError(own.data, found.data)).toBeLessThan(1e-4);
    expect(outputError(own.weight, found.weight)).toBeLessThan(1e-4);
  });

  it("takes the memory that its plan says, to the byte", async () => {
    const plan = await planMemory(layout, (planner) => searchTinySet(planner, sigma2, range, capacity), {
      slabs: [2 ** 28],
    });
    expect(plan.byScope).toEqual(summariseTrace(ownEvents).byScope);
    expect(plan.buffers).toEqual(summariseTrace(ownEvents).buffers);
    expect(plan.peak).toBe(runtime.memory.peak);
    expect(runtime.memory.held).toEqual([]);
  });

  it("gives the same bytes on a second run and with other blocks of runs", async () => {
    const again = await searchTinySet(runtime, sigma2, range, { ...capacity, blockViews: 41 });
    expect(again.weight).toEqual(own.weight);
    expect(again.data).toEqual(own.data);
    expect(again.bestSample).toEqual(own.bestSample);
    await runtime.close();
  });
}

describeWebGpu("expectation step on webgpu", () => float32Suite(webgpu));
describe("expectation step on cpu", () => float32Suite(cpu));
