import { directionPrior, psiPrior } from "../geometry/prior.js";
import type { ListedOrientations } from "./expectation.js";
import type { IterationInput } from "./iteration.js";

/** Orientations that the particles of a batch are compared with, each particle with its own. */
export interface Candidates {
  /** Of all particles one after the other; those of a particle begin at `start`. */
  readonly count: number;
  readonly start: Uint32Array;
  /** Number in the grid of the search; unused where the search keeps the particles' own orientations. */
  readonly orientation: Uint32Array;
  /** Log prior relative to the mean over a particle's candidates. */
  readonly logPrior: Float64Array;
}

/** Standard deviations (degrees) of priors around the angles of the particles; 0: any angle. */
export interface LocalSearch {
  readonly direction: number;
  readonly psi: number;
  readonly bimodalPsi: boolean;
}

const isSet = (angle: number) => angle < 999;

/** Candidates near the prior angles of each particle, or its own angles. */
export function localCandidates(input: IterationInput, particles: readonly number[]): Candidates {
  const { search, set, state, local } = input;
  if (local === undefined) throw new Error("not a local search");
  const { grid } = search;
  const psis = grid.psi.length;
  const start = new Uint32Array(particles.length + 1);
  const orientation: number[] = [];
  const logPrior: number[] = [];
  for (const [i, p] of particles.entries()) {
    const centre = (prior: Float64Array | undefined, own: Float64Array) =>
      prior !== undefined && isSet(prior[p]) ? prior[p] : own[p];
    const rot = centre(set.priorRot, state.rot);
    const tilt = centre(set.priorTilt, state.tilt);
    const directions = directionPrior(grid, { rot, tilt }, local.direction);
    const inPlane = psiPrior(grid, centre(set.priorPsi, state.psi), local.psi, local.bimodalPsi);
    const mean = 1 / (directions.index.length * inPlane.index.length);
    for (const [d, direction] of directions.index.entries())
      for (const [a, psi] of inPlane.index.entries()) {
        orientation.push(direction * psis + psi);
        logPrior.push(Math.log((directions.weight[d] * inPlane.weight[a]) / mean));
      }
    start[i + 1] = orientation.length;
  }
  return {
    count: orientation.length,
    start,
    orientation: Uint32Array.from(orientation),
    logPrior: Float64Array.from(logPrior),
  };
}

/** One candidate a particle: its own orientation. */
export function ownCandidates(particles: number): Candidates {
  const start = Uint32Array.from({ length: particles + 1 }, (_, i) => i);
  return {
    count: particles,
    start,
    orientation: start.slice(0, particles),
    logPrior: new Float64Array(particles),
  };
}

/** Room for candidates of a particle: what a cone of three standard deviations holds, with some to spare. */
export function candidateRoom({ search, local, options }: IterationInput): number {
  if (options.skipAlign || options.skipRotate || local === undefined) return 1;
  const { grid } = search;
  const cone = (sigma: number, share: (angle: number) => number) =>
    sigma > 0 ? share(Math.min(180, 3 * sigma)) : 1;
  const mates = grid.group.operators.length;
  const directions = Math.min(
    grid.rot.length,
    1.3 *
      mates *
      grid.rot.length *
      cone(local.direction, (angle) => (1 - Math.cos((angle * Math.PI) / 180)) / 2) +
      8,
  );
  const psis = Math.min(grid.psi.length, grid.psi.length * cone(local.psi, (angle) => angle / 180) + 2);
  return Math.ceil(directions * psis);
}

/** What the coarse pass over candidates keeps, in the compressed layout. */
export interface Kept {
  readonly significant: Uint32Array;
  readonly start: Uint32Array;
  /** Coarse sample of each group: (class x candidates + candidate) x translations + translation. */
  readonly sample: readonly number[];
  readonly runStart: Uint32Array;
  readonly runGroup: readonly number[];
  /** Sum of weights of all candidates, relative to the best one. */
  readonly sum: Float64Array;
}

/**
 * Weights of scores (by particle, class, candidate and translation) and the samples that hold `fraction` of them; the smallest kept weight
 * keeps all of its size. Scores that are not finite count nothing.
 */
export function keepSignificant(
  scores: ArrayLike<number>,
  { candidates, ownTranslation, classPrior, translation_it }: ListedOrientations,
  a: {
    readonly classes: number;
    readonly translations: number;
    readonly scale: number;
    readonly fraction: number;
    readonly most: number;
  },
): Kept {
  const particles = candidates.start.length - 1;
  const each = ownTranslation ? 1 : a.translations;
  const significant = new Uint32Array(particles);
  const start = new Uint32Array(particles + 1);
  const runStart = new Uint32Array(particles + 1);
  const sum = new Float64Array(particles);
  const sample: number[] = [];
  const runGroup: number[] = [];
  let at = 0;
  for (let i = 0; i < particles; i++) {
    const own = candidates.start[i + 1] - candidates.start[i];
    const count = a.classes * own * each;
    const weight = new Float64Array(count);
    let most = Number.NEGATIVE_INFINITY;
    for (let n = 0; n < count; n++) {
      const candidate = candidates.start[i] + (Math.floor(n / each) % own);
      const t = ownTranslation ? i : n % each;
      const k = Math.floor(n / each / own);
      const prior = candidates.logPrior[candidate] + classPrior[k] + translation_it[i * a.translations + t];
      const value = -a.scale * scores[at + n] + prior;
      weight[n] = Number.isFinite(value) ? value : Number.NEGATIVE_INFINITY;
      most = Math.max(most, weight[n]);
    }
    at += count;
    if (most > Number.NEGATIVE_INFINITY) {
      for (let n = 0; n < count; n++) weight[n] = Math.exp(weight[n] - most);
      sum[i] = weight.reduce((total, value) => total + value, 0);
      const sorted = weight.slice().sort().reverse();
      let [running, kept] = [0, 0];
      while (kept < Math.min(count, a.most) && !(running > a.fraction * sum[i])) running += sorted[kept++];
      significant[i] = kept;
      const threshold = sorted[kept - 1];
      let before = -1;
      for (let n = 0; n < count; n++) {
        if (weight[n] < threshold || weight[n] === 0) continue;
        const pose = Math.floor(n / each);
        const k = Math.floor(pose / own);
        const orientation = k * candidates.count + candidates.start[i] + (pose % own);
        if (pose !== before) runGroup.push(sample.length);
        before = pose;
        sample.push(orientation * a.translations + (ownTranslation ? i : n % each));
      }
    }
    start[i + 1] = sample.length;
    runStart[i + 1] = runGroup.length;
  }
  return { significant, start, sample, runStart, runGroup, sum };
}
