import type { ParticleState } from "../em/particles.js";
import type { Search } from "../em/search.js";
import type { CompressedSamples, DenseSamples, Runtime } from "../runtime/contract.js";

/** How far scores may be apart before another choice is an error. */
export interface ScoreBounds {
  /** Of squared differences: differences of log weights. */
  readonly diff2: number;
  readonly correlation: number;
}

/** Choices of one particle that stand within the bound of what was chosen. */
export interface Margin {
  /** Fine samples; the chosen one first. */
  readonly samples: number[];
  /** Coarse samples whose children take part if the other runtime prefers them. */
  readonly parents: number[];
  /** Numbers of significant coarse samples. */
  readonly least: number;
  readonly most: number;
}

/**
 * A runtime that tells, of every particle that passes through an expectation step, which other decisions its scores would allow within a
 * bound. Particles are told apart by their order.
 */
export function watchMargins(
  runtime: Runtime,
  bounds: ScoreBounds,
  fraction: number,
): { readonly runtime: Runtime; readonly margins: Margin[] } {
  const margins: Margin[] = [];
  let coarse: Omit<Margin, "samples">[] = [];
  let bound = bounds.diff2;
  let single = false;
  const dense = async ({ values, particles, orientations, translations }: DenseSamples) => {
    const each = orientations * translations;
    const weights = await runtime.download(values);
    coarse = Array.from({ length: particles }, (_, i) => {
      const own = weights.subarray(i * each, (i + 1) * each);
      if (single) return { parents: above(own, Math.exp(-bound)), least: 1, most: 1 };
      const [least, most] = countsOf(own, fraction, bound);
      return { parents: [], least, most };
    });
  };
  const fine = async ({ values, particles, children, start_i, firstSample_g }: CompressedSamples) => {
    const [weights, start, first] = [
      await runtime.download(values),
      await runtime.download(start_i),
      await runtime.download(firstSample_g),
    ];
    for (let i = 0; i < particles; i++) {
      const own = weights.subarray(start[i] * children, start[i + 1] * children);
      const samples = above(own, Math.exp(-bound)).map(
        (at) => first[start[i] + Math.floor(at / children)] + (at % children),
      );
      margins.push({ samples, ...coarse[i] });
    }
  };
  return {
    margins,
    runtime: {
      ...runtime,
      async weightsFromDiff2(a) {
        single = a.scale !== 1;
        bound = single ? bounds.correlation * a.scale : bounds.diff2;
        await runtime.weightsFromDiff2(a);
      },
      async selectSignificant(a) {
        if (a.samples.layout === "dense") await dense(a.samples);
        await runtime.selectSignificant(a);
      },
      async normaliseWeights(a) {
        await fine(a.samples);
        await runtime.normaliseWeights(a);
      },
    },
  };
}

/** Positions of weights that reach `least`, the first largest one first. */
function above(weights: ArrayLike<number>, least: number): number[] {
  const found: number[] = [];
  for (let at = 0; at < weights.length; at++) if (weights[at] >= least) found.push(at);
  return found.sort((a, b) => weights[b] - weights[a] || a - b);
}

/** The fewest and the most samples that hold `fraction` of the sum where each weight may be off by exp(bound). */
function countsOf(weights: ArrayLike<number>, fraction: number, bound: number): [number, number] {
  const falling = Float64Array.from(weights)
    .filter((weight) => weight > 0)
    .sort()
    .reverse();
  const sum = falling.reduce((total, weight) => total + weight, 0);
  const spread = (1 - fraction) * 2 * bound;
  let [held, least, most] = [0, 0, 0];
  for (const weight of falling) {
    if (held <= (fraction - spread) * sum) least++;
    if (held > (fraction + spread) * sum) break;
    held += weight;
    most++;
  }
  return [least, most];
}

const near = (a: number, b: number) => Math.abs(a - b) < 1e-6;

/**
 * Particles whose pose or class is another one, and of these the ones that stand outside their margin. Both states come from the same start.
 */
export function poseDifferences(
  reference: ParticleState,
  other: ParticleState,
  margins: readonly Margin[],
  search: Search,
  pixelSize: number,
): { readonly other: number[]; readonly wrong: number[] } {
  const found: { other: number[]; wrong: number[] } = { other: [], wrong: [] };
  for (let p = 0; p < reference.rot.length; p++) {
    const same =
      (["rot", "tilt", "psi", "originX", "originY"] as const).every((name) =>
        near(reference[name][p], other[name][p]),
      ) && reference.class[p] === other.class[p];
    if (same) continue;
    found.other.push(p);
    const { samples, parents } = margins[p];
    const best = search.pose(samples[0]);
    const allowed = [
      ...samples.slice(1),
      ...parents
        .slice(1)
        .flatMap((parent) =>
          Array.from({ length: search.children }, (_, child) => parent * search.children + child),
        ),
    ].map((sample) => search.pose(sample));
    const tied = allowed.some(
      (pose) =>
        pose.class === other.class[p] &&
        (["rot", "tilt", "psi"] as const).every((name) => near(pose[name], other[name][p])) &&
        near((pose.x - best.x) * pixelSize, other.originX[p] - reference.originX[p]) &&
        near((pose.y - best.y) * pixelSize, other.originY[p] - reference.originY[p]),
    );
    if (!tied) found.wrong.push(p);
  }
  return found;
}
