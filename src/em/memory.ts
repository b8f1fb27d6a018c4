import { UserError } from "../errors.js";
import { ArenaFullError } from "../runtime/arena.js";
import type { Runtime, RuntimeLayout } from "../runtime/contract.js";
import { type MemoryPlan, planMemory } from "../runtime/plan.js";
import { centredLength } from "../runtime/tables.js";
import { accuracyBuffers } from "./accuracy.js";
import type { Keep } from "./grid-tables.js";
import { reconstructHalves } from "./halves.js";
import { allocImages } from "./held-images.js";
import { type BatchChoice, DeviceIteration, type IterationInput } from "./iteration.js";
import { accuracyParticles } from "./model-update.js";
import { DeviceReferences } from "./references.js";

/** Memory of a device: its pieces, and the largest buffer that it takes. */
export interface MemoryLimits {
  readonly slabs: readonly number[];
  readonly maxBufferBytes: number;
}

/** The memory that an iteration takes with batches of a size. */
export function planIteration(
  layout: RuntimeLayout,
  input: IterationInput,
  batch: BatchChoice,
  limits: Partial<MemoryLimits> = {},
): Promise<MemoryPlan> {
  const { slabs, maxBufferBytes } = limits;
  return planMemory(layout, (runtime) => rehearse(runtime, input, batch), {
    ...(slabs === undefined ? {} : { slabs }),
    ...(maxBufferBytes === undefined ? {} : { maxBufferBytes }),
  });
}

async function rehearse(runtime: Runtime, input: IterationInput, batch: BatchChoice): Promise<void> {
  const { model, oneClass, sizes, set } = input;
  const images = batch.hold ? allocImages(runtime, set) : undefined;
  const classes = oneClass ? 1 : model.classes.length;
  const references = await DeviceReferences.open(
    runtime,
    model,
    classes,
    sizes.current,
    input.options.strictLowresExp,
  );
  if (!input.correlation && !input.options.skipAlign) {
    runtime.push("job");
    accuracyBuffers(runtime, sizes.fine, Math.min(accuracyParticles, set.count));
    runtime.pop("job");
  }
  const device = await DeviceIteration.start(references, input, batch, { images });
  await device.rehearse(batch.size);
  await device.finishViews();
  if (!input.options.autoRefine) {
    await device.reconstruct(0, 1);
    references.close();
    return;
  }
  await device.hostSums(0);
  references.close();
  const length = centredLength(references.projector);
  const sums = { data: { length: 2 * length }, weight: { length } };
  await reconstructHalves(runtime, {
    sums: [sums, sums],
    norms: [1, 1],
    geometry: references.projector,
    box: set.box,
    pixelSize: set.pixelSize,
    resolution: model.currentResolution,
    options: input.options,
    currentSize: sizes.current,
  });
}

/** A batch size with the memory that it takes. */
export interface BatchPlan {
  readonly batch: BatchChoice;
  readonly plan: MemoryPlan;
}

/** A batch that is not too small to keep things for. */
const worthwhile = 32;

/**
 * The largest batch of up to `most` particles that fits, with as much kept through the iteration as leaves room for a worthwhile one.
 * @throws UserError where not even one particle fits.
 */
export async function largestBatch(
  layout: RuntimeLayout,
  input: IterationInput,
  limits: MemoryLimits,
  most: number,
): Promise<BatchPlan> {
  const attempt = async (size: number, keep: Keep, hold: boolean): Promise<BatchPlan | undefined> => {
    const batch = { size, keep, hold };
    try {
      const plan = await planIteration(layout, input, batch, limits);
      return plan.largest <= limits.maxBufferBytes ? { batch, plan } : undefined;
    } catch (error) {
      if (error instanceof ArenaFullError) return undefined;
      throw error;
    }
  };
  const search = async (keep: Keep, least: number, hold: boolean): Promise<BatchPlan | undefined> => {
    const largest = await attempt(most, keep, hold);
    if (largest !== undefined || least >= most) return largest;
    let best = await attempt(least, keep, hold);
    if (best === undefined) return undefined;
    for (let over = most; over - best.batch.size > Math.max(1, best.batch.size >> 3); ) {
      const middle: number = (best.batch.size + over) >> 1;
      const found = await attempt(middle, keep, hold);
      if (found === undefined) over = middle;
      else best = found;
    }
    return best;
  };
  const kept = input.correlation ? [] : (["views", "slices"] as const);
  const held = layout.holdsImages ? [true, false] : [false];
  const least = Math.min(worthwhile, most);
  let best: BatchPlan | undefined;
  for (const keep of kept) for (const hold of held) best ??= await search(keep, least, hold);
  for (const hold of held) best ??= await search("nothing", hold ? least : 1, hold);
  if (best === undefined) throw await tooSmall(layout, input, limits);
  return best;
}

/** Not even one particle at a time fits: what an iteration needs and what there is, bytes. */
export class IterationTooLargeError extends UserError {
  override readonly name = "IterationTooLargeError";
  constructor(
    message: string,
    readonly needed: number,
    readonly given: number,
    /** The buffer that is too large for the device by itself; else all of them together are. */
    readonly buffer?: string,
  ) {
    super(message);
  }
}

async function tooSmall(
  layout: RuntimeLayout,
  input: IterationInput,
  { slabs, maxBufferBytes }: MemoryLimits,
): Promise<IterationTooLargeError> {
  const { peak, largest, buffers } = await planIteration(layout, input, {
    size: 1,
    keep: "nothing",
    hold: false,
  });
  const mb = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  const given = slabs.reduce((sum, bytes) => sum + bytes, 0);
  if (largest > maxBufferBytes && maxBufferBytes < given) {
    const name = buffers.find(({ bytes }) => bytes === largest)?.name;
    return new IterationTooLargeError(
      `${name} needs ${mb(largest)} in one buffer and this device takes at most ${mb(maxBufferBytes)}; use --pad 1, a smaller box or --K, a lower --healpix_order, or a larger device`,
      largest,
      maxBufferBytes,
      name,
    );
  }
  return new IterationTooLargeError(
    `an iteration with one particle at a time needs ${mb(peak)} and --memory allows ${mb(given)}; give it --memory ${Math.ceil(peak / 1e6)}MB or more, or use --pad 1, fewer classes or a lower --healpix_order`,
    peak,
    given,
  );
}
