import type { Runtime } from "./contract.js";
import type { ComparedName } from "./operations.js";

/** How far a runtime may be from `reference`: the relative L2 error of an output, and why that much. 0 means equal. */
export interface Tolerance {
  readonly bound: number;
  readonly reason: string;
}

const exact = (reason: string): Tolerance => ({ bound: 0, reason });

const rounding: Tolerance = {
  bound: 1e-6,
  reason: "a few float32 roundings (2^-24 each) an element, no long sums",
};
const transform: Tolerance = {
  bound: 2e-6,
  reason: "float32 butterflies: error grows with log2 n, about 2^-24 each pass (Bluestein: three transforms)",
};
const trigonometry: Tolerance = {
  bound: 2e-6,
  reason: "float32 radius and a polynomial for the cosine, accurate to 1e-7",
};
const interpolation: Tolerance = {
  bound: 5e-6,
  reason: "coordinates of up to a few hundred elements carry 2^-24 of their size into the trilinear weights",
};
const sums: Tolerance = {
  bound: 5e-6,
  reason: "float32 sums of up to thousands of terms in a fixed order; rounding errors add like a random walk",
};

/** One row an operation: float32 on WebGPU against float64. */
export const webGpuTolerances: Readonly<Record<ComparedName, Tolerance>> = {
  forwardFft: transform,
  inverseFft: transform,
  shiftImages: rounding,
  softMask: { ...sums, reason: `${sums.reason}; the mask's cosine adds 1e-7` },
  shellPower: sums,
  packPixels: exact("values are copied with a sign"),
  ctf: {
    bound: 2e-5,
    reason: "gamma of ten turns carries an error of a few 2^-24 of its size into the sine",
  },
  spreadShells: exact("values are copied; shells come from whole numbers"),
  lowPass: trigonometry,
  padMap: trigonometry,
  makeProjector: rounding,
  projectSlices: interpolation,
  listOrientations: rounding,
  cropMap: rounding,
  correctGridding: trigonometry,
  insertData: rounding,
  imageConstants: sums,
  diff2Coarse: {
    bound: 1e-5,
    reason:
      "float32 sums over pixels; direct and tiled sum squares and take the constant off at the end, which costs its rounding",
  },
  crossCorrelation: sums,
  diff2Fine: { bound: 1e-5, reason: "slices interpolated in float32, sums over pixels" },
  listCandidates: rounding,
  weightsFromDiff2: {
    bound: 5e-5,
    reason: "exp of WGSL may be off by 3 + 2 |x| units in the last place, |x| up to 88",
  },
  selectSignificant: exact("weights are compared as they are; masses are summed as integers"),
  compactWeights: exact("indices"),
  selectCoarse: {
    bound: 1e-3,
    reason:
      "sums and thresholds: what a screen leaves out (under 1 % of the sum) has errors of its 16 bits; indices are equal",
  },
  normaliseWeights: rounding,
  translationMoments: sums,
  viewTotals: { bound: 1e-6, reason: "sums of a few weights" },
  weightedSums: { bound: 1e-5, reason: "interpolated slices, sums over samples and views in a fixed order" },
  shellTerms: sums,
  backproject: interpolation,
  finishAccumulator: rounding,
  symmetrise: interpolation,
  shellStatistics: sums,
  shellProducts: sums,
  joinHalves: rounding,
  downsample: rounding,
  addPrior: rounding,
  griddingProduct: rounding,
  griddingKernel: {
    bound: 1e-4,
    reason:
      "the table is cut to whole entries: where float32 puts the radius on the other side of an entry's edge the neighbour is taken, one step of a smooth table",
  },
  griddingUpdate: rounding,
  inverseWeight: rounding,
};

const float64: Tolerance = {
  bound: 3e-7,
  reason: "computed in float64, rounded to float32 at the end (shell sums: once a plane)",
};

/** The same on the cpu runtime, which computes in float64 where that costs nothing. */
export const cpuTolerances: Readonly<Record<ComparedName, Tolerance>> = {
  ...webGpuTolerances,
  softMask: float64,
  shellPower: float64,
  ctf: float64,
  lowPass: float64,
  padMap: float64,
  correctGridding: float64,
  imageConstants: float64,
  weightsFromDiff2: {
    bound: 5e-5,
    reason: "log weights are float32 differences: 2^-25 of scores of hundreds, twice, goes into the exponent",
  },
  translationMoments: float64,
  shellTerms: float64,
  symmetrise: float64,
  shellStatistics: float64,
  shellProducts: float64,
  griddingKernel: rounding,
};

/** The same on CUDA in single precision. Its mathematical functions are accurate to a few units in the last place. */
export const cudaTolerances: Readonly<Record<ComparedName, Tolerance>> = webGpuTolerances;

const rounding64: Tolerance = {
  bound: 1e-14,
  reason: "float64 on both sides: a few roundings (2^-53 each), where a device may fuse a product with a sum",
};
const sums64: Tolerance = {
  bound: 1e-12,
  reason: "float64 sums of up to thousands of terms, of either sign, in another order than the reference's",
};
const interpolation64: Tolerance = {
  bound: 1e-12,
  reason: "coordinates of up to a few hundred elements carry 2^-53 of their size into the trilinear weights",
};

/** The same on CUDA in double precision. */
export const cudaDoubleTolerances: Readonly<Record<ComparedName, Tolerance>> = {
  forwardFft: { bound: 1e-14, reason: "float64 butterflies: error grows with log2 n, about 2^-53 each pass" },
  inverseFft: { bound: 1e-14, reason: "float64 butterflies: error grows with log2 n, about 2^-53 each pass" },
  shiftImages: rounding64,
  softMask: sums64,
  shellPower: sums64,
  packPixels: exact("values are copied with a sign"),
  ctf: {
    bound: 1e-13,
    reason: "gamma of ten turns carries an error of a few 2^-53 of its size into the sine",
  },
  spreadShells: exact("values are copied; shells come from whole numbers"),
  lowPass: rounding64,
  padMap: rounding64,
  makeProjector: rounding64,
  projectSlices: interpolation64,
  listOrientations: rounding64,
  cropMap: rounding64,
  correctGridding: rounding64,
  insertData: rounding64,
  imageConstants: sums64,
  diff2Coarse: sums64,
  crossCorrelation: sums64,
  diff2Fine: sums64,
  listCandidates: rounding64,
  weightsFromDiff2: {
    bound: 1e-12,
    reason: "log weights are differences of scores of hundreds: 2^-53 of them goes into the exponent",
  },
  selectSignificant: exact("weights are compared as they are; masses are summed as integers"),
  compactWeights: exact("indices"),
  selectCoarse: sums64,
  normaliseWeights: rounding64,
  translationMoments: sums64,
  viewTotals: sums64,
  weightedSums: sums64,
  shellTerms: sums64,
  backproject: {
    bound: 1e-8,
    reason:
      "sums of integers in units of 2^-30 in the suite: each contribution is rounded to one, whatever computes it",
  },
  finishAccumulator: rounding64,
  symmetrise: interpolation64,
  shellStatistics: sums64,
  shellProducts: sums64,
  joinHalves: rounding64,
  downsample: rounding64,
  addPrior: rounding64,
  griddingProduct: rounding64,
  griddingKernel: {
    bound: 1e-12,
    reason: "the table is cut to whole entries at float64 radii: both sides take the same entry",
  },
  griddingUpdate: rounding64,
  inverseWeight: rounding64,
};

const tolerances = {
  reference: webGpuTolerances,
  webgpu: webGpuTolerances,
  cpu: cpuTolerances,
  cuda: cudaTolerances,
} as const;

/** What holds for a runtime as it was opened. */
export const tolerancesOf = (
  runtime: Pick<Runtime, "name" | "layout">,
): Readonly<Record<ComparedName, Tolerance>> => tolerancesFor(runtime.name, isDouble(runtime));

/** What holds for a runtime by its name and its precision. */
export const tolerancesFor = (
  name: Runtime["name"],
  double: boolean,
): Readonly<Record<ComparedName, Tolerance>> =>
  name === "cuda" && double ? cudaDoubleTolerances : tolerances[name];

/** Whether the numbers of a runtime are float64. */
export const isDouble = ({ layout }: Pick<Runtime, "layout">): boolean => layout.elementBytes.real === 8;
