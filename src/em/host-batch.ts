import { eulerToMatrix } from "../geometry/euler.js";
import { logZero } from "../runtime/contract.js";
import { ctfLength, ctfRow } from "../runtime/tables.js";
import { type Candidates, candidateRoom, localCandidates, ownCandidates } from "./candidates.js";
import type { IterationInput } from "./iteration.js";
import { noiseImages } from "./noise-fill.js";

/** What the host sends with a batch of particles. A memory plan uses nothing but lengths. */
export interface HostBatch {
  readonly count: number;
  /** [i][y][x] as read; undefined where the device holds the images of all particles. */
  readonly images?: ArrayLike<number>;
  /** Whole pixels by which the images move: pairs. And the same after the number of the image. */
  readonly shifts_i2: ArrayLike<number>;
  readonly moves_i3: ArrayLike<number>;
  readonly group_i: ArrayLike<number>;
  /** `ctfLength` numbers a particle; and for views, where references are compared without CTF. */
  readonly ctf: ArrayLike<number>;
  readonly viewCtf?: ArrayLike<number>;
  readonly normFactor_i: ArrayLike<number>;
  /** Images that fill what is outside the mask. */
  readonly noise?: ArrayLike<number>;
  /** Log priors of orientations by particle, where they are not those of all; and of translations by particle. */
  readonly orientation_io?: ArrayLike<number>;
  readonly translation_it: ArrayLike<number>;
  /** Where each particle has its own orientations. */
  readonly listed?: HostList;
}

export interface HostList {
  readonly candidates: Candidates;
  readonly classPrior: ArrayLike<number>;
  /** The particles' own orientations, nine numbers each, where those are the candidates. */
  readonly own?: ArrayLike<number>;
  /** Translation of each particle in pixels (pairs), where it keeps its own. */
  readonly ownShifts?: Float64Array;
}

/** Half away from zero. */
const roundHalfAway = (value: number) => Math.sign(value) * Math.floor(Math.abs(value) + 0.5);

/** Whether particles are bound to classes. */
export const isSeeded = ({ seeds, oneClass, model }: IterationInput) =>
  seeds !== undefined && !oneClass && model.classes.length > 1;

/** `images` as read, or undefined where the device holds those of all particles. */
export function hostBatch(
  input: IterationInput,
  particles: readonly number[],
  images: Float32Array | undefined,
): HostBatch {
  const { options, model, set, state } = input;
  const shifts_i2 = new Int32Array(2 * particles.length);
  const moves_i3 = new Uint32Array(3 * particles.length);
  for (const [i, p] of particles.entries()) {
    shifts_i2[2 * i] = roundHalfAway(state.originX[p] / set.pixelSize);
    shifts_i2[2 * i + 1] = roundHalfAway(state.originY[p] / set.pixelSize);
    moves_i3[3 * i] = images === undefined ? p : i;
    moves_i3.set(shifts_i2.subarray(2 * i, 2 * i + 2), 3 * i + 1);
  }
  const spectra = particles.map((p) => model.noise[set.group[p]]);
  const listed = isListed(input) ? hostList(input, particles, shifts_i2) : undefined;
  const bare = comparesWithoutCtf(input);
  return {
    count: particles.length,
    ...(images === undefined ? {} : { images }),
    shifts_i2,
    moves_i3,
    group_i: Uint32Array.from(particles, (p) => set.group[p]),
    ctf: ctfRows(input, particles, !bare),
    ...(bare ? { viewCtf: ctfRows(input, particles, true) } : {}),
    normFactor_i: Float64Array.from(particles, (p) => (options.norm ? model.averageNorm / state.norm[p] : 1)),
    ...(options.zeroMask ? {} : { noise: noiseImages(set.box, particles, spectra, options.randomSeed) }),
    ...priors(input, particles, shifts_i2, listed),
    ...(listed === undefined ? {} : { listed }),
  };
}

/** Whether particles keep the orientations that they have. */
export const keepsOrientations = ({ options }: IterationInput): boolean =>
  options.skipAlign || options.skipRotate;

/** Whether every particle has orientations of its own. */
export const isListed = (input: IterationInput): boolean =>
  input.local !== undefined || keepsOrientations(input);

function priors(
  input: IterationInput,
  particles: readonly number[],
  shifts: Int32Array,
  listed: HostList | undefined,
): Pick<HostBatch, "orientation_io" | "translation_it"> {
  const translation_it =
    listed?.ownShifts === undefined
      ? translationPriors(input, particles, shifts)
      : new Float64Array(particles.length ** 2);
  if (listed !== undefined || !isSeeded(input)) return { translation_it };
  return { orientation_io: seededPriors(input, particles), translation_it };
}

function hostList(input: IterationInput, particles: readonly number[], shifts: Int32Array): HostList {
  const { options, state, set, model } = input;
  if (!keepsOrientations(input)) {
    return {
      candidates: localCandidates(input, particles),
      classPrior: new Float64Array(model.classes.length),
    };
  }
  const mean = model.classes.reduce((sum, { weight }) => sum + weight, 0) / model.classes.length;
  const fraction = (origins: Float64Array, at: number) =>
    origins[particles[at >> 1]] / set.pixelSize - shifts[at];
  return {
    candidates: ownCandidates(particles.length),
    classPrior: model.classes.map(({ weight }) => (weight > 0 ? Math.log(weight / mean) : logZero)),
    own: Float64Array.from(
      particles.flatMap((p) => [...eulerToMatrix(state.rot[p], state.tilt[p], state.psi[p])]),
    ),
    ...(options.skipAlign
      ? {
          ownShifts: Float64Array.from({ length: 2 * particles.length }, (_, at) =>
            fraction(at % 2 === 0 ? state.originX : state.originY, at),
          ),
        }
      : {}),
  };
}

/** The lengths of a batch without its contents. `held`: the device holds the images. */
export function batchLengths(input: IterationInput, count: number, held: boolean): HostBatch {
  const { options, set, search, model } = input;
  const classes = input.oneClass ? 1 : model.classes.length;
  const listed = isListed(input) ? listLengths(input, count) : undefined;
  const orientations = classes * search.orientations;
  const pixels = { length: count * set.box ** 2 };
  return {
    count,
    ...(held ? {} : { images: pixels }),
    shifts_i2: { length: 2 * count },
    moves_i3: { length: 3 * count },
    group_i: { length: count },
    ctf: { length: count * ctfLength },
    ...(comparesWithoutCtf(input) ? { viewCtf: { length: count * ctfLength } } : {}),
    normFactor_i: { length: count },
    ...(options.zeroMask ? {} : { noise: pixels }),
    translation_it: {
      length: count * (listed?.ownShifts === undefined ? search.translations.x.length : count),
    },
    ...(listed === undefined ? {} : { listed }),
    ...(listed === undefined && isSeeded(input) ? { orientation_io: { length: count * orientations } } : {}),
  };
}

function listLengths(input: IterationInput, count: number): HostList {
  const { model, options } = input;
  const room = candidateRoom(input);
  const starts = { length: count + 1 };
  const [directions, psis] = [{ length: count * room.directions }, { length: count * room.psis }];
  return {
    candidates: {
      count: count * room.candidates,
      start: starts,
      directionStart: starts,
      direction: directions,
      directionPrior: directions,
      psiStart: starts,
      psi: psis,
      psiPrior: psis,
    },
    classPrior: { length: model.classes.length },
    ...(keepsOrientations(input) ? { own: { length: 9 * count } } : {}),
    ...(options.skipAlign ? { ownShifts: new Float64Array(2 * count) } : {}),
  };
}

/** References that are not corrected for the CTF are compared with images as they are. */
const comparesWithoutCtf = ({ options, model }: IterationInput) => options.ctf && !model.ctfCorrected;

function ctfRows(input: IterationInput, particles: readonly number[], applied: boolean): Float64Array {
  const rows = new Float64Array(particles.length * ctfLength);
  for (const [i, p] of particles.entries()) rows.set(particleCtf(input, p, applied), i * ctfLength);
  return rows;
}

function particleCtf({ options, set, model }: IterationInput, particle: number, applied: boolean): number[] {
  const scale = Math.max(0.001, model.scale[set.group[particle]]);
  const { box, pixelSize } = set;
  if (!options.ctf || !applied) {
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

/** Log priors of the coarse orientations where each particle is bound to a class. */
function seededPriors(input: IterationInput, particles: readonly number[]): Float64Array {
  const shared = orientationPriors(input);
  const { search, seeds } = input;
  const values = new Float64Array(particles.length * shared.length);
  values.fill(logZero);
  for (const [i, particle] of particles.entries()) {
    const first = (seeds?.[particle] ?? 0) * search.orientations;
    values.set(shared.subarray(first, first + search.orientations), i * shared.length + first);
  }
  return values;
}

/** Log priors of the coarse orientations, relative to their mean: the same for all particles. */
export function orientationPriors({ model, search, correlation, oneClass }: IterationInput): Float64Array {
  const classes = oneClass ? model.classes.slice(0, 1) : model.classes;
  const psis = search.grid.psi.length;
  const { orientations } = search;
  const shared = new Float64Array(classes.length * orientations);
  if (correlation) return shared;
  const all = classes.flatMap(({ directions }) => [...directions]);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  for (const [k, { directions, weight }] of classes.entries()) {
    const logs = directions.map((value) => (value > 0 && weight > 0 ? Math.log(value / mean) : logZero));
    for (let o = 0; o < orientations; o++) shared[k * orientations + o] = logs[Math.floor(o / psis)];
  }
  return shared;
}

/** Log priors of the coarse translations (unperturbed), relative to their mean. */
function translationPriors(
  { model, search, set, options, correlation }: IterationInput,
  particles: readonly number[],
  shifts: Int32Array,
): Float64Array {
  const { x, y } = search.translations;
  const values = new Float64Array(particles.length * x.length);
  if (correlation) return values;
  const unit = set.pixelSize;
  const variance = model.sigmaOffset ** 2;
  for (const [i, particle] of particles.entries()) {
    const row = values.subarray(i * x.length, (i + 1) * x.length);
    const [oldX, oldY] = [shifts[2 * i], shifts[2 * i + 1]];
    const [priorX, priorY] = [set.priorX[particle], set.priorY[particle]];
    for (let t = 0; t < x.length; t++) {
      const d2 = options.relionQuirks
        ? ((oldX + x[t] - priorX) ** 2 + (oldY + y[t] - priorY) ** 2) * unit * unit
        : (oldX * unit + x[t] - priorX) ** 2 + (oldY * unit + y[t] - priorY) ** 2;
      row[t] = variance < 1e-4 ? (d2 === 0 ? 0 : logZero) : -d2 / (2 * variance);
    }
    let most = logZero;
    for (const value of row) if (value > most) most = value;
    let sum = 0;
    for (const value of row) if (value > logZero) sum += Math.exp(value - most);
    const mean = sum / x.length;
    for (let t = 0; t < x.length; t++) if (row[t] > logZero) row[t] -= most + Math.log(mean);
  }
  return values;
}
