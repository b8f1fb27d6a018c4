import type { PointGroup } from "../geometry/symmetry.js";
import type {
  CentredArray,
  DeviceBuffer,
  ParticleBatch,
  Phases,
  PixelSet,
  Runtime,
} from "../runtime/contract.js";
import { logZero } from "../runtime/contract.js";
import { reconstruct } from "../runtime/reconstruct.js";
import { centredLength, ctfLength, ctfRow, makePhases, makePixels } from "../runtime/tables.js";
import {
  CapacityError,
  type ExpectationBatch,
  type ExpectationCapacity,
  type ExpectationModel,
  type ExpectationResult,
  expectBatch,
} from "./expectation.js";
import { prepareImages } from "./images.js";
import type { Model } from "./model.js";
import { noiseImages } from "./noise-fill.js";
import type { RefineOptions } from "./options.js";
import type { ParticleSet, ParticleState } from "./particles.js";
import { allocProjector, fillProjector } from "./reference.js";
import type { ImageSizes } from "./schedule.js";
import type { Search } from "./search.js";
import { priorOfTau2, type RadialSsnr, radialSsnr } from "./ssnr.js";

/** What an iteration works with; nothing in it changes until its end. */
export interface IterationInput {
  readonly options: RefineOptions;
  readonly model: Model;
  readonly set: ParticleSet;
  readonly state: ParticleState;
  readonly search: Search;
  readonly sizes: ImageSizes;
  readonly group: PointGroup;
  /** Normalised cross-correlation instead of likelihoods. */
  readonly correlation: boolean;
  /** Only the first reference takes part. */
  readonly oneClass: boolean;
  /** The class that each particle is bound to while classes grow from one reference. */
  readonly seeds?: Uint32Array;
}

/** Results of a batch with what only the batch knew. */
export interface BatchResult {
  readonly particles: readonly number[];
  readonly result: ExpectationResult;
  /** Power of the masked images by shell 0 .. box / 2: [i][s]. */
  readonly power: Float64Array;
  /** Whole pixels by which the images were moved: pairs. */
  readonly shifts: Int32Array;
  /** Particles whose set of significant samples was cut to what fits. */
  readonly limited: number;
}

/** A reconstructed class. */
export interface ReconstructedClass {
  readonly map: Float32Array | Float64Array;
  readonly radial: RadialSsnr;
}

/** Bytes of view buffers at a time. */
const viewBytes = 2 ** 26;
/** Coarse samples that a particle of a batch may keep on average. */
const keptEach = 4096;

/** The device's side of one iteration, in its iteration scope: opened, fed with batches, asked for the classes, closed. */
export class DeviceIteration {
  /** Power spectrum of each reference: tau2 where there is no FSC. */
  readonly tau2: Float64Array[] = [];
  private constructor(
    private readonly runtime: Runtime,
    private readonly input: IterationInput,
    private readonly model: ExpectationModel,
    private readonly pixels: { readonly coarse: PixelSet; readonly fine: PixelSet; readonly sums: PixelSet },
    private readonly noiseTable: DeviceBuffer,
    private readonly batchSize: number,
  ) {}

  static async open(runtime: Runtime, input: IterationInput, batchSize: number): Promise<DeviceIteration> {
    const { model, search, sizes, options } = input;
    const { box, padding } = model;
    const put = (kind: "real" | "index", name: string, values: ArrayLike<number>) => {
      const buffer = runtime.alloc(kind, name, values.length);
      runtime.upload(buffer, values);
      return buffer;
    };
    runtime.push("iteration");
    const classes = input.oneClass ? 1 : model.classes.length;
    const projector = allocProjector(runtime, box, padding, sizes.current, classes);
    const choice = input.correlation ? "all" : "shells";
    const coarse = makePixels(runtime, sizes.coarse, choice);
    const fine = makePixels(runtime, sizes.fine, choice);
    const sums = makePixels(runtime, sizes.current, "shells");
    const orientations = classes * search.orientations;
    const slices_ok = runtime.alloc("complex", "slices", orientations * coarse.count);
    const coarseMatrices = put("real", "coarse orientations", search.coarseMatrices);
    const phases = (shifts: Float64Array, size: number): Phases => makePhases(runtime, shifts, size, box);
    const rows = search.orientations * search.rotations;
    const accumulator = runtime.alloc("accumulator", "accumulators", classes * centredLength(projector));
    const expectation: ExpectationModel = {
      projector,
      slices_ok,
      orientations,
      coarsePhases: phases(search.coarseShifts, sizes.coarse),
      finePhases: phases(search.childShifts, sizes.fine),
      sumPhases: phases(search.childShifts, sizes.current),
      childTranslations_t2: put("real", "child translations", search.childShifts),
      matrices: put("real", "child orientations", search.childMatrices),
      rows,
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
    const device = new DeviceIteration(runtime, input, expectation, { coarse, fine, sums }, table, batchSize);
    for (let slot = 0; slot < classes; slot++) {
      runtime.push("job");
      const map = put("real", "reference", model.classes[slot].map);
      device.tau2.push(await fillProjector(runtime, map, box, projector, slot));
      runtime.pop("job");
    }
    await runtime.projectSlices({
      projector,
      slot: 0,
      matrices: coarseMatrices,
      rows: search.orientations,
      count: orientations,
      pixels: coarse,
      slices_ok,
    });
    if (options.gsd === "direct" && input.correlation) return device;
    return device;
  }

  get projector(): CentredArray {
    return this.model.projector;
  }

  /** One batch of particles (numbers in the set; images [i][y][x] as read). Splits itself where it keeps more than fits. */
  async *expect(particles: readonly number[], images: Float32Array): AsyncGenerator<BatchResult> {
    try {
      yield await this.batch(particles, images, undefined);
    } catch (error) {
      if (!(error instanceof CapacityError)) throw error;
      if (particles.length === 1) {
        yield await this.batch(particles, images, this.capacity.groups);
        return;
      }
      const half = particles.length >> 1;
      const size = this.input.set.box ** 2;
      yield* this.expect(particles.slice(0, half), images.subarray(0, half * size));
      yield* this.expect(particles.slice(half), images.subarray(half * size));
    }
  }

  /** Sums of a class, finished into a map. `norm` is the sum of its weights; without data the map is empty. */
  async reconstruct(slot: number, norm: number): Promise<ReconstructedClass> {
    const { runtime, model, input } = this;
    const { projector, accumulator, unit } = model;
    const { options, group } = input;
    const { box } = input.model;
    const length = centredLength(projector);
    runtime.push("job");
    try {
      let data = runtime.alloc("complex", "data", length);
      let weight = runtime.alloc("real", "weight", length);
      await runtime.finishAccumulator({ accumulator, geometry: projector, slot, unit, data, weight });
      const others = group.operators.slice(1);
      if (others.length > 0) {
        const operators = runtime.alloc("real", "operators", 9 * others.length);
        runtime.upload(operators, Float64Array.from(others.flatMap((operator) => [...operator])));
        const [outData, outWeight] = [
          runtime.alloc("complex", "symmetrised data", length),
          runtime.alloc("real", "symmetrised weight", length),
        ];
        await runtime.symmetrise({
          data,
          weight,
          geometry: projector,
          operators,
          count: others.length,
          outData,
          outWeight,
        });
        [data, weight] = [outData, outWeight];
      }
      const tau2 = this.tau2[slot];
      const radial = await radialSsnr(runtime, {
        weight,
        geometry: projector,
        box,
        fudge: options.tau2Fudge,
        prior: { tau2 },
      });
      const map = runtime.alloc("real", "map", box ** 3);
      const prior_s = runtime.alloc("real", "prior", tau2.length);
      runtime.upload(prior_s, priorOfTau2(tau2, projector.padding, options.tau2Fudge));
      await reconstruct(runtime, {
        data,
        weight,
        geometry: projector,
        box,
        paddedBox: Math.round(projector.padding * box),
        map,
        prior_s,
        norm,
        gridding: options.skipGridding ? "skip" : 10,
      });
      const voxels = (await runtime.download(map)) as Float32Array | Float64Array;
      return { map: norm > 0 ? voxels : voxels.fill(0), radial };
    } finally {
      runtime.pop("job");
    }
  }

  /** Throws where a back-projected value was not a number or did not fit. */
  async check(): Promise<void> {
    const [status] = await this.runtime.download(this.model.status);
    if (status !== 0)
      throw new CapacityError(
        "a back-projected value is not finite or far larger than the noise spectra allow; look for images with NaN or wrong normalisation (cryotile info --i STACK)",
      );
  }

  close(): void {
    this.runtime.pop("iteration");
  }

  private get capacity(): ExpectationCapacity {
    const { model, batchSize, pixels } = this;
    const all = batchSize * model.orientations * model.coarsePhases.count;
    const groups = Math.min(all, batchSize * keptEach);
    const runs = Math.min(groups, batchSize * model.orientations);
    const each = 36 * pixels.sums.count * model.rotations;
    return { groups, runs, blockRuns: Math.max(1, Math.min(runs, Math.floor(viewBytes / each))) };
  }

  private async batch(
    particles: readonly number[],
    images: Float32Array,
    limit: number | undefined,
  ): Promise<BatchResult> {
    const { runtime, input } = this;
    const { options, model, set, state } = input;
    const { box } = set;
    const count = particles.length;
    runtime.push("job");
    try {
      const put = (kind: "real" | "index", name: string, values: ArrayLike<number>) => {
        const buffer = runtime.alloc(kind, name, values.length);
        runtime.upload(buffer, values);
        return buffer;
      };
      const shifts = Int32Array.from({ length: 2 * count }, (_, at) =>
        roundHalfAway((at % 2 === 0 ? state.originX : state.originY)[particles[at >> 1]] / set.pixelSize),
      );
      const group_i = put(
        "index",
        "groups",
        Uint32Array.from(particles, (p) => set.group[p]),
      );
      const rows = put("real", "ctf parameters", Float64Array.from(particles.flatMap((p) => this.ctfRow(p))));
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
      const sums = await batchOf(this.pixels.sums);
      const unmasked_ik = runtime.alloc("complex", "images without mask", count * sums.pixels.count);
      const sumWeights_ik = runtime.alloc("real", "noise weights of sums", count * sums.pixels.count);
      await this.noiseWeights(group_i, count, sums.pixels, false, sumWeights_ik);
      const noise = options.zeroMask
        ? undefined
        : put(
            "real",
            "noise images",
            noiseImages(
              box,
              particles,
              particles.map((p) => model.noise[set.group[p]]),
              options.randomSeed,
            ),
          );
      await prepareImages(runtime, {
        images: put("real", "raw images", images),
        count,
        box,
        shift_i2: put(
          "index",
          "whole shifts",
          Uint32Array.from(shifts, (value) => value >>> 0),
        ),
        factor_i: put(
          "real",
          "norm factors",
          Float64Array.from(particles, (p) => (options.norm ? model.averageNorm / state.norm[p] : 1)),
        ),
        mask: {
          radius: options.particleDiameter / (2 * set.pixelSize),
          width: options.maskEdge,
          ...(noise === undefined ? {} : { noise }),
        },
        masked: [coarse, fine, sums].map(({ pixels, images_ik }) => ({ pixels, out: images_ik })),
        unmasked: { pixels: sums.pixels, out: unmasked_ik },
        power_is,
      });
      const orientation = this.orientationPriors(particles);
      const batch: ExpectationBatch = {
        coarse,
        fine,
        sums,
        unmasked_ik,
        sumWeights_ik,
        priors: {
          orientation_o: put("real", "orientation priors", orientation.values),
          perParticle: orientation.perParticle,
          translation_it: put("real", "translation priors", this.translationPriors(particles, shifts)),
        },
      };
      const result = await expectBatch(
        runtime,
        this.model,
        batch,
        {
          fraction: options.adaptiveFraction,
          maxSignificant: Math.min(options.maxSig ?? 2 ** 31, limit ?? 2 ** 31),
          strategy: options.gsd,
          correlation: input.correlation,
          singlePass: options.oversampling === 0,
        },
        this.capacity,
      );
      return {
        particles,
        result,
        power: Float64Array.from(await runtime.download(power_is)),
        shifts,
        limited: limit === undefined ? 0 : count,
      };
    } finally {
      runtime.pop("job");
    }
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

  private ctfRow(particle: number): number[] {
    const { options, set, model } = this.input;
    const scale = Math.max(0.001, model.scale[set.group[particle]]);
    const { box, pixelSize } = set;
    if (!options.ctf || !model.ctfCorrected) {
      // Scale alone: sin of a quarter turn below zero.
      const row = new Array<number>(ctfLength).fill(0);
      row[4] = 0.25;
      row[6] = scale;
      return row;
    }
    const parameters = set.ctf[particle];
    return ctfRow(
      { ...parameters, scale: (parameters.scale ?? 1) * scale },
      {
        box,
        pixelSize,
        intactFirstPeak: options.ctfIntactFirstPeak,
        phaseFlipped: options.ctfPhaseFlipped,
        onlyFlipPhases: options.onlyFlipPhases,
      },
    );
  }

  /** Log priors of the coarse orientations, relative to their mean; one row for all unless particles are bound to classes. */
  private orientationPriors(particles: readonly number[]): { values: Float64Array; perParticle: boolean } {
    const { model, search, correlation, seeds, oneClass } = this.input;
    const classes = oneClass ? model.classes.slice(0, 1) : model.classes;
    const psis = search.grid.psi.length;
    const { orientations } = search;
    const shared = new Float64Array(classes.length * orientations);
    const all = classes.flatMap(({ directions }) => [...directions]);
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
    for (const [k, { directions, weight }] of classes.entries())
      for (let o = 0; o < orientations; o++) {
        const value = directions[Math.floor(o / psis)];
        shared[k * orientations + o] = correlation
          ? 0
          : value > 0 && weight > 0
            ? Math.log(value / mean)
            : logZero;
      }
    if (seeds === undefined || classes.length === 1) return { values: shared, perParticle: false };
    const values = new Float64Array(particles.length * shared.length);
    for (const [i, particle] of particles.entries())
      values.set(
        shared.map((prior, at) => (Math.floor(at / orientations) === seeds[particle] ? prior : logZero)),
        i * shared.length,
      );
    return { values, perParticle: true };
  }

  /** Log priors of the coarse translations (unperturbed), relative to their mean. */
  private translationPriors(particles: readonly number[], shifts: Int32Array): Float64Array {
    const { model, search, set, options, correlation } = this.input;
    const { x, y } = search.translations;
    const values = new Float64Array(particles.length * x.length);
    if (correlation) return values;
    const unit = set.pixelSize;
    const variance = model.sigmaOffset ** 2;
    for (const [i, particle] of particles.entries()) {
      const row = values.subarray(i * x.length, (i + 1) * x.length);
      for (let t = 0; t < x.length; t++) {
        const [oldX, oldY] = [shifts[2 * i], shifts[2 * i + 1]];
        const d2 = options.relionOffsetPrior
          ? ((oldX + x[t] - set.priorX[particle]) ** 2 + (oldY + y[t] - set.priorY[particle]) ** 2) *
            unit *
            unit
          : (oldX * unit + x[t] - set.priorX[particle]) ** 2 +
            (oldY * unit + y[t] - set.priorY[particle]) ** 2;
        row[t] = variance < 1e-4 ? (d2 === 0 ? 0 : logZero) : -d2 / (2 * variance);
      }
      const allowed = row.filter((value) => value > logZero);
      const most = allowed.reduce((a, b) => Math.max(a, b), logZero);
      const mean = allowed.reduce((sum, value) => sum + Math.exp(value - most), 0) / x.length;
      for (let t = 0; t < x.length; t++) if (row[t] > logZero) row[t] -= most + Math.log(mean);
    }
    return values;
  }
}

/** Half away from zero. */
const roundHalfAway = (value: number) => Math.sign(value) * Math.floor(Math.abs(value) + 0.5);

/** Step of the fixed-point sums: 2^61 of them hold what all particles can add to one element, with images of up to 16 times unit noise. */
function accumulatorUnit(model: Model, particles: number): number {
  let most = 0;
  for (const spectrum of model.noise)
    for (const sigma2 of spectrum) if (sigma2 > 0) most = Math.max(most, 1 / sigma2);
  const scale = model.scale.reduce((a, b) => Math.max(a, b), 1);
  return 2 ** Math.ceil(Math.log2(Math.max(1, 16 * most * particles * scale * scale)) - 61);
}
