import { shellCounts } from "../geometry/fourier.js";
import type { BatchResult } from "./batch-result.js";
import type { IterationInput } from "./iteration.js";
import type { Model } from "./model.js";
import type { ParticleState } from "./particles.js";
import type { Pose } from "./search.js";

/** Shells with more signal than this count in the intensity scales of groups. */
const scaleSsnr = 3;
/** Intensity scales stay within this factor of their median. */
const scaleRange = 5;
const leastNoise = 1e-14;

/** What batches have added to the sums. */
export interface SavedSums {
  readonly arrays: readonly Float64Array[];
  readonly numbers: Readonly<Record<string, number>>;
}

/**
 * The sums of an iteration that the host keeps: new parameters of every particle, and what the next noise spectra, intensity scales,
 * distributions and averages are made of (Scheres 2012, J Struct Biol 180:519).
 */
export class ParameterSums {
  /** Weight of each class. */
  readonly classWeight: Float64Array;
  /** Particles without a result: their weights were all zero or their images not finite. */
  failed = 0;
  private readonly directions: Float64Array[];
  private readonly noise: Float64Array[];
  private readonly groupWeight: Float64Array;
  private readonly cross: Float64Array;
  private readonly energy: Float64Array;
  private offset2 = 0;
  private normSum = 0;
  private logLikelihood = 0;
  private maxProbability = 0;
  /** Sum of ln 2 pi sigma2 over the pixels of the current size, by group. */
  private readonly logNoise: Float64Array;
  private readonly pixels: Float64Array;
  /** Particles of each group in this (half) set. */
  private readonly groupSizes: Float64Array;

  constructor(
    private readonly input: IterationInput,
    private readonly next: ParticleState,
  ) {
    const { model, search, sizes, set } = input;
    const groups = model.noise.length;
    const shells = set.box / 2 + 1;
    this.pixels = shellCounts(set.box);
    this.groupSizes = new Float64Array(groups);
    for (const p of input.members) this.groupSizes[set.group[p]]++;
    this.classWeight = new Float64Array(model.classes.length);
    this.directions = model.classes.map(() => new Float64Array(search.grid.rot.length));
    this.noise = model.noise.map(() => new Float64Array(shells));
    this.groupWeight = new Float64Array(groups);
    this.cross = new Float64Array(groups);
    this.energy = new Float64Array(groups);
    const currentPixels = shellCounts(sizes.current);
    this.logNoise = Float64Array.from(model.noise, (sigma2) =>
      currentPixels.reduce(
        (sum, count, s) => (s > 0 && sigma2[s] > 0 ? sum + count * Math.log(2 * Math.PI * sigma2[s]) : sum),
        0,
      ),
    );
  }

  get weight(): number {
    return this.classWeight.reduce((sum, value) => sum + value, 0);
  }

  add(batch: BatchResult): void {
    for (let i = 0; i < batch.particles.length; i++) this.addParticle(batch, i);
  }

  private addParticle(batch: BatchResult, i: number): void {
    const { input, next } = this;
    const { model, search, sizes, set, options, state } = input;
    const { result, power, shifts } = batch;
    const particle = batch.particles[i];
    const group = set.group[particle];
    const pose = batch.poses[i];
    if (pose === undefined || !Number.isFinite(result.logEvidence[i])) {
      this.failed++;
      next.maxProbability[particle] = 0;
      next.significant[particle] = 0;
      return;
    }
    const classes = result.shellTerms.length / (3 * batch.particles.length * (sizes.current / 2 + 1));
    const a = set.pixelSize;

    const [weight, sumX, sumY, sum2] = result.moments.subarray(4 * i, 4 * i + 4);
    const [dx, dy] = [set.priorX[particle] / a - shifts[2 * i], set.priorY[particle] / a - shifts[2 * i + 1]];
    this.offset2 += a * a * (weight * (dx * dx + dy * dy) - 2 * (dx * sumX + dy * sumY) + sum2);

    let norm = 0;
    let highPower = 0;
    const noise = this.noise[group];
    const scale = Math.max(0.001, model.scale[group]);
    const shellsOfSums = sizes.current / 2 + 1;
    for (let s = 0; s < shellsOfSums; s++) {
      let [cross, energy] = [0, 0];
      for (let k = 0; k < classes; k++) {
        const at = 3 * ((k * batch.particles.length + i) * shellsOfSums + s);
        const [re, square] = [result.shellTerms[at], result.shellTerms[at + 1]];
        cross += re;
        energy += square;
        if (model.classes[k].radial.dataVsPrior[s] > scaleSsnr) {
          this.cross[group] += re / scale;
          this.energy[group] += square / (scale * scale);
        }
      }
      const difference = weight * result.shellTerms[3 * (i * shellsOfSums + s) + 2] - 2 * cross + energy;
      noise[s] += difference;
      norm += difference;
    }
    for (let s = shellsOfSums; s < noise.length; s++) {
      const value = power[i * noise.length + s];
      noise[s] += value;
      highPower += value;
    }
    norm += highPower;
    this.groupWeight[group] += weight;

    const psis = search.grid.psi.length;
    for (let run = result.runStart[i]; run < result.runStart[i + 1]; run++) {
      const orientation = result.runOrientation[run];
      const k = Math.floor(orientation / search.orientations);
      const direction = Math.floor((orientation % search.orientations) / psis);
      this.classWeight[k] += result.runWeight[run];
      this.directions[k][direction] += result.runWeight[run];
    }

    const correction = (state.norm[particle] / model.averageNorm) * Math.sqrt(2 * Math.max(0, norm));
    if (options.norm) next.norm[particle] = correction;
    this.normSum += correction;
    this.maxProbability += result.maxProbability[i];
    next.maxProbability[particle] = result.maxProbability[i];
    next.significant[particle] = result.significant[i];
    next.logLikelihood[particle] = input.correlation
      ? result.bestScore[i]
      : result.logEvidence[i] - result.constants[i] - highPower / 2 - this.logNoise[group];
    this.logLikelihood += next.logLikelihood[particle];
    this.setPose(particle, pose, shifts[2 * i], shifts[2 * i + 1]);
  }

  private setPose(particle: number, pose: Pose, shiftX: number, shiftY: number): void {
    const { set } = this.input;
    const { next } = this;
    next.rot[particle] = pose.rot;
    next.tilt[particle] = pose.tilt;
    next.psi[particle] = pose.psi;
    next.originX[particle] = (shiftX + pose.x) * set.pixelSize;
    next.originY[particle] = (shiftY + pose.y) * set.pixelSize;
    next.class[particle] = pose.class;
  }

  private get arrays(): Float64Array[] {
    const { classWeight, directions, noise, groupWeight, cross, energy } = this;
    return [classWeight, ...directions, ...noise, groupWeight, cross, energy];
  }

  /** What was added so far, without the new state of the particles. */
  save(): SavedSums {
    const { failed, offset2, normSum, logLikelihood, maxProbability } = this;
    return {
      arrays: this.arrays.map((sums) => sums.slice()),
      numbers: { failed, offset2, normSum, logLikelihood, maxProbability },
    };
  }

  restore({ arrays, numbers }: SavedSums): void {
    for (const [at, sums] of this.arrays.entries()) sums.set(arrays[at]);
    Object.assign(this, numbers);
  }

  /** Add the sums of the other half set. */
  absorb(other: ParameterSums): void {
    const add = (to: Float64Array, from: Float64Array) => {
      for (const [at, value] of from.entries()) to[at] += value;
    };
    add(this.classWeight, other.classWeight);
    add(this.groupWeight, other.groupWeight);
    add(this.cross, other.cross);
    add(this.energy, other.energy);
    for (const [k, directions] of other.directions.entries()) add(this.directions[k], directions);
    for (const [g, noise] of other.noise.entries()) add(this.noise[g], noise);
    this.failed += other.failed;
    this.offset2 += other.offset2;
    this.normSum += other.normSum;
    this.logLikelihood += other.logLikelihood;
    this.maxProbability += other.maxProbability;
    for (const [g, count] of other.groupSizes.entries()) this.groupSizes[g] += count;
  }

  /** The model with new parameters; maps and radial quantities are left to the reconstruction. */
  update(model: Model): void {
    const { options, correlation, members, search } = this.input;
    const total = this.weight;
    if (!(total > 0)) return;
    if (options.norm) model.averageNorm = this.normSum / total;
    if (options.scale && model.scale.length > 1 && !correlation) model.scale = this.scales();
    for (const [k, own] of model.classes.entries()) {
      own.weight = this.classWeight[k] / total;
      if (!options.skipAlign && !options.skipRotate)
        own.directions = this.directions[k].map((sum) => sum / total);
      else
        own.directions = new Float64Array(search.grid.rot.length).fill(own.weight / search.grid.rot.length);
    }
    if (!options.fixSigmaOffset) model.sigmaOffset = Math.sqrt(this.offset2 / (2 * total));
    if (!correlation && !options.fixSigmaNoise)
      model.noise = this.noise.map((sums, group) => this.noiseSpectrum(sums, group));
    model.averagePmax = this.maxProbability / total;
    model.logLikelihood = correlation ? this.logLikelihood / members.length : this.logLikelihood;
  }

  private noiseSpectrum(sums: Float64Array, group: number): Float64Array {
    const weight = this.groupWeight[group];
    if (!(weight > 0)) return this.input.model.noise[group];
    const sigma2 = sums.map((sum, s) => sum / (2 * weight * this.pixels[s]));
    for (let s = 1; s < sigma2.length; s++) if (!(sigma2[s] >= leastNoise)) sigma2[s] = sigma2[s - 1];
    return sigma2;
  }

  private scales(): Float64Array {
    const { groupSizes } = this;
    const scale = this.cross.map((cross, group) => (this.energy[group] > 0 ? cross / this.energy[group] : 1));
    const median = Float64Array.from(scale).sort()[scale.length >> 1];
    const held = scale.map((value) => Math.min(scaleRange * median, Math.max(median / scaleRange, value)));
    const particles = groupSizes.reduce((sum, size) => sum + size, 0);
    const mean = held.reduce((sum, value, group) => sum + value * groupSizes[group], 0) / particles;
    return held.map((value) => value / mean);
  }
}
