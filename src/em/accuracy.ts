import { Ctf } from "../geometry/ctf.js";
import { eulerToMatrix, transpose } from "../geometry/euler.js";
import { GlibcRandom } from "../geometry/random.js";
import { round } from "../geometry/rounding.js";
import type { CentredArray, Runtime } from "../runtime/contract.js";
import { makePixels, pixelTable, pixelX, pixelY } from "../runtime/tables.js";
import type { Model } from "./model.js";
import type { ParticleSet, ParticleState } from "./particles.js";

/** How well orientations and translations of a class can be told apart. */
export interface Accuracy {
  /** Degrees and Angstrom. */
  readonly rotations: number;
  readonly translations: number;
  /** Share of each shell in the difference that rotations make (rlnSpectralOrientabilityContribution). */
  readonly orientability: Float64Array;
}

/** Difference at which two images are told apart with 99 %: -ln 0.01. */
const detectable = 4.60517;
const rotationSteps: readonly [number, number][] = [
  [0.2, 0.05],
  [1, 0.1],
  [2, 0.2],
  [5, 0.5],
  [10, 1],
  [20, 2],
];
const translationSteps: readonly [number, number][] = [
  [1, 0.1],
  [2, 0.2],
  [5, 0.5],
  [10, 1],
];
const stepAt = (steps: readonly [number, number][], error: number, last: number) =>
  steps.find(([below]) => error < below)?.[1] ?? last;
const mostDegrees = 30;
/** Errors in an angle that are tried at one time, where their slices fit: to wait for a graphics card takes longer than to make them. */
const mostAhead = 8;
const aheadBytes = 2 ** 24;
const mostPixels = 10;

/** Work buffers of the estimate, in the scope that is open. */
export function accuracyBuffers(runtime: Runtime, size: number, count: number) {
  const pixels = makePixels(runtime, size, "shells");
  const bytes = count * pixels.count * runtime.layout.elementBytes.complex;
  const ahead = Math.max(1, Math.min(mostAhead, Math.floor(aheadBytes / bytes)));
  return {
    pixels,
    ahead,
    matrices: runtime.alloc("real", "trial orientations", 9 * ahead * count),
    slices_ok: runtime.alloc("complex", "trial slices", ahead * count * pixels.count),
  };
}

/**
 * The error in one angle or offset at which the expected squared difference of a particle's image with itself becomes significant, averaged
 * over particles (Scheres 2012, J Struct Biol 180:519, section 2.6). Slices come from the runtime, sums are taken on the host. Work buffers
 * come from the scope that is open.
 */
export async function estimateAccuracy(
  runtime: Runtime,
  a: {
    readonly projector: CentredArray;
    readonly slot: number;
    readonly size: number;
    readonly model: Model;
    readonly set: ParticleSet;
    readonly state: ParticleState;
    readonly particles: readonly number[];
    readonly seed: number;
    readonly ctf: boolean;
  },
): Promise<Accuracy> {
  const { model, set, state, particles, size } = a;
  const { box, pixelSize } = set;
  const table = pixelTable(size, "shells");
  const shells = Uint16Array.from(table, (packed) => round(Math.hypot(pixelX(packed), pixelY(packed))));
  const count = particles.length;
  const K = table.length;
  const { pixels, ahead, matrices, slices_ok } = accuracyBuffers(runtime, size, count);
  const project = async (angles: readonly (readonly [number, number, number])[]) => {
    runtime.upload(
      matrices,
      Float64Array.from(angles.flatMap(([rot, tilt, psi]) => [...transpose(eulerToMatrix(rot, tilt, psi))])),
    );
    await runtime.projectSlices({
      projector: a.projector,
      first: a.slot * angles.length,
      matrices,
      rows: angles.length,
      count: angles.length,
      pixels,
      slices_ok,
    });
    return runtime.download(slices_ok, 0, 2 * angles.length * K);
  };
  const angles = particles.map((p) => [state.rot[p], state.tilt[p], state.psi[p]] as const);
  const truth = (await project(angles)).slice();
  const step = 1 / (box * pixelSize);
  const frequencyX = Float64Array.from(table, (packed) => pixelX(packed) * step);
  const frequencyY = Float64Array.from(table, (packed) => pixelY(packed) * step);
  // CTF^2 / (2 sigma2) by particle and pixel.
  const weights = particles.map((p) => {
    const ctf = new Ctf(set.ctf[p]);
    const noise = model.noise[set.group[p]];
    const own = new Float64Array(K);
    for (let k = 0; k < K; k++) {
      if (shells[k] === 0) continue;
      const value = a.ctf ? ctf.at(frequencyX[k], frequencyY[k]) : 1;
      own[k] = (value * value) / (2 * noise[shells[k]]);
    }
    return own;
  });
  const drawn = particles.map((p) => new GlibcRandom(a.seed + p).uniform(0, 1));
  const contributions = new Float64Array(box / 2 + 1);
  const degrees = new Float64Array(count);
  let active = particles.map((_, i) => i);
  const last = particles.map(() => new Float64Array(box / 2 + 1));
  let error = 0;
  while (active.length > 0) {
    const errors = Array.from({ length: ahead }, () => {
      error += stepAt(rotationSteps, error, 5);
      return error;
    });
    const trial = await project(
      active.flatMap((i) => {
        const [rot, tilt, psi] = angles[i];
        const u = drawn[i];
        return errors.map((e): [number, number, number] =>
          u < 0.3333 ? [rot + e, tilt, psi] : u < 0.6667 ? [rot, tilt + e, psi] : [rot, tilt, psi + e],
        );
      }),
    );
    active = active.filter((i, position) =>
      errors.every((e, n) => {
        const at = 2 * (position * ahead + n) * K;
        degrees[i] = e;
        const sum = sumDifferences(
          trial.subarray(at, at + 2 * K),
          truth.subarray(2 * i * K, 2 * (i + 1) * K),
          weights[i],
          shells,
          last[i].fill(0),
        );
        return sum <= detectable && e <= mostDegrees;
      }),
    );
  }
  for (const own of last) for (const [s, value] of own.entries()) contributions[s] += value;
  const along = (frequency: (packed: number) => number) =>
    Uint16Array.from(table, (packed) => Math.abs(frequency(packed)));
  const [alongX, alongY] = [along(pixelX), along(pixelY)];
  const offsets = drawn.map((u, i) => {
    const power = powerByFrequency(
      truth.subarray(2 * i * K, 2 * (i + 1) * K),
      weights[i],
      u < 0.5 ? alongX : alongY,
      box,
    );
    let error = 0;
    for (;;) {
      error += stepAt(translationSteps, error, 2);
      const sum = power.reduce(
        (total, value, f) => total + value * 4 * Math.sin((Math.PI * f * error) / box) ** 2,
        0,
      );
      if (sum > detectable || error > mostPixels) return error;
    }
  });
  const mean = (values: ArrayLike<number>) =>
    Array.from(values).reduce((sum, value) => sum + value, 0) / count;
  const total = contributions.reduce((sum, value) => sum + value, 0);
  return {
    rotations: mean(degrees),
    translations: mean(offsets) * pixelSize,
    orientability: contributions.map((value) => (total > 0 ? value / total : 0)),
  };
}

type Numbers = Float32Array | Float64Array | Uint32Array;

/** Weighted squared differences of complex values: their sum, and by shell. */
function sumDifferences(
  one: Numbers,
  two: Numbers,
  weights: Float64Array,
  shells: Uint16Array,
  byShell: Float64Array,
): number {
  let sum = 0;
  for (let k = 0; k < weights.length; k++) {
    const re = one[2 * k] - two[2 * k];
    const im = one[2 * k + 1] - two[2 * k + 1];
    const part = weights[k] * (re * re + im * im);
    byShell[shells[k]] += part;
    sum += part;
  }
  return sum;
}

/** Weighted power of complex values by the size of their frequency. */
function powerByFrequency(
  values: Numbers,
  weights: Float64Array,
  frequency: Uint16Array,
  box: number,
): Float64Array {
  const power = new Float64Array(box / 2 + 1);
  for (let k = 0; k < weights.length; k++) {
    const re = values[2 * k];
    const im = values[2 * k + 1];
    power[frequency[k]] += weights[k] * (re * re + im * im);
  }
  return power;
}
