import type { ParticleSet } from "../../em/particles.js";
import type { RefineArguments } from "./arguments.js";
import { imagesInFlight } from "./image-store.js";

/** Particles of a batch where memory allows. */
const mostParticles = 256;
/** Share of the host's memory for images on their way to the device. */
const shareOfBatches = 0.25;

/** Host memory for particles: what `--host-memory` gives, or what is free. */
export const hostBytes = ({ hostMemory }: Pick<RefineArguments, "hostMemory">, free: number): number =>
  hostMemory ?? free;

/**
 * Most particles of a batch, which is of one half set. Only `--host-memory` limits it and not what happens to be free, so that a run has the same batches when it is
 * started again.
 */
export function largestBatchOf(
  { hostMemory, batch }: Pick<RefineArguments, "hostMemory" | "batch">,
  { count, box }: ParticleSet,
  half?: Uint8Array,
): number {
  const second = half?.reduce((sum, which) => sum + which, 0) ?? 0;
  const most = Math.min(batch ?? mostParticles, Math.max(second, count - second));
  if (hostMemory === undefined) return most;
  const each = imagesInFlight * 4 * box ** 2;
  return Math.max(1, Math.min(most, Math.floor((shareOfBatches * hostMemory) / each)));
}
