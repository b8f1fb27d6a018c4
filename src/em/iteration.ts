import type { PointGroup } from "../geometry/symmetry.js";
import type { DeviceBuffer, Runtime } from "../runtime/contract.js";
import { centredLength, makePhases, makePixels, put } from "../runtime/tables.js";
import type { FoundBatch } from "./batch-result.js";
import { candidateRoom, type LocalSearch } from "./candidates.js";
import { type BatchTables, deviceBatch } from "./device-batch.js";
import {
  CapacityError,
  type ExpectationCapacity,
  type ExpectationModel,
  type ExpectationResult,
  expectBatch,
} from "./expectation.js";
import { type GridTables, gridTables, type Keep } from "./grid-tables.js";
import {
  batchLengths,
  type HostBatch,
  type HostList,
  hostBatch,
  isListed,
  isSeeded,
  keepsOrientations,
  orientationPriors,
} from "./host-batch.js";
import { type CandidateTables, type ListedTables, listedTables } from "./listed-tables.js";
import { finishSums, type HostSums, type ReconstructedClass, regularisedMap } from "./maximisation.js";
import type { Model } from "./model.js";
import type { RefineOptions } from "./options.js";
import { putTables } from "./orientations.js";
import type { ParticleSet, ParticleState } from "./particles.js";
import type { PhaseClock } from "./phase-clock.js";
import type { DeviceReferences } from "./references.js";
import type { ImageSizes } from "./schedule.js";
import type { Search } from "./search.js";
import type { Accumulated } from "./ssnr.js";
import { within } from "./within.js";

/** What an iteration works with; nothing in it changes until its end. */
export interface IterationInput {
  readonly options: RefineOptions;
  readonly model: Model;
  readonly set: ParticleSet;
  readonly state: ParticleState;
  /** Particles of the (half) set. */
  readonly members: readonly number[];
  readonly search: Search;
  readonly sizes: ImageSizes;
  readonly group: PointGroup;
  /** Normalised cross-correlation instead of likelihoods. */
  readonly correlation: boolean;
  /** Only the first reference takes part. */
  readonly oneClass: boolean;
  /** Priors around the particles' angles, instead of all orientations. */
  readonly local?: LocalSearch;
  /** The class that each particle is bound to while classes grow from one reference. */
  readonly seeds?: Uint32Array;
}

/** What the memory plan decides. */
export interface BatchChoice {
  /** Particles at a time. */
  readonly size: number;
  /**
   * What is kept of all child orientations through the iteration: their slices, instead of making them on the way, and their views, which are
   * then back-projected once.
   */
  readonly keep: Keep;
  /** Whether the images of all particles stay on the device from one iteration to the next. */
  readonly hold: boolean;
}

/** Bytes of view buffers at a time, and those on devices with much memory, where more views at a time are faster. */
const viewBytes = 2 ** 26;
const manyViewBytes = 2 ** 28;
/** Coarse samples that a particle of a batch may keep on average. */
const keptEach = 4096;

type IterationModel = Omit<ExpectationModel, keyof GridTables>;

/** The expectation of one iteration: fed with batches, asked for the classes. Lives in the scope of its references. */
export class DeviceIteration {
  private readonly runtime: Runtime;

  private constructor(
    private readonly references: DeviceReferences,
    readonly input: IterationInput,
    private readonly model: IterationModel,
    /** What all particles share of the search; undefined where each has its own orientations. */
    private readonly grid: GridTables | undefined,
    /** Undefined where the particles keep their orientations. */
    private readonly candidates: CandidateTables | undefined,
    private readonly tables: BatchTables,
    private readonly batchSize: number,
    private readonly clock: PhaseClock | undefined,
  ) {
    this.runtime = references.runtime;
  }

  /**
   * Slices, sampling tables and accumulators for references that are on the device; their scope stays open. `images` of all particles may be
   * on the device: [particle][y][x].
   */
  static async start(
    references: DeviceReferences,
    input: IterationInput,
    batch: BatchChoice,
    { images, clock }: { readonly images?: DeviceBuffer | undefined; readonly clock?: PhaseClock } = {},
  ): Promise<DeviceIteration> {
    const { runtime, projector } = references;
    const { model, search, sizes } = input;
    const { box } = model;
    const { classes } = projector;
    const choice = input.correlation ? "all" : "shells";
    const coarse = makePixels(runtime, sizes.coarse, choice);
    const fine = makePixels(runtime, sizes.fine, choice);
    const same = choice === "shells" && sizes.fine === sizes.current;
    const sums = same ? fine : makePixels(runtime, sizes.current, "shells");
    const listed = isListed(input);
    const coarsePhases = makePhases(runtime, search.coarseShifts, sizes.coarse, box);
    const finePhases = makePhases(runtime, search.childShifts, sizes.fine, box);
    const sumPhases = same ? finePhases : makePhases(runtime, search.childShifts, sizes.current, box);
    const grid = listed
      ? undefined
      : await gridTables(runtime, projector, search, coarse, fine, same ? batch.keep : "nothing");
    const candidates =
      listed && !keepsOrientations(input)
        ? {
            coarse: putTables(runtime, "coarse", search.coarseTables),
            child: putTables(runtime, "child", search.childTables),
          }
        : undefined;
    const accumulator = runtime.alloc("accumulator", "accumulators", classes * centredLength(projector));
    const expectation: IterationModel = {
      projector,
      coarsePhases,
      finePhases,
      sumPhases,
      childTranslations_t2: put(runtime, "real", "child translations", search.childShifts),
      rotations: search.rotations,
      shifts: search.shifts,
      accumulator,
      unit: accumulatorUnit(model, input.set.count),
      status: put(runtime, "index", "status", [0]),
    };
    await runtime.clear(accumulator);
    const shells = box / 2 + 1;
    const inverseNoise_gs = put(
      runtime,
      "real",
      "inverse noise",
      Float64Array.from({ length: shells * model.noise.length }, (_, at) => {
        const sigma2 = model.noise[Math.floor(at / shells)][at % shells];
        return sigma2 > 0 ? 1 / sigma2 : 0;
      }),
    );
    const priors =
      listed || isSeeded(input)
        ? undefined
        : put(runtime, "real", "orientation priors", orientationPriors(input));
    const priorRoom = classes * batch.size * candidateRoom(input).candidates;
    return new DeviceIteration(
      references,
      input,
      expectation,
      grid,
      candidates,
      { pixels: { coarse, fine, sums }, inverseNoise_gs, images, priors, priorRoom },
      batch.size,
      clock,
    );
  }

  /**
   * One batch of particles (numbers in the set; images [i][y][x] as read, unless the device holds them). Splits itself where it keeps more
   * than fits.
   */
  async expect(particles: readonly number[], images: Float32Array | undefined): Promise<FoundBatch[]> {
    try {
      return [await this.batch(particles, images, undefined)];
    } catch (error) {
      if (!(error instanceof CapacityError)) throw error;
      if (particles.length === 1) return [await this.batch(particles, images, this.capacity.groups)];
      const half = particles.length >> 1;
      const size = this.input.set.box ** 2;
      return [
        ...(await this.expect(particles.slice(0, half), images?.subarray(0, half * size))),
        ...(await this.expect(particles.slice(half), images?.subarray(half * size))),
      ];
    }
  }

  /** A class finished into a map. `norm` is the sum of its weights; without data the map is empty. */
  async reconstruct(slot: number, norm: number): Promise<ReconstructedClass> {
    const { runtime, model, input } = this;
    return within(runtime, "job", async () =>
      regularisedMap(runtime, await this.finishedSums(slot), model.projector, {
        ...input.options,
        box: input.model.box,
        norm,
        prior: { tau2: this.references.tau2[slot] },
      }),
    );
  }

  /** The sums of a class, to be joined on the host. */
  async hostSums(slot: number): Promise<HostSums> {
    const { runtime } = this;
    return within(runtime, "job", async () => {
      const { data, weight } = await this.finishedSums(slot);
      return {
        data: (await runtime.download(data)) as Float32Array | Float64Array,
        weight: (await runtime.download(weight)) as Float32Array | Float64Array,
      };
    });
  }

  private finishedSums(slot: number): Promise<Accumulated> {
    const { accumulator, unit, projector: geometry } = this.model;
    return finishSums(this.runtime, { accumulator, unit, geometry, slot, group: this.input.group });
  }

  /** Back-project what was kept for the end. */
  async finishViews(): Promise<void> {
    const { runtime, model, tables, grid } = this;
    for (const { slices, views } of grid?.kept ?? []) {
      if (grid === undefined || views === undefined) continue;
      await within(runtime, "job", () => {
        const orientation_v = put(
          runtime,
          "index",
          "view orientations",
          Uint32Array.from({ length: slices.rows }, (_, row) => slices.firstRow + row),
        );
        return runtime.backproject({
          ...views,
          matrices: grid.matrices,
          rows: grid.rows,
          orientation_v,
          count: slices.rows,
          pixels: tables.pixels.sums,
          accumulator: model.accumulator,
          geometry: model.projector,
          unit: model.unit,
          status: model.status,
        });
      });
    }
  }

  /** What adds up from batch to batch: with these as they were, the batches that are left give the same result. */
  get running(): readonly DeviceBuffer[] {
    const { accumulator, status } = this.model;
    const views = (this.grid?.kept ?? []).flatMap(({ views }) => Object.values<DeviceBuffer>({ ...views }));
    return [accumulator, status, ...views];
  }

  /** Throws where a back-projected value was not a number or did not fit. */
  async check(): Promise<void> {
    const [status] = await this.runtime.download(this.model.status);
    if (status !== 0)
      throw new CapacityError(
        "a back-projected value is not finite or far larger than the noise spectra allow; look for images with NaN or wrong normalisation (cryotile info --i STACK)",
      );
  }

  private get capacity(): ExpectationCapacity {
    const { model, batchSize, input } = this;
    const { pixels } = this.tables;
    const classes = model.projector.classes;
    const each = this.grid?.orientations ?? classes * candidateRoom(input).candidates;
    const translations = input.options.skipAlign ? 1 : model.coarsePhases.count;
    const groups = batchSize * Math.min(each * translations, keptEach);
    const runs = Math.min(groups, batchSize * each);
    const views = runs * model.rotations;
    const bytes = this.runtime.layout.holdsImages ? manyViewBytes : viewBytes;
    return {
      groups,
      runs,
      blockViews: Math.max(1, Math.min(views, Math.floor(bytes / (32 * pixels.sums.count)))),
    };
  }

  private async batch(
    particles: readonly number[],
    images: Float32Array | undefined,
    limit: number | undefined,
  ): Promise<FoundBatch> {
    const host = hostBatch(this.input, particles, images);
    const limited = limit === undefined ? 0 : particles.length;
    return { particles, host, ...(await this.run(host, limit)), limited };
  }

  /** A batch of which only the lengths matter: for memory plans. */
  async rehearse(count: number): Promise<void> {
    await this.run(batchLengths(this.input, count, this.tables.images !== undefined), undefined);
  }

  private async run(
    host: HostBatch,
    limit: number | undefined,
  ): Promise<{ result: ExpectationResult; power: Float64Array }> {
    const { runtime, input, clock } = this;
    const { options } = input;
    clock?.lap("read");
    return within(runtime, "job", async () => {
      const { batch, power_is } = await deviceBatch(runtime, input, this.tables, host);
      const listed = host.listed === undefined ? undefined : await this.listedTables(host.listed, host.count);
      clock?.lap("prepare");
      const [power, result] = await Promise.all([
        runtime.download(power_is),
        expectBatch(
          runtime,
          { ...this.model, ...(listed?.model ?? this.sharedTables()) },
          listed === undefined ? batch : { ...batch, listed: listed.orientations },
          {
            fraction: options.adaptiveFraction,
            maxSignificant: Math.min(options.maxSig ?? 2 ** 31, limit ?? 2 ** 31),
            strategy: options.gsd,
            correlation: input.correlation,
            singlePass: options.oversampling === 0,
          },
          this.capacity,
          clock,
        ),
      ]);
      return { result, power: Float64Array.from(power) };
    });
  }

  private listedTables(list: HostList, count: number): Promise<ListedTables> {
    const { runtime, input, tables, candidates, batchSize } = this;
    const { classes } = this.model.projector;
    return listedTables(runtime, input, tables.pixels, candidates, list, { classes, count, batchSize });
  }

  private sharedTables(): GridTables {
    if (this.grid === undefined) throw new Error("every particle has its own orientations");
    return this.grid;
  }
}

/** Step of the fixed-point sums: 2^61 of them hold what all particles can add to one element, with images of up to 16 times unit noise. */
function accumulatorUnit(model: Model, particles: number): number {
  let most = 0;
  for (const spectrum of model.noise)
    for (const sigma2 of spectrum) if (sigma2 > 0) most = Math.max(most, 1 / sigma2);
  const scale = model.scale.reduce((a, b) => Math.max(a, b), 1);
  return 2 ** Math.ceil(Math.log2(Math.max(1, 16 * most * particles * scale * scale)) - 61);
}
