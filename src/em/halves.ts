import type { CentredGeometry, Runtime } from "../runtime/contract.js";
import { centredLength } from "../runtime/tables.js";
import { type HostSums, mapOfSums, type ReconstructedClass, regularisedMap } from "./maximisation.js";
import type { RefineOptions } from "./options.js";
import { inScope } from "./scope.js";
import { solventCorrectedFsc } from "./solvent-fsc.js";
import { type Accumulated, halfSetFsc } from "./ssnr.js";

/** Lengths stand for contents in a memory plan. */
export type SumsOrLengths =
  | HostSums
  | { readonly data: { length: number }; readonly weight: { length: number } };

type PlainMap = Float32Array | Float64Array;

/** Maps of half sets that were reconstructed together. */
export interface JoinedHalves {
  readonly fsc: Float64Array;
  /** One map of each half set. */
  readonly halves: readonly ReconstructedClass[];
}

/** Maps of a converged refinement. */
export interface FinalMaps {
  readonly fsc: Float64Array;
  readonly joined: ReconstructedClass;
  /** Of each half set, without regularisation. */
  readonly unfiltered: readonly (Float32Array | Float64Array)[];
}

interface HalvesInput {
  readonly sums: readonly [SumsOrLengths, SumsOrLengths];
  /** Sum of weights of each half set. */
  readonly norms: readonly [number, number];
  readonly geometry: CentredGeometry;
  readonly box: number;
  /** Angstrom. */
  readonly pixelSize: number;
  /** 1 / Angstrom. */
  readonly resolution: number;
  readonly options: RefineOptions;
  readonly currentSize: number;
}

function upload(runtime: Runtime, sums: SumsOrLengths, name: string, length: number): Accumulated {
  const data = runtime.alloc("complex", `${name} data`, length);
  const weight = runtime.alloc("real", `${name} weight`, length);
  runtime.upload(data, sums.data as ArrayLike<number>);
  runtime.upload(weight, sums.weight as ArrayLike<number>);
  return { data, weight };
}

/** Half sets share what is coarser than this: squared radius in elements. */
function joinLimit({ geometry, box, pixelSize, resolution, options }: HalvesInput): number | undefined {
  if (!(options.lowResolJoinHalves > 0)) return undefined;
  const shell = Math.ceil((box * pixelSize) / Math.max(options.lowResolJoinHalves, 1 / resolution));
  return Math.floor((geometry.padding * shell) ** 2 + 0.5);
}

/** Both half sets on the device, joined at low resolution, with their FSC; `body` runs in the same scope. */
async function withHalves<T>(
  runtime: Runtime,
  input: HalvesInput,
  body: (halves: [Accumulated, Accumulated], fsc: Float64Array) => Promise<T>,
): Promise<T> {
  const { geometry, box } = input;
  const length = centredLength(geometry);
  runtime.push("iteration");
  try {
    const one = upload(runtime, input.sums[0], "half 1", length);
    const two = upload(runtime, input.sums[1], "half 2", length);
    const limit = joinLimit(input);
    if (limit !== undefined)
      await runtime.joinHalves({
        data1: one.data,
        weight1: one.weight,
        data2: two.data,
        weight2: two.weight,
        geometry,
        limit,
      });
    const fsc = await inScope(runtime, "job", () => halfSetFsc(runtime, one, two, geometry, box));
    return await body([one, two], fsc);
  } finally {
    runtime.pop("iteration");
  }
}

/** Maps of both half sets without regularisation. */
async function plainMaps(
  runtime: Runtime,
  { sums, geometry, box, options }: HalvesInput,
): Promise<PlainMap[]> {
  const maps: PlainMap[] = [];
  for (const half of sums) {
    runtime.push("iteration");
    try {
      const own = upload(runtime, half, "half", centredLength(geometry));
      maps.push(
        await mapOfSums(runtime, own, geometry, { box, norm: 1, skipGridding: options.skipGridding }),
      );
    } finally {
      runtime.pop("iteration");
    }
  }
  return maps;
}

/** The FSC inside the solvent mask, where that is asked for. */
async function maskedFsc(runtime: Runtime, input: HalvesInput): Promise<Float64Array | undefined> {
  const { options, box, currentSize } = input;
  const { solventMask } = options;
  if (!options.solventCorrectFsc || solventMask === undefined) return undefined;
  const [one, two] = await plainMaps(runtime, input);
  return solventCorrectedFsc(one, two, solventMask, box, currentSize, options.randomSeed);
}

/** The regularised map of each half set (Scheres & Chen 2012, Nat Methods 9:853). */
export async function reconstructHalves(runtime: Runtime, input: HalvesInput): Promise<JoinedHalves> {
  const { geometry, box, norms, options } = input;
  const masked = await maskedFsc(runtime, input);
  return withHalves(runtime, input, async (sums, unmasked) => {
    const fsc = masked ?? unmasked;
    const halves: ReconstructedClass[] = [];
    for (const [h, own] of sums.entries()) {
      const settings = { ...options, box, norm: norms[h], prior: { fsc } };
      halves.push(await inScope(runtime, "job", () => regularisedMap(runtime, own, geometry, settings)));
    }
    return { fsc, halves };
  });
}

/** The map of all data, and those of the half sets without regularisation. */
export async function reconstructFinal(runtime: Runtime, input: HalvesInput): Promise<FinalMaps> {
  const { geometry, box, norms, options } = input;
  const length = centredLength(geometry);
  const unfiltered = await plainMaps(runtime, input);
  const masked = await maskedFsc(runtime, input);
  let fscOfHalves: Float64Array = new Float64Array();
  let both: HostSums | undefined;
  await withHalves(runtime, input, async ([one, two], fsc) => {
    fscOfHalves = masked ?? Float64Array.from(fsc);
    const data = added(await runtime.download(one.data), await runtime.download(two.data));
    const weight = added(await runtime.download(one.weight), await runtime.download(two.weight));
    both = { data, weight };
  });
  if (both === undefined) throw new Error("half sets were not joined");
  runtime.push("iteration");
  try {
    const all = upload(runtime, both, "all", length);
    const joined = await regularisedMap(runtime, all, geometry, {
      ...options,
      box,
      norm: norms[0] + norms[1],
      prior: { fsc: fscOfHalves, bothHalves: true },
    });
    return { fsc: fscOfHalves, joined, unfiltered };
  } finally {
    runtime.pop("iteration");
  }
}

function added(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  const sum = new Float64Array(a.length);
  for (let at = 0; at < sum.length; at++) sum[at] = a[at] + b[at];
  return sum;
}
