import { putCandidates, putTables } from "../../em/orientations.js";
import { allocProjector, fillProjector } from "../../em/reference.js";
import { makeSearch, type Search } from "../../em/search.js";
import { orientationGrid } from "../../geometry/sampling.js";
import type {
  BufferKind,
  CentredGeometry,
  DeviceBuffer,
  ParticleBatch,
  PixelSet,
  Runtime,
  ScoreStrategy,
} from "../../runtime/contract.js";
import { openReference } from "../../runtime/reference/index.js";
import {
  coarseScratch,
  ctfRow,
  makePhases,
  packPixel,
  pixelTable,
  pixelX,
  pixelY,
} from "../../runtime/tables.js";
import { Random } from "../../runtime/verify/harness.js";

/** The small true case: 4 particles, 6 orientations, 3 translations, the 32 pixels of an 8 x 8 half transform that count. */
export const shape = { particles: 4, orientations: 6, translations: 3, pixels: 32 } as const;
export const rotations = 8;
export const shifts = 4;
export const size = 8;
const box = 16;
const pixelSize = 4;
/** Every visitor sees the same particles. */
const seed = 20180704;

/** Coarse orientations of the grid of order 1 (direction x 12 in-plane angles) and the coarse translations, Angstrom. */
const listed = [0, 1, 25, 64, 140, 301];
const step = 4;
const offsets = { x: Float64Array.of(-step, 0, step), y: new Float64Array(3), step };

/** Where each particle truly is: orientation, translation. */
export const truth = [
  [0, 1],
  [3, 2],
  [1, 0],
  [4, 1],
] as const;

/** Numbers of the case, all held by float32 exactly. Axes as in the contract. */
export interface Case {
  readonly xy: readonly (readonly [number, number])[];
  readonly images_ik: Float64Array;
  readonly ctf_ik: Float64Array;
  readonly weights_ik: Float64Array;
  readonly slices_ok: Float64Array;
  readonly translations_t2: Float64Array;
  readonly childTranslations_t2: Float64Array;
  readonly childMatrices: Float64Array;
  readonly projector: Float64Array;
  readonly geometry: CentredGeometry;
  readonly angles: readonly { readonly rot: number; readonly tilt: number; readonly psi: number }[];
  /** Poses of all fine samples: rot, tilt, psi in degrees, x, y in pixels. */
  readonly poses: Float64Array;
}

const put = (runtime: Runtime, kind: BufferKind, name: string, values: ArrayLike<number>): DeviceBuffer => {
  const buffer = runtime.alloc(kind, name, kind === "complex" ? values.length / 2 : values.length);
  runtime.upload(buffer, values);
  return buffer;
};

/** The pixels that count: those of shells 1 to 4 (the origin has weight 0 in a refinement). */
const pixelList = (): Uint32Array =>
  pixelTable(size, "shells").filter((packed) => packed !== packPixel(0, 0));

export function casePixels(runtime: Runtime): PixelSet {
  const table = pixelList();
  const xy_k = put(runtime, "index", "pixels", table);
  return { size, count: table.length, xy_k, shells: 0, byShell: xy_k };
}

/** A handful of blobs without symmetry, as the molecule. */
function density(random: Random): Float64Array {
  const blobs = Array.from({ length: 9 }, () => ({
    at: [0, 1, 2].map(() => box / 2 + 1.9 * random.normal()),
    weight: 0.5 + random.uniform(),
  }));
  return Float64Array.from({ length: box ** 3 }, (_, voxel) => {
    const here = [voxel % box, Math.floor(voxel / box) % box, Math.floor(voxel / box ** 2)];
    return blobs.reduce((sum, { at, weight }) => {
      const r2 = here.reduce((square, c, axis) => square + (c - at[axis]) ** 2, 0);
      return sum + weight * Math.exp(-r2 / (2 * 1.1 ** 2));
    }, 0);
  });
}

function finePoses(search: Search): Float64Array {
  const each = shape.translations * rotations * shifts;
  const all = listed.flatMap((o) =>
    Array.from({ length: each }, (_, own) => {
      const { rot, tilt, psi, x, y } = search.pose(o * each + own);
      return [rot, tilt, psi, x, y];
    }),
  );
  return Float64Array.from(all.flat());
}

/** Inverse orientations of the case, and of their children. */
async function listMatrices(runtime: Runtime, search: Search): Promise<[DeviceBuffer, DeviceBuffer]> {
  const count = listed.length;
  const psis = search.grid.psi.length;
  const start = Uint32Array.from({ length: count + 1 }, (_, at) => at);
  const none = new Float64Array(count);
  const list = putCandidates(
    runtime,
    count,
    {
      count,
      start,
      directionStart: start,
      direction: listed.map((o) => Math.floor(o / psis)),
      directionPrior: none,
      psiStart: start,
      psi: listed.map((o) => o % psis),
      psiPrior: none,
    },
    { directions: count, psis: count },
  );
  const matrices = runtime.alloc("real", "orientations", 9 * count);
  const children = runtime.alloc("real", "child orientations", 9 * search.rotations * count);
  await runtime.listOrientations({ list, ...putTables(runtime, "coarse", search.coarseTables), matrices });
  await runtime.listOrientations({
    list,
    ...putTables(runtime, "child", search.childTables),
    matrices: children,
  });
  return [matrices, children];
}

/** Make the case on the float64 reference: project, apply CTF, move, add noise. */
export async function makeCase(): Promise<Case> {
  const runtime = openReference({ bytes: 2 ** 26 });
  const random = new Random(seed);
  runtime.push("iteration");
  const grid = orientationGrid({ order: 1 });
  const search = makeSearch(grid, offsets, 1, 0, pixelSize);
  const projector = allocProjector(runtime, box, 2, box);
  await fillProjector(runtime, put(runtime, "real", "map", density(random)), box, projector);
  const pixels = casePixels(runtime);
  const K = pixels.count;
  const slices_ok = runtime.alloc("complex", "slices", listed.length * K);
  const [matrices, childMatrices] = await listMatrices(runtime, search);
  const rows = listed.length;
  await runtime.projectSlices({ projector, matrices, rows, first: 0, count: rows, pixels, slices_ok });
  const slices = (await runtime.download(slices_ok)).map(Math.fround) as Float64Array;

  const defocus = truth.map((_, i) => 9000 + 2500 * i);
  const parameters = defocus.flatMap((defocusU) =>
    ctfRow(
      {
        voltage: 300,
        sphericalAberration: 2.7,
        amplitudeContrast: 0.1,
        defocusU,
        defocusV: defocusU,
        defocusAngle: 0,
      },
      { box, pixelSize },
    ),
  );
  const ctf_ik = runtime.alloc("real", "ctf", truth.length * K);
  await runtime.ctf({
    parameters: put(runtime, "real", "ctf parameters", parameters),
    count: truth.length,
    pixels,
    ctf_ik,
  });
  const ctf = (await runtime.download(ctf_ik)).map(Math.fround) as Float64Array;

  const table = pixelList();
  const xy = Array.from(table, (packed) => [pixelX(packed), pixelY(packed)] as const);
  const power = slices.reduce((sum, value) => sum + value * value, 0) / slices.length;
  // White noise would hide the high shells of so small a particle: it falls with the shell.
  const sigma = xy.map(([x, y]) => Math.sqrt((1.8 * power) / Math.hypot(x, y)));
  const weights = Float64Array.from({ length: truth.length * K }, (_, at) =>
    Math.fround(1 / sigma[at % K] ** 2),
  );
  const images = new Float64Array(2 * truth.length * K);
  truth.forEach(([o, t], i) => {
    for (const [k, [x]] of xy.entries()) {
      // A translation in the contract moves the image back, so the particle lies the other way.
      const angle = (2 * Math.PI * x * search.coarseShifts[2 * t]) / box;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      const [re, im] = [slices[2 * (o * K + k)], slices[2 * (o * K + k) + 1]];
      const factor = ctf[i * K + k];
      images[2 * (i * K + k)] = Math.fround(factor * (re * c - im * s) + sigma[k] * random.normal());
      images[2 * (i * K + k) + 1] = Math.fround(factor * (re * s + im * c) + sigma[k] * random.normal());
    }
  });
  const data = (await runtime.download(projector.data)).map(Math.fround) as Float64Array;
  const { radius, padding, maxShell } = projector;
  const result: Case = {
    xy,
    images_ik: images,
    ctf_ik: ctf,
    weights_ik: weights,
    slices_ok: slices,
    translations_t2: search.coarseShifts,
    childTranslations_t2: search.childShifts,
    childMatrices: (await runtime.download(childMatrices)).map(Math.fround) as Float64Array,
    projector: data,
    geometry: { radius, padding, maxShell },
    angles: listed.map((o) => {
      const [direction, psi] = [Math.floor(o / grid.psi.length), o % grid.psi.length];
      return { rot: grid.rot[direction], tilt: grid.tilt[direction], psi: grid.psi[psi] };
    }),
    poses: finePoses(search),
  };
  await runtime.close();
  return result;
}

/** The particles of a case on a runtime; `weights` in place of those of the case. */
export function putBatch(
  runtime: Runtime,
  data: Case,
  weights: ArrayLike<number> = data.weights_ik,
): ParticleBatch {
  return {
    count: shape.particles,
    pixels: casePixels(runtime),
    images_ik: put(runtime, "complex", "images", data.images_ik),
    ctf_ik: put(runtime, "real", "ctf", data.ctf_ik),
    weights_ik: put(runtime, "real", "weights", weights),
  };
}

/** diff2_iot of a case on a runtime, with other weights on request. */
export async function coarseScores(
  runtime: Runtime,
  data: Case,
  strategy: ScoreStrategy = "direct",
  weights?: ArrayLike<number>,
): Promise<Float64Array> {
  const { particles, orientations, translations, pixels } = shape;
  runtime.push("job");
  try {
    const diff2_iot = runtime.alloc("real", "diff2", particles * orientations * translations);
    await runtime.diff2Coarse({
      strategy,
      batch: putBatch(runtime, data, weights),
      slices_ok: put(runtime, "complex", "slices", data.slices_ok),
      orientations,
      phases: makePhases(runtime, data.translations_t2, size, box),
      scratch: runtime.alloc(
        "real",
        "scratch",
        coarseScratch({ particles, pixels }, orientations, translations),
      ),
      diff2_iot,
    });
    return Float64Array.from(await runtime.download(diff2_iot));
  } finally {
    runtime.pop("job");
  }
}

/** constant_i = 1/2 sum_k w |X|^2 of a case on a runtime, with other weights on request. */
export async function imageConstants(
  runtime: Runtime,
  data: Case,
  weights?: ArrayLike<number>,
): Promise<Float64Array> {
  runtime.push("job");
  try {
    const constant_i = runtime.alloc("real", "constants", shape.particles);
    await runtime.imageConstants({ batch: putBatch(runtime, data, weights), constant_i });
    return Float64Array.from(await runtime.download(constant_i));
  } finally {
    runtime.pop("job");
  }
}

export { box, pixelSize, put };
