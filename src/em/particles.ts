import { UserError } from "../errors.js";
import { type ImageName, parseImageName } from "../formats/star/image-name.js";
import type { StarFile } from "../formats/star/reader.js";
import type { StarTable } from "../formats/star/table.js";
import type { CtfParameters } from "../geometry/ctf.js";

/** What an iteration changes of every particle. Angles in degrees, origins in Angstrom, classes from 0. */
export interface ParticleState {
  readonly rot: Float64Array;
  readonly tilt: Float64Array;
  readonly psi: Float64Array;
  readonly originX: Float64Array;
  readonly originY: Float64Array;
  readonly class: Int32Array;
  readonly norm: Float64Array;
  readonly logLikelihood: Float64Array;
  readonly maxProbability: Float64Array;
  readonly significant: Int32Array;
}

export const copyState = (state: ParticleState): ParticleState =>
  Object.fromEntries(
    Object.entries(state).map(([name, values]) => [name, values.slice()]),
  ) as unknown as ParticleState;

/** Overwrite a state with another one. */
export function assignState(state: ParticleState, from: ParticleState): void {
  for (const name of Object.keys(state) as (keyof ParticleState)[]) state[name].set(from[name]);
}

/** The particles of a run, sorted by micrograph as RELION sorts them. */
export interface ParticleSet {
  readonly count: number;
  readonly box: number;
  /** Angstrom. */
  readonly pixelSize: number;
  readonly images: readonly ImageName[];
  /** Noise group of each particle, from 0; names and sizes of the groups. */
  readonly group: Int32Array;
  readonly groupNames: readonly string[];
  readonly groupSizes: Int32Array;
  readonly ctf: readonly CtfParameters[];
  readonly initial: ParticleState;
  /** Priors on the origin in Angstrom, 0 where the file has none. */
  readonly priorX: Float64Array;
  readonly priorY: Float64Array;
  /** Prior angles in degrees, 999 where unset; undefined where the file has none. */
  readonly priorRot?: Float64Array;
  readonly priorTilt?: Float64Array;
  readonly priorPsi?: Float64Array;
  /** The tables as read, rows in the order of this set. */
  readonly optics: StarTable;
  readonly particles: StarTable;
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The particles of a STAR file with optics groups.
 * @throws UserError for missing labels, boxes that differ between optics groups, numbers that are none.
 */
export function particleSet(file: StarFile): ParticleSet {
  const optics = file.get("optics");
  const unsorted = file.get("particles");
  if (unsorted.rowCount === 0) throw new UserError(`${file.name}: the particle table is empty`);
  const names = unsorted.strings("rlnImageName");
  const images = names.map(parseImageName);
  const micrographs = unsorted.has("rlnMicrographName")
    ? unsorted.strings("rlnMicrographName")
    : images.map(({ path }) => path);
  const order = Uint32Array.from(
    [...micrographs.keys()].sort((a, b) => byText(micrographs[a], micrographs[b]) || a - b),
  );
  const particles = unsorted.selectRows(order);
  const count = particles.rowCount;
  const one = (label: string): number => {
    const values = optics.numbers(label);
    if (values.some((value) => value !== values[0]))
      throw new UserError(
        `${file.name}: optics groups differ in ${label}; groups of one box and pixel size are needed`,
      );
    return values[0];
  };
  const box = one("rlnImageSize");
  const pixelSize = one("rlnImagePixelSize");
  if (box % 2 !== 0) throw new UserError(`${file.name}: images of ${box} pixels; an even box is needed`);
  const column = (label: string, missing: number): Float64Array => {
    if (!particles.has(label)) return new Float64Array(count).fill(missing);
    const values = particles.numbers(label);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new UserError(`${file.name}: particle ${bad + 1}: ${label} is ${values[bad]}`);
    return values;
  };
  refuseAberrations(file.name, optics);
  const { group, groupNames, groupSizes } = noiseGroups(particles, micrographs, order);
  return {
    count,
    box,
    pixelSize,
    images: Array.from(order, (row) => images[row]),
    group,
    groupNames,
    groupSizes,
    ctf: ctfParameters(file.name, optics, particles),
    initial: {
      rot: column("rlnAngleRot", 0),
      tilt: column("rlnAngleTilt", 0),
      psi: column("rlnAnglePsi", 0),
      originX: column("rlnOriginXAngst", 0),
      originY: column("rlnOriginYAngst", 0),
      class: Int32Array.from(column("rlnClassNumber", 0), (value) => value - 1),
      norm: column("rlnNormCorrection", 1),
      logLikelihood: column("rlnLogLikeliContribution", 0),
      maxProbability: column("rlnMaxValueProbDistribution", 0),
      significant: Int32Array.from(column("rlnNrOfSignificantSamples", 0)),
    },
    priorX: column("rlnOriginXPriorAngst", 0),
    priorY: column("rlnOriginYPriorAngst", 0),
    ...(particles.has("rlnAngleRotPrior") ? { priorRot: column("rlnAngleRotPrior", 999) } : {}),
    ...(particles.has("rlnAngleTiltPrior") ? { priorTilt: column("rlnAngleTiltPrior", 999) } : {}),
    ...(particles.has("rlnAnglePsiPrior") ? { priorPsi: column("rlnAnglePsiPrior", 999) } : {}),
    optics,
    particles,
  };
}

/** Corrections of images that are not made here; leaving them out silently would cost resolution. */
const aberrationLabels = [
  "rlnBeamTiltX",
  "rlnBeamTiltY",
  "rlnOddZernike",
  "rlnEvenZernike",
  "rlnCtfDataAreCtfPremultiplied",
];
const magnificationLabels = ["rlnMagMat00", "rlnMagMat01", "rlnMagMat10", "rlnMagMat11"];

function refuseAberrations(name: string, optics: StarTable): void {
  const refuse = (label: string) => {
    throw new UserError(
      `${name}: optics groups have ${label}, which is not corrected for in this version; remove the column to refine without it`,
    );
  };
  for (const label of aberrationLabels)
    if (
      optics.has(label) &&
      optics.strings(label).some((text) => (text.match(/[\d.eE+-]+/g) ?? []).some((n) => Number(n) !== 0))
    )
      refuse(label);
  const identity = [1, 0, 0, 1];
  for (const [at, label] of magnificationLabels.entries())
    if (optics.has(label) && optics.numbers(label).some((value) => value !== identity[at])) refuse(label);
}

function noiseGroups(particles: StarTable, micrographs: readonly string[], order: Uint32Array) {
  const names = particles.has("rlnGroupName")
    ? particles.strings("rlnGroupName")
    : Array.from(order, (row) => micrographs[row]);
  const groupNames: string[] = [];
  const numbers = new Map<string, number>();
  const group = Int32Array.from(names, (name) => {
    const known = numbers.get(name);
    if (known !== undefined) return known;
    numbers.set(name, groupNames.length);
    groupNames.push(name);
    return groupNames.length - 1;
  });
  const groupSizes = new Int32Array(groupNames.length);
  for (const g of group) groupSizes[g]++;
  return { group, groupNames, groupSizes };
}

function ctfParameters(name: string, optics: StarTable, particles: StarTable): CtfParameters[] {
  const count = particles.rowCount;
  const numbers = (table: StarTable, label: string, missing: number) =>
    table.has(label) ? table.numbers(label) : new Float64Array(table.rowCount).fill(missing);
  const rowOfGroup = new Map(Array.from(optics.integers("rlnOpticsGroup"), (group, row) => [group, row]));
  const groups = particles.has("rlnOpticsGroup")
    ? particles.integers("rlnOpticsGroup")
    : new Int32Array(count).fill(1);
  const [voltage, aberration, contrast] = [
    numbers(optics, "rlnVoltage", 200),
    numbers(optics, "rlnSphericalAberration", 0),
    numbers(optics, "rlnAmplitudeContrast", 0),
  ];
  const defocusU = numbers(particles, "rlnDefocusU", 0);
  const defocusV = particles.has("rlnDefocusV") ? particles.numbers("rlnDefocusV") : defocusU;
  const [angle, bFactor, scale, phase] = [
    numbers(particles, "rlnDefocusAngle", 0),
    numbers(particles, "rlnCtfBfactor", 0),
    numbers(particles, "rlnCtfScalefactor", 1),
    numbers(particles, "rlnPhaseShift", 0),
  ];
  return Array.from({ length: count }, (_, i) => {
    const row = rowOfGroup.get(groups[i]);
    if (row === undefined)
      throw new UserError(
        `${name}: particle ${i + 1} is of optics group ${groups[i]}, which the optics table lacks`,
      );
    return {
      voltage: voltage[row],
      sphericalAberration: aberration[row],
      amplitudeContrast: contrast[row],
      defocusU: defocusU[i],
      defocusV: defocusV[i],
      defocusAngle: angle[i],
      bFactor: bFactor[i],
      scale: scale[i],
      phaseShift: phase[i],
    };
  });
}
