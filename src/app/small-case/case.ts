import { putCandidates, putTables } from "../../em/orientations.js";
import { allocProjector, fillProjector } from "../../em/reference.js";
import { makeSearch, type Search } from "../../em/search.js";
import { orientationGrid } from "../../geometry/sampling.js";
import type {
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
  put,
} from "../../runtime/tables.js";
import { Random } from "../../runtime/verify/harness.js";
import { type CaseName, recipes, seed } from "./recipes.js";

/** Sizes of a case. `size` is that of the half transform, `box` that of the images, which it may be cut from. */
export interface CaseShape {
  readonly particles: number;
  readonly orientations: number;
  readonly translations: number;
  /** Pixels of the half transform that count. */
  readonly pixels: number;
  /** Children of an orientation and of a translation. */
  readonly rotations: number;
  readonly shifts: number;
  readonly size: number;
  readonly box: number;
  /** Angstrom. */
  readonly pixelSize: number;
}

/** Children of a coarse sample. */
export const childrenOf = ({ rotations, shifts }: CaseShape): number => rotations * shifts;
/** Coarse samples of a particle. */
export const parentsOf = ({ orientations, translations }: CaseShape): number => orientations * translations;

/** Numbers of a case, all held by float32 exactly. Axes as in the contract. */
export interface Case {
  readonly name: CaseName;
  readonly shape: CaseShape;
  /** Where each particle truly is: orientation, translation. */
  readonly truth: readonly (readonly [number, number])[];
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

/** The pixels that count: those of shells 1 to size / 2 (the origin has weight 0 in a refinement). */
const pixelList = (size: number): Uint32Array =>
  pixelTable(size, "shells").filter((packed) => packed !== packPixel(0, 0));

function putPixels(runtime: Runtime, size: number, table: Uint32Array): PixelSet {
  const xy_k = put(runtime, "index", "pixels", table);
  return { size, count: table.length, xy_k, shells: 0, byShell: xy_k };
}

function finePoses(search: Search, listed: readonly number[]): Float64Array {
  const each = search.translations.x.length * search.children;
  const all = listed.flatMap((o) =>
    Array.from({ length: each }, (_, own) => {
      const { rot, tilt, psi, x, y } = search.pose(o * each + own);
      return [rot, tilt, psi, x, y];
    }),
  );
  return Float64Array.from(all.flat());
}

/** Inverse orientations of the case, and of their children. */
async function listMatrices(
  runtime: Runtime,
  search: Search,
  listed: readonly number[],
): Promise<[DeviceBuffer, DeviceBuffer]> {
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

/** Make a case on the float64 reference: project, apply CTF, move, add noise. Every visitor sees the same particles. */
export async function makeCase(name: CaseName = "tiny"): Promise<Case> {
  const recipe = recipes[name];
  const { box, size, pixelSize, truth } = recipe;
  const runtime = openReference({ bytes: 2 ** 28 });
  const random = new Random(seed);
  runtime.push("iteration");
  const grid = orientationGrid({ order: recipe.order });
  const listed = recipe.listed(grid);
  const search = makeSearch(grid, recipe.offsets, 1, 0, pixelSize);
  const projector = allocProjector(runtime, box, recipe.padding, box);
  await fillProjector(runtime, put(runtime, "real", "map", recipe.density(random)), box, projector);
  const table = pixelList(size);
  const pixels = putPixels(runtime, size, table);
  const K = pixels.count;
  const slices_ok = runtime.alloc("complex", "slices", listed.length * K);
  const [matrices, childMatrices] = await listMatrices(runtime, search, listed);
  const rows = listed.length;
  await runtime.projectSlices({ projector, matrices, rows, first: 0, count: rows, pixels, slices_ok });
  const slices = (await runtime.download(slices_ok)).map(Math.fround) as Float64Array;

  const defocus = truth.map((_, i) => recipe.defocus + recipe.defocusStep * i);
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

  const xy = Array.from(table, (packed) => [pixelX(packed), pixelY(packed)] as const);
  const power = slices.reduce((sum, value) => sum + value * value, 0) / slices.length;
  const sigma = xy.map(([x, y]) => Math.sqrt(recipe.noise(Math.hypot(x, y)) * power));
  const weights = Float64Array.from({ length: truth.length * K }, (_, at) =>
    Math.fround(1 / sigma[at % K] ** 2),
  );
  const images = new Float64Array(2 * truth.length * K);
  truth.forEach(([o, t], i) => {
    for (const [k, [x, y]] of xy.entries()) {
      // A translation in the contract moves the image back, so the particle lies the other way.
      const [dx, dy] = [search.coarseShifts[2 * t], search.coarseShifts[2 * t + 1]];
      const angle = (2 * Math.PI * (x * dx + y * dy)) / box;
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
    name,
    shape: {
      particles: truth.length,
      orientations: rows,
      translations: recipe.offsets.x.length,
      pixels: K,
      rotations: search.rotations,
      shifts: search.shifts,
      size,
      box,
      pixelSize,
    },
    truth,
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
    poses: finePoses(search, listed),
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
    count: data.shape.particles,
    pixels: putPixels(
      runtime,
      data.shape.size,
      Uint32Array.from(data.xy, ([x, y]) => packPixel(x, y)),
    ),
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
  const { particles, orientations, translations, pixels, size, box } = data.shape;
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
    const constant_i = runtime.alloc("real", "constants", data.shape.particles);
    await runtime.imageConstants({ batch: putBatch(runtime, data, weights), constant_i });
    return Float64Array.from(await runtime.download(constant_i));
  } finally {
    runtime.pop("job");
  }
}
