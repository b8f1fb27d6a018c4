import { UserError } from "../errors.js";

/** Width of a stored weight: float32 or float64. */
export type WeightBytes = 4 | 8;

/** Bytes of one first-sample index. */
const indexBytes = 4;

/**
 * Fine weights of a batch of particles in the layout of Zhang et al. 2018 (LNCS 10847, section 4): the fine samples of one
 * coarse parent are consecutive, so a kept parent is a group of `children` values with one index.
 *
 * - `values_gs`: group-major, `children` values a group
 * - `firstSample_g`: the fine index of the group's first sample, a multiple of `children`
 * - `start_i`: the first group of each particle, and the number of groups at the end (length particles + 1)
 */
export interface CompressedWeights extends WeightsIndex {
  readonly values_gs: Float32Array | Float64Array;
}

/** Which samples are kept: compressed weights without their values. */
export interface WeightsIndex {
  readonly children: number;
  /** Fine samples of one particle, kept or not. */
  readonly samples: number;
  readonly start_i: Uint32Array;
  readonly firstSample_g: Uint32Array;
}

/** A broken rule of the layout, and the number (array and index) that breaks it. */
export interface WeightsFault {
  readonly problem: string;
  readonly array: "samples" | "start_i" | "firstSample_g";
  readonly index: number;
}

/** Bytes of one particle's fine weights: every sample stored. `parents` counts coarse samples. */
export const denseBytes = (parents: number, children: number, valueBytes: WeightBytes): number =>
  parents * children * valueBytes;

/** Bytes of one particle's fine weights as value/index pairs (the generic sparse layout). */
export const pairBytes = (kept: number, children: number, valueBytes: WeightBytes): number =>
  kept * children * (valueBytes + indexBytes);

/** Bytes of one particle's fine weights in groups with one index each. */
export const groupedBytes = (kept: number, children: number, valueBytes: WeightBytes): number =>
  kept * (children * valueBytes + indexBytes);

/** The smaller of the dense and the grouped layout for a particle that keeps `kept` of `parents`. */
export function smallerLayout(
  kept: number,
  parents: number,
  children: number,
  valueBytes: WeightBytes,
): "dense" | "grouped" {
  return groupedBytes(kept, children, valueBytes) < denseBytes(parents, children, valueBytes)
    ? "grouped"
    : "dense";
}

/**
 * Keep the groups of dense weights that `kept_i` names.
 * @param dense_is weights, particle-major, `samples` a particle
 * @param kept_i for every particle the kept parents (coarse indices), ascending
 * @throws UserError when a fine index needs more than 32 bits
 */
export function compressWeights(
  dense_is: Float32Array | Float64Array,
  samples: number,
  children: number,
  kept_i: readonly Uint32Array[],
): CompressedWeights {
  if (samples % children !== 0)
    throw new RangeError(`weights: ${samples} samples are no multiple of ${children}`);
  if (dense_is.length !== samples * kept_i.length)
    throw new RangeError(
      `weights: ${dense_is.length} values for ${kept_i.length} particles of ${samples} samples`,
    );
  if (samples > 2 ** 32)
    throw new UserError(
      `weights: ${samples} fine samples a particle exceed the 4-byte index; use a coarser sampling`,
    );
  const start_i = new Uint32Array(kept_i.length + 1);
  kept_i.forEach((kept, i) => {
    start_i[i + 1] = start_i[i] + kept.length;
  });
  const groups = start_i[kept_i.length];
  const firstSample_g = new Uint32Array(groups);
  const make = dense_is instanceof Float32Array ? Float32Array : Float64Array;
  const values_gs = new make(groups * children);
  kept_i.forEach((kept, i) => {
    kept.forEach((parent, n) => {
      const group = start_i[i] + n;
      const first = parent * children;
      firstSample_g[group] = first;
      values_gs.set(dense_is.subarray(i * samples + first, i * samples + first + children), group * children);
    });
  });
  return { children, samples, start_i, firstSample_g, values_gs };
}

/** The dense form of one particle's weights; samples that were not kept are 0. */
export function expandWeights(weights: CompressedWeights, particle: number): Float32Array | Float64Array {
  const { children, samples, start_i, firstSample_g, values_gs } = weights;
  const dense = values_gs instanceof Float32Array ? new Float32Array(samples) : new Float64Array(samples);
  for (let group = start_i[particle]; group < start_i[particle + 1]; group++)
    dense.set(values_gs.subarray(group * children, (group + 1) * children), firstSample_g[group]);
  return dense;
}

/** Fine weights of a batch in the smaller layout. */
export type StoredWeights =
  | { readonly layout: "grouped"; readonly weights: CompressedWeights }
  | {
      readonly layout: "dense";
      readonly children: number;
      readonly samples: number;
      /** Particle-major; samples that were not kept are 0. */
      readonly values_is: Float32Array | Float64Array;
    };

/** Keep the groups of dense weights that `kept_i` names, in the layout that takes fewer bytes. Arguments as `compressWeights`. */
export function storeWeights(
  dense_is: Float32Array | Float64Array,
  samples: number,
  children: number,
  kept_i: readonly Uint32Array[],
): StoredWeights {
  const weights = compressWeights(dense_is, samples, children, kept_i);
  const valueBytes = dense_is.BYTES_PER_ELEMENT as WeightBytes;
  const parents = (samples / children) * kept_i.length;
  if (smallerLayout(weights.firstSample_g.length, parents, children, valueBytes) === "grouped")
    return { layout: "grouped", weights };
  const values_is = dense_is.slice().fill(0);
  for (let i = 0; i < kept_i.length; i++) values_is.set(expandWeights(weights, i), i * samples);
  return { layout: "dense", children, samples, values_is };
}

/** The dense form of one particle's stored weights. */
export function storedParticle(stored: StoredWeights, particle: number): Float32Array | Float64Array {
  if (stored.layout === "grouped") return expandWeights(stored.weights, particle);
  return stored.values_is.subarray(particle * stored.samples, (particle + 1) * stored.samples);
}

/** The first broken rule of the index, or undefined. */
export function indexFault({
  children,
  samples,
  start_i,
  firstSample_g,
}: WeightsIndex): WeightsFault | undefined {
  const last = start_i.length - 1;
  if (children < 1 || samples % children !== 0)
    return {
      problem: `${samples} samples are no multiple of ${children} children`,
      array: "samples",
      index: 0,
    };
  if (last < 0 || start_i[0] !== 0)
    return { problem: "the first start is not 0", array: "start_i", index: 0 };
  if (start_i[last] !== firstSample_g.length)
    return { problem: "the last start is not the number of groups", array: "start_i", index: last };
  const fallen = start_i.findIndex((start, i) => i > 0 && start < start_i[i - 1]);
  if (fallen > 0) {
    const problem = `the start of particle ${fallen} is before that of particle ${fallen - 1}`;
    return { problem, array: "start_i", index: fallen };
  }
  for (let i = 0; i < last; i++) {
    for (let group = start_i[i]; group < start_i[i + 1]; group++) {
      const first = firstSample_g[group];
      const at = { array: "firstSample_g", index: group } as const;
      if (first % children !== 0 || first + children > samples)
        return { problem: `group ${group} starts at sample ${first}`, ...at };
      if (group > start_i[i] && first <= firstSample_g[group - 1])
        return { problem: `group ${group} is not after the one before it`, ...at };
    }
  }
  return undefined;
}

/** The position of the first value that is no weight (not finite, or negative), or -1. */
export function findBadWeight(values: Float32Array | Float64Array): number {
  for (let n = 0; n < values.length; n++)
    if (!(values[n] >= 0 && values[n] < Number.POSITIVE_INFINITY)) return n;
  return -1;
}

/** The first broken rule, or undefined: of the index, of the number of values, of the values. */
export function weightsFault(weights: CompressedWeights): string | undefined {
  const { children, firstSample_g, values_gs } = weights;
  const fault = indexFault(weights);
  if (fault !== undefined) return fault.problem;
  if (values_gs.length !== firstSample_g.length * children)
    return "the number of values is not groups x children";
  const bad = findBadWeight(values_gs);
  return bad < 0 ? undefined : `value ${bad} is ${values_gs[bad]}, not a finite number of at least 0`;
}
