import type { IterationInput } from "../../em/iteration.js";
import { type BatchPlan, largestBatch } from "../../em/memory.js";
import type { ParticleSet } from "../../em/particles.js";
import { halfSets, type RefineContext, type Refinement, startRefinement } from "../../em/refinement.js";
import { iterationInput, nextSizes } from "../../em/run-iteration.js";
import type { ImageSizes } from "../../em/schedule.js";
import { nodeDisk } from "../../formats/node.js";
import { pointGroup } from "../../geometry/symmetry.js";
import type { Scope } from "../../runtime/arena.js";
import type { Runtime } from "../../runtime/contract.js";
import { parseRefineArguments } from "./arguments.js";
import { freeBytes, openRuntime } from "./device.js";
import { withRemedy } from "./device-faults.js";
import { hostBytes, largestBatchOf } from "./host-memory.js";
import { ImageStore, locateStacks } from "./image-store.js";
import { type Timing, timeIteration } from "./plan-time.js";
import { type Prepared, prepare } from "./prepare.js";
import { SyntheticImages } from "./synthetic-images.js";

/** What an iteration will take. Bytes are those of the device. */
export interface PlannedIteration {
  readonly what: string;
  readonly sizes: ImageSizes;
  readonly correlation: boolean;
  readonly classes: number;
  readonly orientations: number;
  readonly translations: number;
  readonly batch: number;
  readonly keep: string;
  readonly byScope: Readonly<Record<Scope, number>>;
  readonly peak: number;
  readonly largestBuffer: number;
  /** Absent where it was not asked for. */
  readonly time?: Timing;
}

/** What a run will take. */
export interface RunPlan {
  readonly runtime: string;
  readonly device: string;
  /** Bytes of the arena and of the largest buffer. */
  readonly memory: number;
  readonly maxBufferBytes: number;
  readonly particles: number;
  readonly box: number;
  readonly pixelSize: number;
  readonly firstIteration: number;
  readonly lastIteration: number;
  /** The search becomes finer on the way. */
  readonly refinesSearch: boolean;
  readonly host: {
    readonly allowed: number;
    readonly images: number;
    /** Whether all images stay in memory after they were read once. */
    readonly imagesKept: boolean;
    readonly maps: number;
  };
  readonly iterations: readonly PlannedIteration[];
}

/** Particles that a plan makes up at most. */
const mostSynthetic = 64;

/** The plan of `cryotile refine` with the same arguments. Reads STAR files and maps, no image of a particle. */
export async function planRun(argv: readonly string[], { time = true } = {}): Promise<RunPlan> {
  const prepared = await prepare(nodeDisk, parseRefineArguments(argv), argv);
  const { args, set, options, starFile } = prepared;
  const keepBytes = hostBytes(args, freeBytes()) / 2;
  await locateStacks(nodeDisk, set, starFile);
  const { runtime } = await openRuntime(args);
  try {
    const { context, refinement, images } = await beginning(prepared, runtime);
    const most = largestBatchOf(args, set, refinement.half);
    const iterations: PlannedIteration[] = [];
    for (const { what, state } of planned(context, refinement)) {
      const sizes = nextSizes(state, options);
      const input = iterationInput(context, state, 0, state.sampling, sizes);
      const found = await largestBatch(runtime.layout, input, runtime.capabilities, most);
      const measured = time ? await timeIteration(runtime, input, found.batch, images) : undefined;
      iterations.push(summary(what, input, found, measured));
    }
    const { capabilities } = runtime;
    const largest = Math.max(...iterations.map(({ batch }) => batch));
    return {
      runtime: runtime.name,
      device: capabilities.device,
      memory: capabilities.arenaBytes,
      maxBufferBytes: capabilities.maxBufferBytes,
      particles: set.count,
      box: set.box,
      pixelSize: set.pixelSize,
      firstIteration: refinement.iteration + 1,
      lastIteration: options.autoRefine ? options.autoIterMax : options.iter,
      refinesSearch: options.autoRefine,
      host: {
        allowed: hostBytes(args, freeBytes()),
        images: ImageStore.bytes(set, largest, keepBytes),
        imagesKept: ImageStore.keeps(set, keepBytes),
        maps: mapBytes * options.K * (options.autoRefine ? 2 : 1) * set.box ** 3,
      },
      iterations,
    };
  } catch (error) {
    throw withRemedy(error, runtime, undefined);
  } finally {
    await runtime.close();
  }
}

/** A map before and after an iteration, in float32 and float64. */
const mapBytes = 12;

/** The state that the run starts from. A new one gets its noise spectra from made-up images instead of reading all particles. */
async function beginning(
  { set, options, start }: Prepared,
  runtime: Runtime,
): Promise<{ context: RefineContext; refinement: Refinement; images: SyntheticImages }> {
  const maps = start.kind === "new" ? start.maps : start.refinement.models[0].classes.map(({ map }) => map);
  const images = new SyntheticImages(maps[0], set.box);
  const context: RefineContext = {
    runtime,
    set,
    options,
    images,
    group: pointGroup(options.sym, { relionUnit: true }),
    references: start.kind === "new" ? start.maps.length : start.references,
  };
  if (start.kind === "continued") return { context, refinement: start.refinement, images };
  const few = oneGroup(set, Math.min(mostSynthetic, set.count));
  const begun = await startRefinement({ ...context, set: few }, start.maps);
  const [model] = begun.models;
  const all = {
    ...model,
    noise: set.groupNames.map(() => model.noise[0]),
    scale: new Float64Array(set.groupNames.length).fill(1),
  };
  const half = options.autoRefine ? halfSets(set, options.randomSeed) : undefined;
  return {
    context,
    images,
    refinement: {
      ...begun,
      models: half === undefined ? [all] : [all, all],
      ...(half === undefined ? {} : { half }),
      particles: set.initial,
    },
  };
}

/** The first particles of a set as one noise group. */
const oneGroup = (set: ParticleSet, count: number): ParticleSet => ({
  ...set,
  count,
  group: new Int32Array(count),
  groupNames: [set.groupNames[0]],
  groupSizes: Int32Array.of(count),
});

/** Iterations that differ in what they take: the first, the one after a correlation, and any at full size. */
function planned({ options, set }: RefineContext, first: Refinement): { what: string; state: Refinement }[] {
  const number = first.iteration + 1;
  const plans =
    options.iniHigh > 0 || first.iteration > 0 ? [{ what: `iteration ${number}`, state: first }] : [];
  if (number === 1 && options.firstIterCc && !options.alwaysCc)
    plans.push({ what: "iteration 2", state: { ...first, iteration: 1 } });
  const nyquist = 1 / (2 * set.pixelSize);
  const models = first.models.map((model) => ({ ...model, currentResolution: nyquist }));
  const later = options.firstIterCc ? Math.max(1, first.iteration) : first.iteration;
  plans.push({ what: "at full size", state: { ...first, iteration: later, models } });
  return plans;
}

function summary(
  what: string,
  { sizes, correlation, oneClass, options, search }: IterationInput,
  { batch, plan }: BatchPlan,
  time: Timing | undefined,
): PlannedIteration {
  return {
    what,
    sizes,
    correlation,
    classes: oneClass ? 1 : options.K,
    orientations: search.orientations,
    translations: search.translations.x.length,
    batch: batch.size,
    keep: batch.keep,
    byScope: plan.byScope,
    peak: plan.peak,
    largestBuffer: plan.largest,
    ...(time === undefined ? {} : { time }),
  };
}
