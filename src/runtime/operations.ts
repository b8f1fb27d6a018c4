import type { Runtime } from "./contract.js";

type MemoryMember =
  | "name"
  | "capabilities"
  | "layout"
  | "push"
  | "pop"
  | "alloc"
  | "free"
  | "memory"
  | "upload"
  | "download"
  | "clear"
  | "copy"
  | "finish"
  | "close"
  | "makeFft";

/** The members that every runtime has and that compute. */
export type OperationName = Exclude<
  keyof Runtime,
  MemoryMember | "screenCoarse" | "mapToProjector" | "dataToMap"
>;
/** What the contract suite compares: these, and the whole coarse pass. */
export type ComparedName = OperationName | "selectCoarse";

// Which file of a runtime an operation is in.
export type ImageOperation =
  | "forwardFft"
  | "inverseFft"
  | "shiftImages"
  | "softMask"
  | "shellPower"
  | "packPixels"
  | "ctf"
  | "spreadShells"
  | "lowPass";
export type ProjectionOperation =
  | "padMap"
  | "makeProjector"
  | "projectSlices"
  | "cropMap"
  | "correctGridding"
  | "insertData"
  | "listOrientations";
export type ExpectationOperation =
  | "imageConstants"
  | "diff2Coarse"
  | "crossCorrelation"
  | "diff2Fine"
  | "viewTotals"
  | "weightedSums"
  | "shellTerms";
export type WeightOperation =
  | "weightsFromDiff2"
  | "selectSignificant"
  | "compactWeights"
  | "normaliseWeights"
  | "translationMoments"
  | "listCandidates";
export type MaximisationOperation =
  | "backproject"
  | "finishAccumulator"
  | "symmetrise"
  | "shellStatistics"
  | "shellProducts"
  | "joinHalves"
  | "downsample"
  | "addPrior"
  | "griddingProduct"
  | "griddingKernel"
  | "griddingUpdate"
  | "inverseWeight";

/** Implementations of operations over what a runtime keeps its buffers in. */
export type Operations<Device, Name extends OperationName = OperationName> = {
  readonly [N in Name]: (device: Device, ...args: Parameters<Runtime[N]>) => void | Promise<void>;
};

/** The argument of an operation that takes one. */
export type Args<Name extends OperationName> = Parameters<Runtime[Name]>[0];

/** The operations as members of a runtime. `guard` runs before each of them. */
export function bindOperations<Device>(
  device: Device,
  operations: Operations<Device>,
  guard: () => void,
): Pick<Runtime, OperationName> {
  const bound = Object.entries(operations).map(([name, operation]) => [
    name,
    async (...args: unknown[]) => {
      guard();
      await (operation as (device: Device, ...args: unknown[]) => void | Promise<void>)(device, ...args);
    },
  ]);
  return Object.fromEntries(bound) as Pick<Runtime, OperationName>;
}
