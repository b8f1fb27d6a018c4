import type { CentredGeometry, DeviceBuffer, Runtime } from "../runtime/contract.js";
import { centredLength, centredPlanes, shellScratch } from "../runtime/tables.js";

/** Radial quantities of a reconstruction, by shell 0 .. box / 2. */
export interface RadialSsnr {
  /** 1 / mean weight: the noise of the reference (rlnReferenceSigma2). */
  readonly sigma2: Float64Array;
  readonly tau2: Float64Array;
  /** Signal over noise (rlnSsnrMap). */
  readonly dataVsPrior: Float64Array;
  /** Share of elements with at least as much data as prior (rlnFourierCompleteness). */
  readonly coverage: Float64Array;
}

export interface SsnrOptions {
  readonly weight: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly box: number;
  /** T, `--tau2_fudge`. */
  readonly fudge: number;
  /** Half-set FSC; or the reference's power spectrum where there is none. */
  readonly prior:
    | { readonly fsc: ArrayLike<number>; readonly bothHalves?: boolean }
    | { readonly tau2: Float64Array };
}

/**
 * Signal and noise of a reconstruction from the weights of back-projection (Scheres 2012, J Struct Biol 180:519, eqs. 6-8). Work buffers
 * come from the scope that is open.
 */
export async function radialSsnr(runtime: Runtime, a: SsnrOptions): Promise<RadialSsnr> {
  const { weight, geometry, box, fudge } = a;
  const shells = Math.floor(box / 2) + 1;
  const sums_s4 = runtime.alloc("real", "shell sums", 4 * shells);
  const threshold_s = runtime.alloc("real", "shell thresholds", shells);
  const scratch = runtime.alloc("real", "shell scratch", shellScratch(centredPlanes(geometry), shells));
  const statistics = async (thresholds: Float64Array) => {
    runtime.upload(threshold_s, thresholds);
    await runtime.shellStatistics({
      weight,
      geometry,
      shells,
      rounding: "round",
      threshold_s,
      sums_s4,
      scratch,
    });
    const sums = await runtime.download(sums_s4);
    const column = (c: number) => Float64Array.from({ length: shells }, (_, s) => sums[4 * s + c]);
    return { weights: column(0), squares: column(1), above: column(2), counts: column(3) };
  };
  const { weights, squares, counts } = await statistics(new Float64Array(shells));
  const oversampling = geometry.padding ** 3;
  const sigma2 = weights.map((sum, s) => (sum * oversampling > 1e-10 ? counts[s] / (oversampling * sum) : 0));
  const ssnr =
    "fsc" in a.prior ? ssnrOfFsc(a.prior.fsc, shells, fudge, a.prior.bothHalves ?? false) : undefined;
  const tau2 = "tau2" in a.prior ? a.prior.tau2 : (ssnr ?? sigma2).map((value, s) => value * sigma2[s]);
  const inverse = tau2.map((value) => (value > 0 ? 1 / (oversampling * fudge * value) : 0));
  const { above } = await statistics(inverse);
  const coverage = above.map((count, s) => {
    if (counts[s] === 0) return 0;
    // Where there is no prior the share is of elements with 0.001 weight^2 >= 1; the mean square decides for the whole shell.
    return tau2[s] > 0 ? count / counts[s] : squares[s] * 0.001 >= counts[s] ? 1 : 0;
  });
  const dataVsPrior =
    ssnr ??
    tau2.map((value, s) => {
      if (s > geometry.maxShell) return 0;
      if (counts[s] === 0) return 999;
      return value > 0 ? weights[s] / (inverse[s] * counts[s]) : (0.001 * squares[s]) / counts[s];
    });
  return { sigma2, tau2, dataVsPrior, coverage };
}

function ssnrOfFsc(fsc: ArrayLike<number>, shells: number, fudge: number, bothHalves: boolean): Float64Array {
  return Float64Array.from({ length: shells }, (_, s) => {
    const least = Math.max(0.001, fsc[s]);
    const value = Math.min(0.999, bothHalves ? Math.sqrt((2 * least) / (1 + least)) : least);
    return (fudge * value) / (1 - value);
  });
}

/** The regularisation of `reconstruct`: 1 / (padding^3 T tau2) by shell, negative where tau2 is 0. */
export function priorOfTau2(tau2: ArrayLike<number>, padding: number, fudge: number): Float64Array {
  return Float64Array.from(tau2, (value) => (value > 0 ? 1 / (padding ** 3 * fudge * value) : -1));
}

/** Sums of one half set, with Friedel mates and symmetry summed. */
export interface Accumulated {
  readonly data: DeviceBuffer;
  readonly weight: DeviceBuffer;
}

/**
 * FSC between the half sets' accumulators on the grid without padding, shells 0 .. box / 2; 0 beyond the largest shell. Work buffers come
 * from the scope that is open.
 */
export async function halfSetFsc(
  runtime: Runtime,
  one: Accumulated,
  two: Accumulated,
  geometry: CentredGeometry,
  box: number,
): Promise<Float64Array> {
  const outRadius = geometry.maxShell + 1;
  const [a, b] = [one, two].map((half, index) => ({
    ...half,
    out: runtime.alloc("complex", `half ${index + 1} average`, centredLength({ radius: outRadius })),
  }));
  for (const { data, weight, out } of [a, b])
    await runtime.downsample({ data, weight, geometry, out, outRadius });
  const shells = Math.floor(box / 2) + 1;
  const sums_s4 = runtime.alloc("real", "shell sums", 4 * shells);
  const scratch = runtime.alloc("real", "shell scratch", shellScratch(2 * outRadius + 1, shells));
  const layout = {
    kind: "centred",
    slot: 0,
    radius: outRadius,
    padding: 1,
    limit: geometry.maxShell ** 2,
  } as const;
  await runtime.shellProducts({ a: a.out, b: b.out, layout, shells, sums_s4, scratch });
  const fsc = fscOfSums(await runtime.download(sums_s4));
  fsc[0] = 1;
  return fsc;
}

/** FSC from the sums of `shellProducts`; 0 where either side of a shell is empty. */
export function fscOfSums(sums: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: sums.length / 4 }, (_, s) => {
    const power = sums[4 * s + 1] * sums[4 * s + 2];
    return power > 0 ? sums[4 * s] / Math.sqrt(power) : 0;
  });
}

/** FSC of two maps, shells 0 .. box / 2 (Harauz & van Heel 1986, Optik 73:146). Work buffers come from the scope that is open. */
export async function mapFsc(
  runtime: Runtime,
  one: DeviceBuffer,
  two: DeviceBuffer,
  box: number,
): Promise<Float64Array> {
  const shape = [box, box, box];
  const length = box * box * (Math.floor(box / 2) + 1);
  const [a, b] = [one, two].map((map, index) => ({
    map,
    spectrum: runtime.alloc("complex", `map ${index + 1} transform`, length),
  }));
  const fft = runtime.makeFft(shape, 1);
  for (const { map, spectrum } of [a, b]) await runtime.forwardFft(fft, map, spectrum);
  const shells = Math.floor(box / 2) + 1;
  const sums_s4 = runtime.alloc("real", "shell sums", 4 * shells);
  const scratch = runtime.alloc("real", "shell scratch", shellScratch(box, shells));
  await runtime.shellProducts({
    a: a.spectrum,
    b: b.spectrum,
    layout: { kind: "fft", shape },
    shells,
    sums_s4,
    scratch,
  });
  return fscOfSums(await runtime.download(sums_s4));
}

/** Mean |F|^2 of a map by shell 0 .. box / 2, transforms divided by the number of voxels. Work buffers come from the scope that is open. */
export async function mapPower(runtime: Runtime, map: DeviceBuffer, box: number): Promise<Float64Array> {
  const shape = [box, box, box];
  const length = box * box * (Math.floor(box / 2) + 1);
  const spectrum = runtime.alloc("complex", "map transform", length);
  const copy = runtime.alloc("complex", "transform copy", length);
  await runtime.forwardFft(runtime.makeFft(shape, 1), map, spectrum);
  await runtime.copy(spectrum, copy);
  const shells = Math.floor(box / 2) + 1;
  const sums_s4 = runtime.alloc("real", "shell sums", 4 * shells);
  const scratch = runtime.alloc("real", "shell scratch", shellScratch(box, shells));
  await runtime.shellProducts({
    a: spectrum,
    b: copy,
    layout: { kind: "fft", shape },
    shells,
    sums_s4,
    scratch,
  });
  const sums = await runtime.download(sums_s4);
  return Float64Array.from({ length: shells }, (_, s) => sums[4 * s + 1] / sums[4 * s + 3]);
}

/** Share of the sphere of shells before data_vs_prior < 1 that the data cover (rlnOverallFourierCompleteness). */
export function overallCompleteness(dataVsPrior: ArrayLike<number>, coverage: ArrayLike<number>): number {
  let most = 1;
  while (most < dataVsPrior.length && dataVsPrior[most] >= 1) most++;
  most -= 1;
  let sum = 0;
  let count = 0;
  const signs = (n: number) => (n > 0 ? 2 : 1);
  for (let z = 0; z < most; z++)
    for (let y = 0; y < most; y++)
      for (let x = 0; x < most; x++) {
        const shell = Math.floor(Math.sqrt(x * x + y * y + z * z));
        if (shell > most) break;
        const times = signs(x) * signs(y) * signs(z);
        sum += times * coverage[shell];
        count += times;
      }
  return count > 0 ? sum / count : 0;
}
