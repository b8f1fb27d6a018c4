import { ParticleRenderer, type SimulationPlan } from "./particles.js";
import type { SliceSource } from "./slices.js";

/** What images are made from. */
export interface RenderJob {
  readonly plan: SimulationPlan;
  readonly sources: readonly SliceSource[];
  readonly amplitude: number;
}

/** Consecutive particles. */
export interface Chunk {
  readonly first: number;
  readonly count: number;
}

/** Particles that are made at a time: about 4 MB of pixels. */
export const chunkSize = (box: number): number => Math.max(1, Math.floor((1 << 20) / (box * box)));

export function renderChunk(
  renderer: ParticleRenderer,
  box: number,
  { first, count }: Chunk,
): Float32Array<ArrayBuffer> {
  const area = box * box;
  const pixels = new Float32Array(count * area);
  for (let i = 0; i < count; i++) renderer.render(first + i, pixels.subarray(i * area, (i + 1) * area));
  return pixels;
}

/** All images of a plan in order, a chunk at a time, made by this thread. */
export async function* renderHere({
  plan,
  sources,
  amplitude,
}: RenderJob): AsyncGenerator<Float32Array, void, void> {
  const renderer = new ParticleRenderer(plan, sources, amplitude);
  const size = chunkSize(plan.box);
  for (let first = 0; first < plan.count; first += size)
    yield renderChunk(renderer, plan.box, { first, count: Math.min(size, plan.count - first) });
}
