import { UserError } from "../errors.js";
import { eulerToMatrix, type Matrix3, multiply, transpose, viewingDirection } from "./euler.js";

type Vector = readonly [number, number, number];

/** A point group of rotations and a rule for its asymmetric unit of viewing directions. */
export interface PointGroup {
  /** As RELION writes it: C4, D2, T, O, I1 ... */
  readonly name: string;
  /** All rotations, the identity first. */
  readonly operators: readonly Matrix3[];
  /** Whether a direction (degrees) is in the asymmetric unit, borders included. */
  contains(rot: number, tilt: number): boolean;
}

const dot = (a: Vector, b: Vector) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

function apply(m: Matrix3, v: Vector): Vector {
  return [dot([m[0], m[1], m[2]], v), dot([m[3], m[4], m[5]], v), dot([m[6], m[7], m[8]], v)];
}

/** Rotation by `angle` radians about an axis (Rodrigues' formula). */
export function axisRotation(axis: Vector, angle: number): Matrix3 {
  const length = Math.hypot(...axis);
  const [x, y, z] = axis.map((component) => component / length) as [number, number, number];
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const t = 1 - c;
  return Float64Array.of(
    c + t * x * x,
    t * x * y - s * z,
    t * x * z + s * y,
    t * x * y + s * z,
    c + t * y * y,
    t * y * z - s * x,
    t * x * z - s * y,
    t * y * z + s * x,
    c + t * z * z,
  );
}

const same = (a: Matrix3, b: Matrix3) => a.every((value, index) => Math.abs(value - b[index]) < 1e-9);

/** All products of rotations about axes of given order. */
function generate(axes: readonly { axis: Vector; fold: number }[]): Matrix3[] {
  const generators = axes.map(({ axis, fold }) => axisRotation(axis, (2 * Math.PI) / fold));
  const group: Matrix3[] = [eulerToMatrix(0, 0, 0)];
  for (let next = 0; next < group.length; next++) {
    for (const generator of generators) {
      const product = multiply(group[next], generator);
      if (!group.some((known) => same(known, product))) group.push(product);
    }
  }
  return group;
}

const golden = (1 + Math.sqrt(5)) / 2;
const z: Vector = [0, 0, 1];
const tetrahedral = [
  { axis: z, fold: 3 },
  { axis: [0, Math.sqrt(2 / 3), Math.sqrt(1 / 3)] as Vector, fold: 2 },
];
const octahedral = [
  { axis: [1, 1, 1] as Vector, fold: 3 },
  { axis: z, fold: 4 },
];
const icosahedral = [
  { axis: z, fold: 2 },
  { axis: [1, 0, golden] as Vector, fold: 5 },
  { axis: [0, 1, golden * golden] as Vector, fold: 3 },
];

/** Half spaces that bound the asymmetric unit of the icosahedral group with a 2-fold along z and a 5-fold in the xz plane (I2). */
const icosahedralPlanes: readonly Vector[] = [
  [0, 1, 0],
  [-0.5, -golden / 2, (golden - 1) / 2],
  [0.5, -golden / 2, (golden - 1) / 2],
];

/** Angle between the 2-fold and the neighbouring 5-fold axis, in degrees. */
const twoToFive = (Math.atan(1 / golden) * 180) / Math.PI;

/** How the frames of RELION's I1, I3 and I4 are turned from that of I2. */
const icosahedralFrames: Record<string, Matrix3> = {
  I1: eulerToMatrix(0, 90, 0),
  I2: eulerToMatrix(0, 0, 0),
  I3: eulerToMatrix(0, twoToFive, 0),
  I4: eulerToMatrix(0, -twoToFive, 0),
};

const insideAll = (planes: readonly Vector[]) => (rot: number, tilt: number) => {
  const direction = viewingDirection(rot, tilt);
  return planes.every((plane) => dot(direction, plane) >= 0);
};

/**
 * Bounding half spaces of RELION's own unit for I4, before its frame is applied, to the digits that it uses. That unit has the right area
 * but overlaps its own copies: it misses a part of the sphere.
 */
const relionI4Planes: readonly Vector[] = [
  [0, 0, -1],
  [-0.187592467856686, 0.303530987314591, 0.491123477863004],
  [-0.187592467856686, -0.303530987314591, 0.491123477863004],
];

function icosahedralGroup(name: string, relionUnit: boolean): PointGroup {
  const frame = icosahedralFrames[name];
  const operators = generate(icosahedral).map((m) => multiply(multiply(frame, m), transpose(frame)));
  const planes = name === "I4" && relionUnit ? relionI4Planes : icosahedralPlanes;
  return { name, operators, contains: insideAll(planes.map((plane) => apply(frame, plane))) };
}

function cyclic(fold: number): PointGroup {
  const contains = (rot: number) => rot >= -180 / fold && rot <= 180 / fold;
  return { name: `C${fold}`, operators: generate([{ axis: z, fold }]), contains };
}

function dihedral(fold: number): PointGroup {
  const operators = generate([
    { axis: z, fold },
    { axis: [1, 0, 0], fold: 2 },
  ]);
  const contains = (rot: number, tilt: number) =>
    tilt <= 90 && (fold === 1 || (rot >= 90 - 180 / fold && rot <= 90 + 180 / fold));
  return { name: `D${fold}`, operators, contains };
}

function tetrahedralGroup(): PointGroup {
  const inside = insideAll([
    [-0.942809, 0, 0],
    [0.471405, 0.272165, 0.7698],
    [0.471404, 0.816497, 0],
  ]);
  return {
    name: "T",
    operators: generate(tetrahedral),
    contains: (rot, tilt) => ((rot >= 90 && rot <= 150) || rot === 0) && inside(rot, tilt),
  };
}

function octahedralGroup(): PointGroup {
  const inside = insideAll([
    [0, -1, 1],
    [1, 1, 0],
    [-1, 1, 0],
  ]);
  return {
    name: "O",
    operators: generate(octahedral),
    contains: (rot, tilt) => ((rot >= 45 && rot <= 135 && tilt <= 90) || rot === 0) && inside(rot, tilt),
  };
}

/**
 * A point group by RELION's name, upper or lower case: Cn (n-fold axis z), Dn (n-fold z, 2-fold x), T (3-fold z), O (4-fold z), I or I2 (2-fold z,
 * 5-fold in xz), I1, I3 and I4 (turned by 90, 31.72 and -31.72 degrees about y). `relionUnit` takes RELION's asymmetric unit of I4, which
 * misses directions, for comparisons with it. Throws `UserError` for others; groups with mirrors
 * or inversions do not occur in chiral molecules.
 */
export function pointGroup(text: string, { relionUnit = false } = {}): PointGroup {
  const name = text.trim().toUpperCase();
  const match = /^([CD])([1-9]\d{0,2})$/.exec(name);
  if (match !== null) return match[1] === "C" ? cyclic(Number(match[2])) : dihedral(Number(match[2]));
  if (name === "T") return tetrahedralGroup();
  if (name === "O") return octahedralGroup();
  if (name === "I") return icosahedralGroup("I2", relionUnit);
  if (name in icosahedralFrames) return icosahedralGroup(name, relionUnit);
  throw new UserError(`symmetry ${text} is not known; Cn, Dn (n up to 999), T, O, I, I1, I2, I3 and I4 are`);
}
