import type { PointGroup } from "../geometry/symmetry.js";
import type { CentredGeometry, DeviceBuffer, Runtime } from "../runtime/contract.js";
import { reconstruct } from "../runtime/reconstruct.js";
import { centredLength, put } from "../runtime/tables.js";
import { type Accumulated, priorOfTau2, type RadialSsnr, radialSsnr, type SsnrOptions } from "./ssnr.js";

/** Sums on the host, to be joined with those of the other half set. Data are complex pairs. */
export interface HostSums {
  readonly data: Float32Array | Float64Array;
  readonly weight: Float32Array | Float64Array;
}

/** Numerators and weights of a class with Friedel mates and symmetry mates added, in the scope that is open. */
export async function finishSums(
  runtime: Runtime,
  a: {
    readonly accumulator: DeviceBuffer;
    readonly geometry: CentredGeometry;
    readonly slot: number;
    readonly unit: number;
    readonly group: PointGroup;
  },
): Promise<Accumulated> {
  const { geometry, group } = a;
  const length = centredLength(geometry);
  const data = runtime.alloc("complex", "data", length);
  const weight = runtime.alloc("real", "weight", length);
  await runtime.finishAccumulator({ ...a, data, weight });
  const others = group.operators.slice(1);
  if (others.length === 0) return { data, weight };
  const operators = put(
    runtime,
    "real",
    "operators",
    others.flatMap((operator) => [...operator]),
  );
  const outData = runtime.alloc("complex", "symmetrised data", length);
  const outWeight = runtime.alloc("real", "symmetrised weight", length);
  await runtime.symmetrise({ data, weight, geometry, operators, count: others.length, outData, outWeight });
  return { data: outData, weight: outWeight };
}

export interface MapOptions {
  readonly box: number;
  readonly tau2Fudge: number;
  readonly skipGridding: boolean;
  /** Sum of the class weights. */
  readonly norm: number;
  readonly prior: SsnrOptions["prior"];
}

/** A reconstructed class. */
export interface ReconstructedClass {
  readonly map: Float32Array | Float64Array;
  readonly radial: RadialSsnr;
}

const griddingIterations = 10;

/** The regularised map of finished sums, which are overwritten; empty where there is no data. Work buffers come from the scope that is open. */
export async function regularisedMap(
  runtime: Runtime,
  sums: Accumulated,
  geometry: CentredGeometry,
  options: MapOptions,
): Promise<ReconstructedClass> {
  const { box, tau2Fudge, prior } = options;
  const radial = await radialSsnr(runtime, { weight: sums.weight, geometry, box, fudge: tau2Fudge, prior });
  const prior_s = put(runtime, "real", "prior", priorOfTau2(radial.tau2, geometry.padding, tau2Fudge));
  const map = await mapOfSums(runtime, sums, geometry, options, prior_s);
  return { map, radial };
}

/** The map of finished sums, which are overwritten, with or without regularisation. */
export async function mapOfSums(
  runtime: Runtime,
  sums: Accumulated,
  geometry: CentredGeometry,
  { box, norm, skipGridding }: Pick<MapOptions, "box" | "norm" | "skipGridding">,
  prior_s?: DeviceBuffer,
): Promise<Float32Array | Float64Array> {
  const map = runtime.alloc("real", "map", box ** 3);
  await reconstruct(runtime, {
    ...sums,
    geometry,
    box,
    paddedBox: Math.round(geometry.padding * box),
    map,
    norm,
    gridding: skipGridding ? "skip" : griddingIterations,
    ...(prior_s === undefined ? {} : { prior_s }),
  });
  const voxels = (await runtime.download(map)) as Float32Array | Float64Array;
  return norm > 0 ? voxels : voxels.fill(0);
}
