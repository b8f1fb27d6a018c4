import { type Case, coarseScores, imageConstants, shape } from "../../../../src/app/small-case/case.js";
import type { Runtime, ScoreStrategy } from "../../../../src/runtime/contract.js";
import type { ShaderLoader } from "../../../../src/runtime/webgpu/shader.js";
import { type Access, type LaunchCount, openCounting } from "../kernel/machine.js";

/**
 * Every number that the view of the squared differences shows, from the runtime that is given (the reference): scores of
 * masked weights are the partial sums of formula 5.2, scores of masked images the energies.
 */
export interface Differences {
  /** Squared difference less the constant of the particle: what the contract calls diff2. */
  readonly diff2_iot: Float64Array;
  /** 1/2 sum_k w |C S|^2 and 1/2 sum_k w |X|^2. */
  readonly energy_io: Float64Array;
  readonly constant_i: Float64Array;
  /** Re sum_k conj(S) w C X e. */
  readonly cross_iot: Float64Array;
  /** 1/2 w |C S - X e|^2 of every pixel: [k][iot]. */
  readonly terms_k: readonly Float64Array[];
}

const { particles, orientations, translations, pixels } = shape;
export const samples = particles * orientations * translations;
export const sampleOf = (i: number, o: number, t: number): number =>
  (i * orientations + o) * translations + t;
export const poseOf = (sample: number) => ({
  i: Math.floor(sample / (orientations * translations)),
  o: Math.floor(sample / translations) % orientations,
  t: sample % translations,
});

export async function computeDifferences(runtime: Runtime, data: Case): Promise<Differences> {
  const diff2_iot = await coarseScores(runtime, data);
  const constant_i = await imageConstants(runtime, data);
  const blank = await coarseScores(runtime, { ...data, images_ik: new Float64Array(data.images_ik.length) });
  const energy_io = Float64Array.from(
    { length: particles * orientations },
    (_, io) => blank[io * translations],
  );
  const cross_iot = diff2_iot.map((value, sample) => blank[sample] - value);
  const terms_k: Float64Array[] = [];
  for (let k = 0; k < pixels; k++) {
    const own = data.weights_ik.map((weight, at) => (at % pixels === k ? weight : 0));
    const constants = await imageConstants(runtime, data, own);
    const scores = await coarseScores(runtime, data, "direct", own);
    terms_k.push(scores.map((value, sample) => value + constants[poseOf(sample).i]));
  }
  return { diff2_iot, energy_io, constant_i, cross_iot, terms_k };
}

/** Gamma(from, to): the sum over pixels from <= k < to of every squared difference (formula 5.2). */
export function partialSums({ terms_k }: Differences, from: number, to: number): Float64Array {
  const sums = new Float64Array(samples);
  for (const terms of terms_k.slice(from, to)) for (let at = 0; at < samples; at++) sums[at] += terms[at];
  return sums;
}

/** One launch or several of a strategy on the case, and every access of the kernel that makes the scores. */
export interface CountedRun {
  readonly strategy: ScoreStrategy;
  readonly diff2_iot: Float64Array;
  readonly counts: readonly LaunchCount[];
  readonly accesses: readonly Access[];
}

/** Run the production kernels of a strategy on the case, counting. `edit` may change the text of a kernel. */
export async function countedRun(
  loadShader: ShaderLoader,
  data: Case,
  strategy: ScoreStrategy,
  options: { edit?: (kernel: string, code: string) => string; log?: boolean } = {},
): Promise<CountedRun> {
  const accesses: Access[] = [];
  const runtime = openCounting({
    loadShader,
    bytes: 2 ** 22,
    ...(options.edit === undefined ? {} : { edit: options.edit }),
    ...(options.log
      ? { onAccess: (access) => access.kernel.startsWith("diff2_") && accesses.push(access) }
      : {}),
  });
  const diff2_iot = await coarseScores(runtime, data, strategy);
  return { strategy, diff2_iot, counts: runtime.counts, accesses };
}

/** How often each element of an array was read from global memory. */
export function readsOf(run: CountedRun, array: string, elements: number): Uint32Array {
  const reads = new Uint32Array(elements);
  for (const { kind, space, array: name, index } of run.accesses)
    if (kind === "read" && space === "global" && name === array) reads[index]++;
  return reads;
}

/** Relative L2 difference of scores from those of the reference. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let total = 0;
  for (let at = 0; at < expected.length; at++) {
    difference += (found[at] - expected[at]) ** 2;
    total += expected[at] ** 2;
  }
  return Math.sqrt(difference / total);
}
