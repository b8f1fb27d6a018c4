import { axisRotation, type PointGroup } from "../geometry/symmetry.js";
import { RandomStream } from "./random.js";

/** A density as a sum of isotropic Gaussians: positions in Angstrom, integrals, and standard deviations in Angstrom. */
export interface GaussianModel {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly z: Float64Array;
  readonly weight: Float64Array;
  readonly sigma: Float64Array;
}

/** Rows of x, y, z, weight, sigma as a model. */
export function fromRows(rows: readonly (readonly number[])[]): GaussianModel {
  const column = (index: number) => Float64Array.from(rows, (row) => row[index]);
  return { x: column(0), y: column(1), z: column(2), weight: column(3), sigma: column(4) };
}

/** The model with its centre of mass (of the weights) at the origin. */
export function centred(model: GaussianModel): GaussianModel {
  const total = model.weight.reduce((sum, w) => sum + w, 0);
  const shift = (values: Float64Array) => {
    const mean = values.reduce((sum, value, i) => sum + value * model.weight[i], 0) / total;
    return values.map((value) => value - mean);
  };
  return { ...model, x: shift(model.x), y: shift(model.y), z: shift(model.z) };
}

/** Largest distance of an atom from the origin, in Angstrom. */
export const extent = (model: GaussianModel): number =>
  model.x.reduce((most, x, i) => Math.max(most, Math.hypot(x, model.y[i], model.z[i])), 0);

/** Atoms of a helix every 1.5 Angstrom along its axis: backbone and side chain as four Gaussians a residue. */
const helixRise = 1.5;
const helixTurn = (100 * Math.PI) / 180;
const atomSigma = 1.1;

/**
 * A protein-like molecule with a point group: helices on a random walk, copied by the operators, subunits apart from each other. The same seed
 * gives the same molecule. `variant` 0 is the whole molecule; a higher one lacks that many of the last helices of each subunit, for sets
 * with several classes.
 */
export function proceduralMolecule(group: PointGroup, seed: number, variant = 0): GaussianModel {
  const random = new RandomStream(seed, "molecule");
  const copies = group.operators.length;
  const helices = Math.max(2, Math.round(36 / copies));
  const radius = 14 + 20 * Math.cbrt(copies);
  const subunit: [number, number, number][][] = [];
  const occupied: [number, number, number][] = [];
  const apply = (p: readonly number[]) =>
    group.operators.map((m): [number, number, number] => [
      m[0] * p[0] + m[1] * p[1] + m[2] * p[2],
      m[3] * p[0] + m[4] * p[1] + m[5] * p[2],
      m[6] * p[0] + m[7] * p[1] + m[8] * p[2],
    ]);
  const direction = (): [number, number, number] => {
    const z = random.uniform(-1, 1);
    const phi = random.uniform(0, 2 * Math.PI);
    const s = Math.sqrt(1 - z * z);
    return [s * Math.cos(phi), s * Math.sin(phi), z];
  };
  let start = direction().map((c) => c * 0.6 * radius);
  for (let attempts = 0; subunit.length < helices && attempts < 20_000; attempts++) {
    const axis = direction();
    const length = random.uniform(12, 40);
    const from = attempts % 50 === 49 ? direction().map((c) => c * random.uniform(0.2, 0.9) * radius) : start;
    const beads = Array.from(
      { length: Math.ceil(length / 4) + 1 },
      (_, i) => from.map((c, k) => c + axis[k] * 4 * i) as [number, number, number],
    );
    const inside = beads.every((bead) => Math.hypot(...bead) < radius);
    // Helices are 9 Angstrom apart, from those that are there and from their own symmetry copies.
    const clash = beads.some((bead) => {
      const own = apply(bead).slice(1);
      return [...occupied, ...own].some(
        (other) => Math.hypot(bead[0] - other[0], bead[1] - other[1], bead[2] - other[2]) < 9,
      );
    });
    if (!inside || clash) continue;
    for (const bead of beads) occupied.push(...apply(bead));
    subunit.push(helixAtoms(from, axis, length, random));
    const end = beads[beads.length - 1];
    const turn = direction();
    start = end.map((c, k) => c + 10 * turn[k]);
  }
  const kept = subunit.slice(0, Math.max(1, subunit.length - variant));
  const rows = kept.flat().flatMap((atom) => apply(atom).map((p) => [...p, 1, atomSigma]));
  return fromRows(rows);
}

function helixAtoms(
  from: readonly number[],
  axis: [number, number, number],
  length: number,
  random: RandomStream,
): [number, number, number][] {
  const helper: [number, number, number] = Math.abs(axis[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0];
  const side = normalised(cross(axis, helper));
  const atoms: [number, number, number][] = [];
  for (let n = 0; n * helixRise < length; n++) {
    const m = axisRotation(axis, n * helixTurn);
    const outward = [0, 3, 6].map((row) => m[row] * side[0] + m[row + 1] * side[1] + m[row + 2] * side[2]);
    // Backbone at 1.6 and 2.3 Angstrom from the axis, a side chain of random length beyond.
    const reach = [1.6, 2.3, 3.6, random.uniform(4, 6.5)];
    for (const [k, distance] of reach.entries())
      atoms.push(
        [0, 1, 2].map((c) => from[c] + axis[c] * (n * helixRise + 0.4 * k) + outward[c] * distance) as [
          number,
          number,
          number,
        ],
      );
  }
  return atoms;
}

const cross = (a: readonly number[], b: readonly number[]): [number, number, number] => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

function normalised(v: [number, number, number]): [number, number, number] {
  const length = Math.hypot(...v);
  return [v[0] / length, v[1] / length, v[2] / length];
}
