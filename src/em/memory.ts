import { UserError } from "../errors.js";
import { ArenaFullError } from "../runtime/arena.js";
import type { Runtime, RuntimeLayout } from "../runtime/contract.js";
import { type MemoryPlan, planMemory } from "../runtime/plan.js";
import { accuracyBuffers } from "./accuracy.js";
import { DeviceIteration, type IterationInput } from "./iteration.js";
import { DeviceReferences } from "./references.js";
import { accuracyParticles } from "./run-iteration.js";

/** Memory of a device: its pieces, and the largest buffer that it takes. */
export interface MemoryLimits {
  readonly slabs: readonly number[];
  readonly maxBufferBytes: number;
}

/** The memory that an iteration takes with batches of a size. */
export function planIteration(
  layout: RuntimeLayout,
  input: IterationInput,
  batch: number,
  slabs?: readonly number[],
): Promise<MemoryPlan> {
  return planMemory(
    layout,
    (runtime) => rehearse(runtime, input, batch),
    slabs === undefined ? {} : { slabs },
  );
}

async function rehearse(runtime: Runtime, input: IterationInput, batch: number): Promise<void> {
  const { model, oneClass, sizes, set } = input;
  const classes = oneClass ? 1 : model.classes.length;
  const references = await DeviceReferences.open(runtime, model, classes, sizes.current);
  if (!input.correlation && !input.options.skipAlign) {
    runtime.push("job");
    accuracyBuffers(runtime, sizes.current, Math.min(accuracyParticles, set.count));
    runtime.pop("job");
  }
  const device = await DeviceIteration.start(references, input, batch);
  await device.rehearse(batch);
  await device.reconstruct(0, 1);
  references.close();
}

/** A batch size with the memory that it takes. */
export interface BatchPlan {
  readonly batch: number;
  readonly plan: MemoryPlan;
}

/**
 * The largest batch of up to `most` particles that fits.
 * @throws UserError where not even one particle does.
 */
export async function largestBatch(
  layout: RuntimeLayout,
  input: IterationInput,
  limits: MemoryLimits,
  most: number,
): Promise<BatchPlan> {
  const attempt = async (batch: number): Promise<BatchPlan | undefined> => {
    try {
      const plan = await planIteration(layout, input, batch, limits.slabs);
      return plan.largest <= limits.maxBufferBytes ? { batch, plan } : undefined;
    } catch (error) {
      if (error instanceof ArenaFullError) return undefined;
      throw error;
    }
  };
  let best = await attempt(most);
  if (best !== undefined) return best;
  best = await attempt(1);
  if (best === undefined) throw await tooSmall(layout, input, limits);
  let over = most;
  while (over - best.batch > Math.max(1, best.batch >> 3)) {
    const middle = (best.batch + over) >> 1;
    const found = await attempt(middle);
    if (found === undefined) over = middle;
    else best = found;
  }
  return best;
}

async function tooSmall(
  layout: RuntimeLayout,
  input: IterationInput,
  { slabs, maxBufferBytes }: MemoryLimits,
): Promise<UserError> {
  const { peak, largest, buffers } = await planIteration(layout, input, 1);
  const mb = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  if (largest > maxBufferBytes) {
    const name = buffers.find(({ bytes }) => bytes === largest)?.name;
    return new UserError(
      `${name} needs ${mb(largest)} in one buffer and this device takes at most ${mb(maxBufferBytes)}; use --pad 1, a smaller box or --K, a lower --healpix_order, or a larger device`,
    );
  }
  const given = slabs.reduce((sum, bytes) => sum + bytes, 0);
  return new UserError(
    `an iteration with one particle at a time needs ${mb(peak)} and --memory allows ${mb(given)}; give it --memory ${Math.ceil(peak / 1e6)}MB or more, or use --pad 1, fewer classes or a lower --healpix_order`,
  );
}
