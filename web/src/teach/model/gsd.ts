import {
  type Case,
  type CaseShape,
  coarseScores,
  imageConstants,
} from "../../../../src/app/small-case/case.js";
import type { Runtime, ScoreStrategy } from "../../../../src/runtime/contract.js";
import type { ShaderLoader } from "../../../../src/runtime/webgpu/shader.js";
import { type Access, type LaunchCount, openCounting } from "../kernel/machine.js";

/** The numbers of all samples of a case, from the runtime that is given (the reference): scores of blank images are the energies. */
export interface Differences {
  /** Squared difference less the constant of the particle: what the contract calls diff2. */
  readonly diff2_iot: Float64Array;
  /** 1/2 sum_k w |C S|^2 and 1/2 sum_k w |X|^2. */
  readonly energy_io: Float64Array;
  readonly constant_i: Float64Array;
  /** Re sum_k conj(S) w C X e. */
  readonly cross_iot: Float64Array;
}

export const sampleOf = (
  { orientations, translations }: CaseShape,
  i: number,
  o: number,
  t: number,
): number => (i * orientations + o) * translations + t;
export const poseOf = ({ orientations, translations }: CaseShape, sample: number) => ({
  i: Math.floor(sample / (orientations * translations)),
  o: Math.floor(sample / translations) % orientations,
  t: sample % translations,
});

export async function computeDifferences(runtime: Runtime, data: Case): Promise<Differences> {
  const { translations } = data.shape;
  const diff2_iot = await coarseScores(runtime, data);
  const constant_i = await imageConstants(runtime, data);
  const energy_io = await coarseScores(runtime, {
    ...data,
    shape: { ...data.shape, translations: 1 },
    translations_t2: new Float64Array(2),
    images_ik: new Float64Array(data.images_ik.length),
  });
  const cross_iot = diff2_iot.map((value, sample) => energy_io[Math.floor(sample / translations)] - value);
  return { diff2_iot, energy_io, constant_i, cross_iot };
}

/** Squared differences with their constants: what formula 5.1 says. */
export const fullDifferences = (
  { orientations, translations }: CaseShape,
  { diff2_iot, constant_i }: Differences,
): Float64Array =>
  diff2_iot.map((value, sample) => value + constant_i[Math.floor(sample / (orientations * translations))]);

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

/** How near each sample is, from 0 to 1 within its particle. */
export function nearness(
  { particles, orientations, translations }: CaseShape,
  values: Float64Array,
): Float64Array {
  const each = orientations * translations;
  const shares = new Float64Array(values.length);
  for (let i = 0; i < particles; i++) {
    const own = values.subarray(i * each, (i + 1) * each);
    const [least, most] = [Math.min(...own), Math.max(...own)];
    shares.set(
      own.map((value) => (most - value) / (most - least)),
      i * each,
    );
  }
  return shares;
}
