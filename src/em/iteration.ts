import type { PointGroup } from "../geometry/symmetry.js";
import type { DeviceBuffer, LogPriors, ParticleBatch, PixelSet, Runtime } from "../runtime/contract.js";
import { centredLength, makePhases, makePixels } from "../runtime/tables.js";
import type { FoundBatch } from "./batch-result.js";
import { candidateRoom, type LocalSearch } from "./candidates.js";
import {
  CapacityError,
  type ExpectationBatch,
  type ExpectationCapacity,
  type ExpectationModel,
  type ExpectationResult,
  expectBatch,
  type ListedOrientations,
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
import { prepareImages } from "./images.js";
import { finishSums, type HostSums, type ReconstructedClass, regularisedMap } from "./maximisation.js";
import type { Model } from "./model.js";
import type { RefineOptions } from "./options.js";
import { type DeviceTables, putCandidates, putTables } from "./orientations.js";
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

interface CandidateTables {
  readonly coarse: DeviceTables;
  readonly child: DeviceTables;
}

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
    /** Orientations that candidates come from; undefined where they are the particles' own. */
    private readonly tables: CandidateTables | undefined,
    private readonly pixels: { readonly coarse: PixelSet; readonly fine: PixelSet; readonly sums: PixelSet },
    private readonly noiseTable: DeviceBuffer,
    private readonly batchSize: number,
    /** Images of all particles, where they are on the device; log priors of orientations, where those are the same for all. */
    private readonly shared: {
      readonly images?: DeviceBuffer | undefined;
      readonly priors?: DeviceBuffer | undefined;
    },
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
    const put = (kind: "real" | "index", name: string, values: ArrayLike<number>) => {
      const buffer = runtime.alloc(kind, name, values.length);
      runtime.upload(buffer, values);
      return buffer;
    };
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
    const tables =
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
      childTranslations_t2: put("real", "child translations", search.childShifts),
      rotations: search.rotations,
      shifts: search.shifts,
      accumulator,
      unit: accumulatorUnit(model, input.set.count),
      status: put("index", "status", [0]),
    };
    await runtime.clear(accumulator);
    const shells = box / 2 + 1;
    const table = put(
      "real",
      "inverse noise",
      Float64Array.from({ length: shells * model.noise.length }, (_, at) => {
        const sigma2 = model.noise[Math.floor(at / shells)][at % shells];
        return sigma2 > 0 ? 1 / sigma2 : 0;
      }),
    );
    const priors =
      listed || isSeeded(input) ? undefined : put("real", "orientation priors", orientationPriors(input));
    return new DeviceIteration(
      references,
      input,
      expectation,
      grid,
      tables,
      { coarse, fine, sums },
      table,
      batch.size,
      { images, priors },
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
    runtime.push("job");
    try {
      return await regularisedMap(runtime, await this.finishedSums(slot), model.projector, {
        ...input.options,
        box: input.model.box,
        norm,
        prior: { tau2: this.references.tau2[slot] },
      });
    } finally {
      runtime.pop("job");
    }
  }

  /** The sums of a class, to be joined on the host. */
  async hostSums(slot: number): Promise<HostSums> {
    const { runtime } = this;
    runtime.push("job");
    try {
      const { data, weight } = await this.finishedSums(slot);
      return {
        data: (await runtime.download(data)) as Float32Array | Float64Array,
        weight: (await runtime.download(weight)) as Float32Array | Float64Array,
      };
    } finally {
      runtime.pop("job");
    }
  }

  private finishedSums(slot: number): Promise<Accumulated> {
    const { accumulator, unit, projector: geometry } = this.model;
    return finishSums(this.runtime, { accumulator, unit, geometry, slot, group: this.input.group });
  }

  /** Back-project what was kept for the end. */
  async finishViews(): Promise<void> {
    const { runtime, model, pixels, grid } = this;
    for (const { slices, views } of grid?.kept ?? []) {
      if (grid === undefined || views === undefined) continue;
      await within(runtime, "job", () => {
        const orientation_v = runtime.alloc("index", "view orientations", slices.rows);
        runtime.upload(
          orientation_v,
          Uint32Array.from({ length: slices.rows }, (_, row) => slices.firstRow + row),
        );
        return runtime.backproject({
          ...views,
          matrices: grid.matrices,
          rows: grid.rows,
          orientation_v,
          count: slices.rows,
          pixels: pixels.sums,
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

  /** Room for the candidates of a particle. */
  private get room(): { readonly directions: number; readonly psis: number; readonly candidates: number } {
    const room = candidateRoom(this.input);
    return { ...room, candidates: room.directions * room.psis };
  }

  private get capacity(): ExpectationCapacity {
    const { model, batchSize, pixels, input } = this;
    const classes = model.projector.classes;
    const each = this.grid?.orientations ?? classes * this.room.candidates;
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
    await this.run(batchLengths(this.input, count, this.shared.images !== undefined), undefined);
  }

  private async run(
    host: HostBatch,
    limit: number | undefined,
  ): Promise<{ result: ExpectationResult; power: Float64Array }> {
    const { runtime, input, clock } = this;
    const { options, set } = input;
    const { box } = set;
    const { count } = host;
    clock?.lap("read");
    runtime.push("job");
    try {
      const put = (kind: "real" | "index", name: string, values: ArrayLike<number>) => {
        const buffer = runtime.alloc(kind, name, values.length);
        runtime.upload(buffer, values);
        return buffer;
      };
      const group_i = put("index", "groups", host.group_i);
      const rows = put("real", "ctf parameters", host.ctf);
      const power_is = runtime.alloc("real", "image power", count * (box / 2 + 1));
      const batchOf = async (pixels: PixelSet): Promise<ParticleBatch> => {
        const ctf_ik = runtime.alloc("real", "ctf", count * pixels.count);
        await runtime.ctf({ parameters: rows, count, pixels, ctf_ik });
        const weights_ik = runtime.alloc("real", "noise weights", count * pixels.count);
        await this.noiseWeights(group_i, count, pixels, true, weights_ik);
        return {
          count,
          pixels,
          ctf_ik,
          weights_ik,
          images_ik: runtime.alloc("complex", "images", count * pixels.count),
        };
      };
      const coarse = await batchOf(this.pixels.coarse);
      const fine = await batchOf(this.pixels.fine);
      const sums = this.pixels.sums === this.pixels.fine ? fine : await batchOf(this.pixels.sums);
      const viewCtf_ik =
        host.viewCtf === undefined
          ? sums.ctf_ik
          : runtime.alloc("real", "view ctf", count * sums.pixels.count);
      if (host.viewCtf !== undefined)
        await runtime.ctf({
          parameters: put("real", "view ctf parameters", host.viewCtf),
          count,
          pixels: sums.pixels,
          ctf_ik: viewCtf_ik,
        });
      const unmasked_ik = runtime.alloc("complex", "images without mask", count * sums.pixels.count);
      const sumWeights_ik = runtime.alloc("real", "noise weights of sums", count * sums.pixels.count);
      await this.noiseWeights(group_i, count, sums.pixels, false, sumWeights_ik);
      const { noise } = host;
      await prepareImages(runtime, {
        images: this.rawImages(host),
        count,
        box,
        moves_i3: put("index", "image moves", host.moves_i3),
        factor_i: put("real", "norm factors", host.normFactor_i),
        mask: {
          radius: options.particleDiameter / (2 * set.pixelSize),
          width: options.maskEdge,
          ...(noise === undefined ? {} : { noise: put("real", "noise images", noise) }),
        },
        masked: [...new Set([coarse, fine, sums])].map(({ pixels, images_ik }) => ({
          pixels,
          out: images_ik,
        })),
        unmasked: { pixels: sums.pixels, out: unmasked_ik },
        power_is,
      });
      const batch: ExpectationBatch = {
        coarse,
        fine,
        sums,
        viewCtf_ik,
        unmasked_ik,
        sumWeights_ik,
        priors: {
          ...this.orientationPriors(host),
          translation_it: put("real", "translation priors", host.translation_it),
        },
      };
      const listed = host.listed === undefined ? undefined : await this.listedTables(host.listed, count);
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
    } finally {
      runtime.pop("job");
    }
  }

  private rawImages({ images }: HostBatch): DeviceBuffer {
    const { runtime, shared } = this;
    if (images === undefined) {
      if (shared.images === undefined) throw new Error("a batch without images");
      return shared.images;
    }
    const raw = runtime.alloc("real", "raw images", images.length);
    runtime.upload(raw, images);
    return raw;
  }

  /** Log priors of all particles, of each, or room for those of candidates. */
  private orientationPriors({ orientation_io }: HostBatch): Pick<LogPriors, "orientation_o" | "perParticle"> {
    const { runtime, shared, model, batchSize } = this;
    if (shared.priors !== undefined) return { orientation_o: shared.priors, perParticle: false };
    const length = orientation_io?.length ?? model.projector.classes * batchSize * this.room.candidates;
    const orientation_o = runtime.alloc("real", "orientation priors", length);
    if (orientation_io !== undefined) runtime.upload(orientation_o, orientation_io);
    return { orientation_o, perParticle: orientation_io !== undefined };
  }

  private sharedTables(): GridTables {
    if (this.grid === undefined) throw new Error("every particle has its own orientations");
    return this.grid;
  }

  /** Orientations, and translations where they are the particles' own, of one batch. */
  private async listedTables(
    { candidates, classPrior, own, ownShifts }: HostList,
    count: number,
  ): Promise<{ model: Partial<IterationModel> & GridTables; orientations: ListedOrientations }> {
    const { runtime, input, pixels, batchSize } = this;
    const { search, set } = input;
    const { directions, psis, candidates: each } = this.room;
    const room = { directions: batchSize * directions, psis: batchSize * psis };
    const capacity = batchSize * each;
    if (
      candidates.count > capacity ||
      candidates.direction.length > room.directions ||
      candidates.psi.length > room.psis
    )
      throw new CapacityError(`${candidates.count} candidates, room for ${capacity}`);
    const list = putCandidates(runtime, count, candidates, room);
    const classPrior_c = runtime.alloc("real", "class priors", classPrior.length);
    runtime.upload(classPrior_c, classPrior);
    const coarseMatrices = runtime.alloc("real", "candidate orientations", 9 * capacity);
    const matrices = runtime.alloc("real", "child orientations", 9 * capacity * search.rotations);
    const tables = own === undefined ? this.tables : ownTables(runtime, own);
    if (tables === undefined) throw new Error("no tables of orientations");
    await runtime.listOrientations({ list, ...tables.coarse, matrices: coarseMatrices });
    await runtime.listOrientations({ list, ...tables.child, matrices });
    const phases = (size: number) => makePhases(runtime, ownShifts ?? [], size, set.box);
    let model: Partial<IterationModel> = {};
    if (ownShifts !== undefined) {
      const childTranslations_t2 = runtime.alloc("real", "own translations", 2 * count);
      runtime.upload(childTranslations_t2, ownShifts);
      model = {
        coarsePhases: phases(pixels.coarse.size),
        finePhases: phases(pixels.fine.size),
        sumPhases: phases(pixels.sums.size),
        childTranslations_t2,
      };
    }
    return {
      model: {
        orientations: this.model.projector.classes * candidates.count,
        matrices,
        rows: candidates.count * search.rotations,
        ...model,
      },
      orientations: {
        list,
        capacity,
        coarseMatrices,
        ownTranslation: ownShifts !== undefined,
        classPrior_c,
        start: candidates.start,
      },
    };
  }

  private noiseWeights(
    group_i: DeviceBuffer,
    count: number,
    pixels: PixelSet,
    zeroOrigin: boolean,
    out_ik: DeviceBuffer,
  ): Promise<void> {
    const shells = this.input.set.box / 2 + 1;
    return this.runtime.spreadShells({
      table_gs: this.noiseTable,
      shells,
      group_i,
      count,
      pixels,
      zeroOrigin,
      out_ik,
    });
  }
}

/** The particles' own orientations (nine numbers each), which have no children. */
function ownTables(runtime: Runtime, own: ArrayLike<number>): CandidateTables {
  const tables = putTables(runtime, "own", {
    directions: own,
    directionChildren: 1,
    psis: [1, 0],
    psiChildren: 1,
  });
  return { coarse: tables, child: tables };
}

/** Step of the fixed-point sums: 2^61 of them hold what all particles can add to one element, with images of up to 16 times unit noise. */
function accumulatorUnit(model: Model, particles: number): number {
  let most = 0;
  for (const spectrum of model.noise)
    for (const sigma2 of spectrum) if (sigma2 > 0) most = Math.max(most, 1 / sigma2);
  const scale = model.scale.reduce((a, b) => Math.max(a, b), 1);
  return 2 ** Math.ceil(Math.log2(Math.max(1, 16 * most * particles * scale * scale)) - 61);
}
