import type { PixelSet, Runtime } from "../runtime/contract.js";
import { makePhases, put } from "../runtime/tables.js";
import { candidateRoom } from "./candidates.js";
import type { IterationPixels } from "./device-batch.js";
import { CapacityError, type ExpectationModel, type ListedOrientations } from "./expectation.js";
import type { GridTables } from "./grid-tables.js";
import type { HostList } from "./host-batch.js";
import type { IterationInput } from "./iteration.js";
import { type DeviceTables, putCandidates, putTables } from "./orientations.js";

/** Orientations that candidates come from. */
export interface CandidateTables {
  readonly coarse: DeviceTables;
  readonly child: DeviceTables;
}

/** Translations of the particles' own, where they keep them. */
type OwnTranslations = Pick<
  ExpectationModel,
  "coarsePhases" | "finePhases" | "sumPhases" | "childTranslations_t2"
>;

/** Tables of a batch of particles that each have their own orientations. */
export interface ListedTables {
  readonly model: GridTables & Partial<OwnTranslations>;
  readonly orientations: ListedOrientations;
}

/**
 * Orientations, and translations where they are the particles' own, of one batch of `count` particles; allocates for `batchSize` in the scope
 * that is open. `tables` may be undefined where the particles keep their orientations, `classes` are those of the references.
 * @throws CapacityError where the candidates are more than the room for them.
 */
export async function listedTables(
  runtime: Runtime,
  input: IterationInput,
  pixels: IterationPixels,
  tables: CandidateTables | undefined,
  { candidates, classPrior, own, ownShifts }: HostList,
  { classes, count, batchSize }: Readonly<Record<"classes" | "count" | "batchSize", number>>,
): Promise<ListedTables> {
  const { search, set } = input;
  const { directions, psis, candidates: each } = candidateRoom(input);
  const room = { directions: batchSize * directions, psis: batchSize * psis };
  const capacity = batchSize * each;
  if (
    candidates.count > capacity ||
    candidates.direction.length > room.directions ||
    candidates.psi.length > room.psis
  )
    throw new CapacityError(`${candidates.count} candidates, room for ${capacity}`);
  const list = putCandidates(runtime, count, candidates, room);
  const classPrior_c = put(runtime, "real", "class priors", classPrior);
  const coarseMatrices = runtime.alloc("real", "candidate orientations", 9 * capacity);
  const matrices = runtime.alloc("real", "child orientations", 9 * capacity * search.rotations);
  const from = own === undefined ? tables : ownTables(runtime, own);
  if (from === undefined) throw new Error("no tables of orientations");
  await runtime.listOrientations({ list, ...from.coarse, matrices: coarseMatrices });
  await runtime.listOrientations({ list, ...from.child, matrices });
  return {
    model: {
      orientations: classes * candidates.count,
      matrices,
      rows: candidates.count * search.rotations,
      ...(ownShifts === undefined ? {} : ownTranslations(runtime, ownShifts, pixels, set.box)),
    },
    orientations: {
      list,
      capacity,
      coarseMatrices,
      ownTranslation: ownShifts !== undefined,
      classPrior_c,
      start: candidates.start,
    },
  };
}

/** The particles' own orientations (nine numbers each), which have no children. */
function ownTables(runtime: Runtime, own: ArrayLike<number>): CandidateTables {
  const tables = putTables(runtime, "own", {
    directions: own,
    directionChildren: 1,
    psis: [1, 0],
    psiChildren: 1,
  });
  return { coarse: tables, child: tables };
}

/** One translation a particle, in pixels: pairs. */
function ownTranslations(
  runtime: Runtime,
  shifts: Float64Array,
  pixels: IterationPixels,
  box: number,
): OwnTranslations {
  const childTranslations_t2 = put(runtime, "real", "own translations", shifts);
  const phases = ({ size }: PixelSet) => makePhases(runtime, shifts, size, box);
  return {
    coarsePhases: phases(pixels.coarse),
    finePhases: phases(pixels.fine),
    sumPhases: phases(pixels.sums),
    childTranslations_t2,
  };
}
