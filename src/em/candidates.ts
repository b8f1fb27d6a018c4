import { directionPrior, type LocalPrior, psiPrior } from "../geometry/prior.js";
import type { IterationInput } from "./iteration.js";

/**
 * Orientations that the particles of a batch are compared with, each particle with its own: every listed direction with every listed in-plane
 * angle. Entries of all particles one after the other; starts end with the number of all. A memory plan uses nothing but lengths.
 */
export interface Candidates {
  readonly count: number;
  readonly start: ArrayLike<number>;
  readonly directionStart: ArrayLike<number>;
  /** Entries of the table of directions. */
  readonly direction: ArrayLike<number>;
  /** Log priors relative to the mean over a particle's entries. */
  readonly directionPrior: ArrayLike<number>;
  readonly psiStart: ArrayLike<number>;
  readonly psi: ArrayLike<number>;
  readonly psiPrior: ArrayLike<number>;
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
  const starts = () => new Uint32Array(particles.length + 1);
  const [start, directionStart, psiStart] = [starts(), starts(), starts()];
  const [direction, directionPriors, psi, psiPriors]: number[][] = [[], [], [], []];
  const list = (from: LocalPrior, index: number[], priors: number[]) => {
    for (const [at, value] of from.index.entries()) {
      index.push(value);
      priors.push(Math.log(from.weight[at] * from.index.length));
    }
  };
  for (const [i, p] of particles.entries()) {
    const centre = (prior: Float64Array | undefined, own: Float64Array) =>
      prior !== undefined && isSet(prior[p]) ? prior[p] : own[p];
    const rot = centre(set.priorRot, state.rot);
    const tilt = centre(set.priorTilt, state.tilt);
    const directions = directionPrior(grid, { rot, tilt }, local.direction);
    const inPlane = psiPrior(grid, centre(set.priorPsi, state.psi), local.psi, local.bimodalPsi);
    list(directions, direction, directionPriors);
    list(inPlane, psi, psiPriors);
    start[i + 1] = start[i] + directions.index.length * inPlane.index.length;
    directionStart[i + 1] = direction.length;
    psiStart[i + 1] = psi.length;
  }
  return {
    count: start[particles.length],
    start,
    directionStart,
    direction,
    directionPrior: directionPriors,
    psiStart,
    psi,
    psiPrior: psiPriors,
  };
}

/** One candidate a particle, its own orientation: entry i of a table of directions, without a turn. */
export function ownCandidates(particles: number): Candidates {
  const start = Uint32Array.from({ length: particles + 1 }, (_, i) => i);
  const own = start.subarray(0, particles);
  const none = new Float64Array(particles);
  return {
    count: particles,
    start,
    directionStart: start,
    direction: own,
    directionPrior: none,
    psiStart: start,
    psi: new Uint32Array(particles),
    psiPrior: none,
  };
}

/** Number in the grid of candidate `c` of particle i. */
export function gridOrientation(
  { start, directionStart, direction, psiStart, psi }: Candidates,
  psis: number,
  i: number,
  c: number,
): number {
  const n = c - start[i];
  const angles = psiStart[i + 1] - psiStart[i];
  return direction[directionStart[i] + Math.floor(n / angles)] * psis + psi[psiStart[i] + (n % angles)];
}

/** Room for the candidates of a particle: what a cone of three standard deviations holds, with some to spare. */
export function candidateRoom({ search, local, options }: IterationInput): {
  readonly directions: number;
  readonly psis: number;
  readonly candidates: number;
} {
  if (options.skipAlign || options.skipRotate || local === undefined)
    return { directions: 1, psis: 1, candidates: 1 };
  const { grid } = search;
  const cone = (sigma: number, share: (angle: number) => number) =>
    sigma > 0 ? share(Math.min(180, 3 * sigma)) : 1;
  const mates = grid.group.operators.length;
  const inside = cone(local.direction, (angle) => (1 - Math.cos((angle * Math.PI) / 180)) / 2);
  const directions = Math.ceil(Math.min(grid.rot.length, 1.3 * mates * grid.rot.length * inside + 8));
  const psis = Math.ceil(
    Math.min(grid.psi.length, grid.psi.length * cone(local.psi, (angle) => angle / 180) + 2),
  );
  return { directions, psis, candidates: directions * psis };
}
