import { Ctf, type CtfParameters } from "../geometry/ctf.js";
import { eulerToMatrix } from "../geometry/euler.js";
import { type HalfTransform, halfTransform, inverseRealFft, realFft } from "../geometry/fft.js";
import { centreBySign, shiftImage } from "../geometry/fourier.js";
import { RandomStream } from "./random.js";
import { accurateSlice, colouredFilter, type SliceSource } from "./slices.js";

/** Optics of a group of particles. */
export interface OpticsGroup {
  readonly name: string;
  /** kV, mm, fraction. */
  readonly voltage: number;
  readonly sphericalAberration: number;
  readonly amplitudeContrast: number;
}

/** Everything that a particle set is made from, besides the maps. Lengths in Angstrom unless said otherwise. */
export interface SimulationPlan {
  readonly seed: number;
  readonly count: number;
  readonly box: number;
  readonly pixelSize: number;
  readonly optics: readonly OpticsGroup[];
  /** Shares of the classes; they need not add up to 1. */
  readonly classWeights: readonly number[];
  /** Each particle mixes two neighbouring classes in a random proportion instead of showing one. */
  readonly continuous: boolean;
  readonly micrographs: number;
  readonly defocus: readonly [number, number];
  readonly astigmatism: number;
  readonly bFactor: number;
  /** Degrees. */
  readonly phaseShift: number;
  readonly applyCtf: boolean;
  /** Standard deviation of the offsets along x and y, cut at three of them. */
  readonly offsetSigma: number;
  /** Relative standard deviation of the particles' scale. */
  readonly scaleSigma: number;
  /** Variance of the signal over that of the noise inside the particle disc; 0: no noise. */
  readonly snr: number;
  /** Share of the noise power that is low-frequency, and its correlation length. */
  readonly colouredShare: number;
  readonly correlationLength: number;
  /** Diameter of the disc. */
  readonly diameter: number;
  /** Poses to use instead of random ones: rot, tilt, psi, x, y of each particle. */
  readonly poses?: Float64Array;
}

/** What is true of one particle. Angles in degrees. */
export interface ParticleTruth {
  readonly rot: number;
  readonly tilt: number;
  readonly psi: number;
  /** RELION's origin: the shift that centres the particle. */
  readonly originX: number;
  readonly originY: number;
  /** From 0. */
  readonly class: number;
  /** Share of the next class in a continuous mixture, else 0. */
  readonly mixture: number;
  readonly optics: number;
  readonly micrograph: number;
  readonly scale: number;
  readonly ctf: CtfParameters;
}

const sixDecimals = (value: number) => Math.round(value * 1e6) / 1e6;
const fiveDecimals = (value: number) => Math.round(value * 1e5) / 1e5;

/** The truth about a particle, from the seed and its number alone. Poses have 5 decimals, so that STAR files hold them exactly. */
export function particleTruth(plan: SimulationPlan, particle: number): ParticleTruth {
  const random = new RandomStream(plan.seed, "pose", particle);
  const micrograph = Math.floor((particle * plan.micrographs) / plan.count);
  const shared = new RandomStream(plan.seed, "micrograph", micrograph);
  const offset = () => {
    const value = Math.max(-3, Math.min(3, random.gaussian()));
    return fiveDecimals(value * plan.offsetSigma);
  };
  const angles = {
    rot: fiveDecimals(random.uniform(-180, 180)),
    tilt: fiveDecimals((Math.acos(random.uniform(-1, 1)) * 180) / Math.PI),
    psi: fiveDecimals(random.uniform(-180, 180)),
  };
  const [originX, originY] = [offset(), offset()];
  const chosen = chooseClass(plan, random);
  const mean = shared.uniform(...plan.defocus) + 100 * random.gaussian();
  const half = shared.uniform(0, plan.astigmatism) / 2;
  const optics = Math.floor((micrograph * plan.optics.length) / plan.micrographs);
  const group = plan.optics[optics];
  const given = plan.poses?.subarray(particle * 5, particle * 5 + 5);
  return {
    ...(given === undefined
      ? { ...angles, originX, originY }
      : { rot: given[0], tilt: given[1], psi: given[2], originX: given[3], originY: given[4] }),
    ...chosen,
    optics,
    micrograph,
    scale: sixDecimals(Math.max(0.1, 1 + plan.scaleSigma * random.gaussian())),
    ctf: {
      voltage: group.voltage,
      sphericalAberration: group.sphericalAberration,
      amplitudeContrast: group.amplitudeContrast,
      defocusU: sixDecimals(mean + half),
      defocusV: sixDecimals(mean - half),
      defocusAngle: sixDecimals(shared.uniform(0, 180)),
      bFactor: plan.bFactor,
      phaseShift: plan.phaseShift,
    },
  };
}

function chooseClass(plan: SimulationPlan, random: RandomStream): { class: number; mixture: number } {
  const { classWeights, continuous } = plan;
  if (continuous) {
    const along = random.uniform(0, classWeights.length - 1);
    const first = Math.min(classWeights.length - 2, Math.floor(along));
    return { class: first, mixture: sixDecimals(along - first) };
  }
  let rest = random.uniform(
    0,
    classWeights.reduce((sum, weight) => sum + weight, 0),
  );
  let chosen = 0;
  while (chosen < classWeights.length - 1 && rest >= classWeights[chosen]) rest -= classWeights[chosen++];
  return { class: chosen, mixture: 0 };
}

/** Makes particle images. One for each thread. */
export class ParticleRenderer {
  private readonly slice: HalfTransform;
  private readonly other: HalfTransform;
  private readonly ctf: Float64Array;
  private readonly filter: Float64Array;
  private readonly inside: Uint8Array;

  constructor(
    private readonly plan: SimulationPlan,
    private readonly sources: readonly SliceSource[],
    /** Factor from the maps' units to the images', from `signalScale`. */
    private readonly amplitude: number,
  ) {
    const { box, pixelSize, diameter, correlationLength } = plan;
    this.slice = halfTransform([box, box]);
    this.other = halfTransform([box, box]);
    this.ctf = new Float64Array(this.slice.re.length);
    this.filter = colouredFilter(box, pixelSize, correlationLength);
    this.inside = discOf(box, diameter / pixelSize / 2);
  }

  /** Projection with CTF and offset, in the maps' units, without noise. */
  signal(truth: ParticleTruth): Float64Array {
    const { plan, slice } = this;
    const matrix = eulerToMatrix(truth.rot, truth.tilt, truth.psi);
    accurateSlice(this.sources[truth.class], matrix, slice);
    if (truth.mixture > 0) {
      accurateSlice(this.sources[truth.class + 1], matrix, this.other);
      for (let i = 0; i < slice.re.length; i++) {
        slice.re[i] += truth.mixture * (this.other.re[i] - slice.re[i]);
        slice.im[i] += truth.mixture * (this.other.im[i] - slice.im[i]);
      }
    }
    shiftImage(slice, -truth.originX / plan.pixelSize, -truth.originY / plan.pixelSize, plan.box);
    if (plan.applyCtf) {
      new Ctf(truth.ctf).image({ box: plan.box, pixelSize: plan.pixelSize }, this.ctf);
      for (let i = 0; i < slice.re.length; i++) {
        slice.re[i] *= this.ctf[i];
        slice.im[i] *= this.ctf[i];
      }
    }
    return inverseRealFft(centreBySign(slice));
  }

  /** Variance of a signal inside the particle disc. */
  signalVariance(truth: ParticleTruth): number {
    const values = this.signal(truth).filter((_, i) => this.inside[i] === 1);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  }

  /** The particle image: signal and noise, background of mean 0 and standard deviation 1 where there is noise. */
  render(particle: number, out: Float32Array): void {
    const { plan } = this;
    const truth = particleTruth(plan, particle);
    const image = this.signal(truth);
    const factor = this.amplitude * truth.scale;
    if (plan.snr === 0) {
      for (let i = 0; i < image.length; i++) out[i] = image[i] * factor;
      return;
    }
    const random = new RandomStream(plan.seed, "noise", particle);
    const white = Math.sqrt(1 - plan.colouredShare);
    const noise = this.colouredNoise(random);
    for (let i = 0; i < image.length; i++)
      image[i] = image[i] * factor + white * random.gaussian() + noise[i];
    this.normalise(image);
    out.set(image);
  }

  private colouredNoise(random: RandomStream): Float64Array {
    const { box, colouredShare } = this.plan;
    const noise = new Float64Array(box * box);
    if (colouredShare === 0) return noise;
    for (let i = 0; i < noise.length; i++) noise[i] = Math.sqrt(colouredShare) * random.gaussian();
    const t = realFft(noise, [box, box], this.other);
    for (let i = 0; i < t.re.length; i++) {
      t.re[i] *= this.filter[i];
      t.im[i] *= this.filter[i];
    }
    return inverseRealFft(t, noise);
  }

  private normalise(image: Float64Array): void {
    let [sum, squares, count] = [0, 0, 0];
    for (let i = 0; i < image.length; i++) {
      if (this.inside[i] === 1) continue;
      sum += image[i];
      squares += image[i] * image[i];
      count++;
    }
    const mean = sum / count;
    const deviation = Math.sqrt(squares / count - mean * mean);
    for (let i = 0; i < image.length; i++) image[i] = (image[i] - mean) / deviation;
  }
}

/** 1 inside the circle of `radius` pixels around the centre pixel. */
function discOf(box: number, radius: number): Uint8Array {
  return Uint8Array.from({ length: box * box }, (_, i) =>
    Math.hypot((i % box) - box / 2, Math.floor(i / box) - box / 2) <= radius ? 1 : 0,
  );
}

/**
 * The factor by which signals must be multiplied for the signal-to-noise ratio of the plan, with noise of variance 1: from the mean variance
 * of up to 24 signals inside the disc. 1 without noise.
 */
export function signalScale(plan: SimulationPlan, sources: readonly SliceSource[]): number {
  if (plan.snr === 0) return 1;
  const renderer = new ParticleRenderer(plan, sources, 1);
  const step = Math.max(1, Math.floor(plan.count / 24));
  let [sum, used] = [0, 0];
  for (let particle = 0; particle < plan.count && used < 24; particle += step, used++)
    sum += renderer.signalVariance(particleTruth(plan, particle));
  return Math.sqrt(plan.snr / (sum / used));
}
