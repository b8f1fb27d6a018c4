import type { CentredGeometry, DataToMap, DeviceBuffer, Fft, Runtime } from "./contract.js";
import { centredLength, centredPlanes, freeAll, maskScratch, put, shellScratch } from "./tables.js";

/** Entries of the gridding kernel's table, and the radius (in units of the padded box) that the last one is near. */
const tableEntries = 10000;
const tableEnd = 0.5;

/** Modified and ordinary Bessel functions of order 3/2. */
const besselI = (x: number) =>
  x === 0 ? 0 : Math.sqrt(2 / (Math.PI * x)) * (Math.cosh(x) - Math.sinh(x) / x);
const besselJ = (x: number) => (x === 0 ? 0 : Math.sqrt(2 / (Math.PI * x)) * (Math.sin(x) / x - Math.cos(x)));

/**
 * The Fourier transform of a Kaiser-Bessel blob of order 0, radius 1.9 padding and alpha 15, relative to its value at 0, in 10,000 steps up
 * to 0.5 (Lewitt 1990, J. Opt. Soc. Am. A 7:1834): the smooth kernel of the iterative gridding weights.
 */
export function kaiserBesselTable(padding: number): Float64Array {
  const radius = 1.9 * padding;
  const alpha = 15;
  const at = (w: number) => {
    const reach = 2 * Math.PI * radius * w;
    const s = Math.sqrt(Math.abs(alpha * alpha - reach * reach));
    return (reach > alpha ? besselJ(s) : besselI(s)) / s ** 1.5;
  };
  const first = at(0);
  return Float64Array.from(
    { length: tableEntries },
    (_, entry) => at((entry * tableEnd) / tableEntries) / first,
  );
}

export interface ReconstructOptions {
  /** Numerators and weights, with Friedel mates and symmetry summed; both are overwritten. */
  readonly data: DeviceBuffer;
  readonly weight: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly box: number;
  readonly paddedBox: number;
  /** box^3 voxels. */
  readonly map: DeviceBuffer;
  /**
   * Regularisation: 1 / (padding^3 T tau2) by shell, negative where tau2 is 0; undefined for none. Shells from `minShell` (5).
   */
  readonly prior_s?: DeviceBuffer;
  readonly minShell?: number;
  /** Sum of the class weights (1 without regularisation). */
  readonly norm?: number;
  /** Iterations of the gridding weights (Pipe & Menon 1999, Magn. Reson. Med. 41:179); `skip`: divide by the weights as they are. */
  readonly gridding: number | "skip";
  /** The particles are maps (subtomograms) rather than images. */
  readonly fromMaps?: boolean;
}

/**
 * A map from an accumulator: regularised weights, gridding weights or plain division, inverse transform of the padded cube, its middle, a
 * soft mask over the corners, division by the interpolation's transform (Scheres 2012, J Struct Biol 180:519). Takes its work buffers
 * from the scope that is open: call it inside one of its own.
 */
export async function reconstruct(runtime: Runtime, options: ReconstructOptions): Promise<void> {
  const { data, weight, geometry, box, paddedBox, map, prior_s, minShell = 5, norm = 1, gridding } = options;
  const length = centredLength(geometry);
  const estimate = runtime.alloc("real", "gridding weights", length);
  const none = prior_s ?? runtime.alloc("real", "no prior", 1);
  await runtime.addPrior({
    weight,
    geometry,
    prior_s: none,
    shells: prior_s?.length ?? 0,
    minShell,
    norm: gridding === "skip" ? 1 : norm,
  });
  if (gridding === "skip") await plainWeights(runtime, options, estimate);
  else await griddingWeights(runtime, options, estimate, gridding);
  const scale = 1 / (geometry.padding ** 3 * (options.fromMaps ? 1 : box) * (gridding === "skip" ? 1 : norm));
  await dataToMap(runtime, { data, estimate, geometry, paddedBox, map, box, scale });
  const shape = [box, box, box];
  const scratch = runtime.alloc("real", "mask sums", maskScratch(shape, 1));
  await runtime.softMask({ values: map, shape, count: 1, radius: box / 2, width: 3, scratch });
  await runtime.correctGridding({ map, box, paddedBox });
}

/** The map of data x estimate; with the padded cube where the runtime needs it. */
async function dataToMap(runtime: Runtime, a: Omit<DataToMap, "work">): Promise<void> {
  const { data, estimate, geometry, paddedBox, map, box, scale } = a;
  const declared = runtime.layout.paddedBuffers?.(box, paddedBox, geometry.radius);
  if (declared !== undefined && runtime.dataToMap !== undefined) {
    const work = declared.map(({ kind, name, length }) => runtime.alloc(kind, name, length));
    await runtime.dataToMap({ ...a, work });
    freeAll(runtime, work);
    return;
  }
  const fft = runtime.makeFft([paddedBox, paddedBox, paddedBox], 1);
  const spectrum = runtime.alloc("complex", "padded transform", paddedBox ** 2 * (paddedBox / 2 + 1));
  await runtime.insertData({ data, estimate, geometry, spectrum, paddedBox });
  const padded = runtime.alloc("real", "padded map", paddedBox ** 3);
  await runtime.inverseFft(fft, spectrum, padded);
  await runtime.cropMap({ padded, paddedBox, map, box, scale });
  freeAll(runtime, [...fft.buffers, spectrum, padded]);
}

/** estimate = 1 / max(weight, mean of its shell / 1000). */
async function plainWeights(
  runtime: Runtime,
  { weight, geometry }: ReconstructOptions,
  estimate: DeviceBuffer,
): Promise<void> {
  const shells = Math.floor(geometry.maxShell);
  const sums_s4 = runtime.alloc("real", "shell sums", 4 * shells);
  const threshold_s = put(runtime, "real", "thresholds", new Float64Array(shells));
  const scratch = runtime.alloc("real", "shell scratch", shellScratch(centredPlanes(geometry), shells));
  await runtime.shellStatistics({
    weight,
    geometry,
    shells,
    rounding: "floor",
    threshold_s,
    sums_s4,
    scratch,
  });
  const sums = await runtime.download(sums_s4);
  const floors = Float64Array.from({ length: shells }, (_, s) => sums[4 * s] / (1000 * sums[4 * s + 3]));
  const floor_s = put(runtime, "real", "weight floors", floors);
  await runtime.inverseWeight({ weight, geometry, floor_s, shells, estimate });
}

async function griddingWeights(
  runtime: Runtime,
  { weight, geometry, paddedBox }: ReconstructOptions,
  estimate: DeviceBuffer,
  iterations: number,
): Promise<void> {
  const { radius } = geometry;
  const side = 2 * radius + 1;
  runtime.upload(estimate, insideSphere(geometry));
  if (iterations === 0) return;
  const table = put(runtime, "real", "gridding kernel", kaiserBesselTable(geometry.padding));
  const grid = runtime.alloc("complex", "gridding grid", side * side * (radius + 1));
  const values = runtime.alloc("real", "gridding values", side ** 3);
  const fft: Fft = runtime.makeFft([side, side, side], 1);
  const scale = tableEntries / (tableEnd * paddedBox);
  for (let iteration = 0; iteration < iterations; iteration++) {
    await runtime.griddingProduct({ estimate, weight, geometry, grid });
    await runtime.inverseFft(fft, grid, values);
    await runtime.griddingKernel({ values, side, table, scale });
    await runtime.forwardFft(fft, values, grid);
    await runtime.griddingUpdate({ estimate, grid, geometry });
  }
  freeAll(runtime, [table, grid, values, ...fft.buffers]);
}

/** 1 for elements inside the sphere, 0 outside. */
function insideSphere({ radius, padding, maxShell }: CentredGeometry): Float32Array {
  const limit = Math.floor(padding * maxShell + 0.5) ** 2;
  const inside = new Float32Array(centredLength({ radius }));
  for (let z = -radius, row = 0; z <= radius; z++)
    for (let y = -radius; y <= radius; y++, row += radius + 1) {
      const left = limit - y * y - z * z;
      if (left > 0) inside.fill(1, row, row + Math.min(radius + 1, Math.ceil(Math.sqrt(left))));
    }
  return inside;
}
