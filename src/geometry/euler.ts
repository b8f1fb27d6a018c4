/** A 3x3 matrix, row-major, length 9. */
export type Matrix3 = Float64Array;

/** Euler angles in degrees: ZYZ, as in RELION. */
export interface EulerAngles {
  readonly rot: number;
  readonly tilt: number;
  readonly psi: number;
}

const radians = (degrees: number) => (degrees * Math.PI) / 180;
const degrees = (angle: number) => (angle * 180) / Math.PI;

/** 16 float32 epsilons: below this sine of the tilt, rot and psi cannot be told apart (RELION's convention). */
const singular = 16 * 1.19209e-7;

/**
 * The matrix `Rz(psi) Ry(tilt) Rz(rot)` of angles in degrees. Its rows are the image's x axis, its y axis and the viewing
 * direction in the frame of the map (Heymann et al. 2005, J. Struct. Biol. 151:196). The Fourier pixel (x, y) of a
 * projection is the map's transform at `x row0 + y row1`.
 */
export function eulerToMatrix(rot: number, tilt: number, psi: number): Matrix3 {
  const [a, b, g] = [radians(rot), radians(tilt), radians(psi)];
  const [ca, sa, cb, sb, cg, sg] = [
    Math.cos(a),
    Math.sin(a),
    Math.cos(b),
    Math.sin(b),
    Math.cos(g),
    Math.sin(g),
  ];
  return Float64Array.of(
    cg * cb * ca - sg * sa,
    cg * cb * sa + sg * ca,
    -cg * sb,
    -sg * cb * ca - cg * sa,
    -sg * cb * sa + cg * ca,
    sg * sb,
    sb * ca,
    sb * sa,
    cb,
  );
}

/**
 * Angles of a rotation matrix in degrees: rot and psi in [-180, 180], tilt in [0, 180]. Where tilt is 0 or 180 rot and psi
 * cannot be told apart, and rot is 0 (RELION's convention).
 */
export function matrixToEuler(m: Matrix3): EulerAngles {
  const sinTilt = Math.hypot(m[2], m[5]);
  if (sinTilt <= singular) {
    if (m[8] > 0) return { rot: 0, tilt: 0, psi: degrees(Math.atan2(-m[3], m[0])) };
    return { rot: 0, tilt: 180, psi: degrees(Math.atan2(m[3], -m[0])) };
  }
  return {
    rot: degrees(Math.atan2(m[7], m[6])),
    tilt: degrees(Math.atan2(sinTilt, m[8])),
    psi: degrees(Math.atan2(m[5], -m[2])),
  };
}

/** The matrix product `a b`. */
export function multiply(a: Matrix3, b: Matrix3): Matrix3 {
  const out = new Float64Array(9);
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++)
      out[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
  return out;
}

/** The transpose, which is the inverse of a rotation. */
export const transpose = (m: Matrix3): Matrix3 =>
  Float64Array.of(m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]);

/** Where the map is seen from, the third row of the Euler matrix: (sin tilt cos rot, sin tilt sin rot, cos tilt). */
export function viewingDirection(rot: number, tilt: number): [number, number, number] {
  const [a, b] = [radians(rot), radians(tilt)];
  return [Math.sin(b) * Math.cos(a), Math.sin(b) * Math.sin(a), Math.cos(b)];
}

/**
 * Distance of two orientations in degrees, as RELION reports changes: the mean angle between the three pairs of rows. With
 * `operators` (rotations of the map that leave it unchanged) the least distance to any symmetry mate of `b`.
 */
export function angularDistance(a: Matrix3, b: Matrix3, operators: readonly Matrix3[] = []): number {
  const distance = (mate: Matrix3) => {
    let sum = 0;
    for (let row = 0; row < 9; row += 3) {
      const cosine = a[row] * mate[row] + a[row + 1] * mate[row + 1] + a[row + 2] * mate[row + 2];
      sum += degrees(Math.acos(Math.min(1, Math.max(-1, cosine))));
    }
    return sum / 3;
  };
  return operators.reduce((least, operator) => Math.min(least, distance(multiply(b, operator))), distance(b));
}
