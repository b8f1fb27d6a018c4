import { readCube, readStarFile } from "../src/app/refine/resume.js";
import { nodeDisk } from "../src/formats/node.js";
import { parseImageName } from "../src/formats/star/index.js";
import { eulerToMatrix, type Matrix3, multiply, transpose } from "../src/geometry/euler.js";
import { realFft } from "../src/geometry/fft.js";
import { fourierShellCorrelation } from "../src/geometry/fourier.js";
import { sphericalMask } from "../src/geometry/mask.js";
import type { PointGroup } from "../src/geometry/symmetry.js";

/** How near a map is to the true one, inside a soft sphere. */
export interface MapScore {
  /** By shell, 0 .. box / 2. */
  readonly fsc: Float64Array;
  /** Angstrom at which the FSC falls below 0.5 and 0.143; twice the pixel size where it does not. */
  readonly half: number;
  readonly low: number;
  /** Mean over the shells but the first. */
  readonly mean: number;
}

/** FSC of a map with the true one inside a sphere of `radius` Angstrom with an edge of 10. */
export async function scoreMap(truth: string, found: string, radius: number): Promise<MapScore> {
  const [one, two] = await Promise.all([truth, found].map((path) => readCube(nodeDisk, path)));
  const { box, pixelSize = 1 } = one;
  const shape = [box, box, box];
  const mask = sphericalMask(shape, radius / pixelSize, 10 / pixelSize);
  const [a, b] = [one, two].map(({ map }) =>
    realFft(
      Float64Array.from(map, (value, i) => value * mask[i]),
      shape,
    ),
  );
  const fsc = fourierShellCorrelation(a, b);
  const at = (threshold: number) => {
    const shell = fsc.findIndex((value, s) => s > 0 && value < threshold);
    if (shell < 1) return 2 * pixelSize;
    const [above, below] = [fsc[shell - 1], fsc[shell]];
    return (box * pixelSize) / (shell - 1 + (above - threshold) / (above - below));
  };
  const mean = fsc.slice(1).reduce((sum, value) => sum + value, 0) / (fsc.length - 1);
  return { fsc, half: at(0.5), low: at(0.143), mean };
}

/** Errors of poses, degrees, ascending. */
export interface PoseScore {
  readonly errors: Float64Array;
  readonly median: number;
  /** Shares of the particles. */
  readonly within5: number;
  readonly within10: number;
}

async function readPoses(path: string): Promise<Map<string, Matrix3>> {
  const table = (await readStarFile(nodeDisk, path)).get("particles");
  const [rot, tilt, psi] = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"].map((label) =>
    table.numbers(label),
  );
  return new Map(
    table.strings("rlnImageName").map((name, i) => {
      const { path: stack, index = 0 } = parseImageName(name);
      return [`${index}@${stack.split("/").at(-1)}`, eulerToMatrix(rot[i], tilt[i], psi[i])];
    }),
  );
}

/** Angle of the rotation that leads from one orientation to the other, in degrees. */
export function rotationAngle(a: Matrix3, b: Matrix3): number {
  const trace = a.reduce((sum, value, i) => sum + value * b[i], 0);
  return (Math.acos(Math.min(1, Math.max(-1, (trace - 1) / 2))) * 180) / Math.PI;
}

const quantile = (sorted: Float64Array, share: number) => sorted[Math.floor(share * (sorted.length - 1))];

/**
 * Angles between true and found orientations, the least over the symmetry mates. A map without symmetry may turn as a whole: there one rotation
 * common to the better part of the particles is taken out. Particles are matched by image number and the stack's file name.
 */
export async function scorePoses(truth: string, found: string, group: PointGroup): Promise<PoseScore> {
  const [known, poses] = await Promise.all([readPoses(truth), readPoses(found)]);
  const pairs = [...poses].map(([name, pose]) => {
    const right = known.get(name);
    if (right === undefined) throw new Error(`${truth}: has no image ${name}`);
    return [right, pose] as const;
  });
  const turn = group.operators.length > 1 ? undefined : commonRotation(pairs);
  const errors = Float64Array.from(pairs, ([right, pose]) => {
    if (turn !== undefined) return rotationAngle(right, multiply(pose, turn));
    return Math.min(...group.operators.map((operator) => rotationAngle(right, multiply(pose, operator))));
  }).sort();
  const within = (limit: number) => errors.filter((error) => error < limit).length / errors.length;
  return { errors, median: quantile(errors, 0.5), within5: within(5), within10: within(10) };
}

/** The rotation nearest to the mean of those that lead from found to true orientations, over the better 60 %. */
function commonRotation(pairs: readonly (readonly [Matrix3, Matrix3])[]): Matrix3 {
  const angles = pairs.map(([right, pose]) => rotationAngle(right, pose));
  const limit = quantile(Float64Array.from(angles).sort(), 0.6);
  let mean: Matrix3 = new Float64Array(9);
  for (const [i, [right, pose]] of pairs.entries())
    if (angles[i] <= limit) mean = mean.map((sum, at) => sum + multiply(transpose(pose), right)[at]);
  const size = Math.cbrt(determinant(mean));
  mean = mean.map((value) => value / size);
  // Newton's iteration to the orthogonal factor of a matrix near a rotation (Higham 1986, SIAM J Sci Stat Comput 7:1160).
  for (let step = 0; step < 20; step++) {
    const inverse = inverseTransposed(mean);
    mean = mean.map((value, at) => (value + inverse[at]) / 2);
  }
  return mean;
}

function cofactors([a, b, c, d, e, f, g, h, i]: Matrix3): Matrix3 {
  return Float64Array.of(
    e * i - f * h,
    f * g - d * i,
    d * h - e * g,
    c * h - b * i,
    a * i - c * g,
    b * g - a * h,
    b * f - c * e,
    c * d - a * f,
    a * e - b * d,
  );
}

function determinant(m: Matrix3): number {
  const of = cofactors(m);
  return m[0] * of[0] + m[1] * of[1] + m[2] * of[2];
}

function inverseTransposed(m: Matrix3): Matrix3 {
  const scale = determinant(m);
  return cofactors(m).map((value) => value / scale);
}
