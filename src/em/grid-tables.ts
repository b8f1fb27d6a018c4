import type { CentredArray, PixelSet, Runtime } from "../runtime/contract.js";
import { UnsupportedError } from "../runtime/errors.js";
import type { ExpectationModel, KeptRows } from "./expectation.js";
import { allCandidates, putCandidates, putTables } from "./orientations.js";
import type { Search } from "./search.js";
import { within } from "./within.js";

/** What an iteration keeps of all child orientations: slices; slices and views; nothing. */
export type Keep = "views" | "slices" | "nothing";

/** Tables of a search over the same orientations for all particles. */
export type GridTables = Pick<ExpectationModel, "slices_ok" | "orientations" | "matrices" | "rows" | "kept">;

export async function gridTables(
  runtime: Runtime,
  projector: CentredArray,
  search: Search,
  coarse: PixelSet,
  fine: PixelSet,
  keep: Keep,
): Promise<GridTables> {
  const { classes } = projector;
  const orientations = classes * search.orientations;
  const rows = search.orientations * search.rotations;
  const slices_ok = runtime.alloc("complex", "slices", orientations * coarse.count);
  const coarseMatrices = runtime.alloc("real", "coarse orientations", 9 * search.orientations);
  const matrices = runtime.alloc("real", "child orientations", 9 * rows);
  await within(runtime, "job", async () => {
    const room = { directions: search.grid.rot.length, psis: search.grid.psi.length };
    const list = putCandidates(runtime, 1, allCandidates(room.directions, room.psis), room);
    for (const [tables, target] of [
      [putTables(runtime, "coarse", search.coarseTables), coarseMatrices],
      [putTables(runtime, "child", search.childTables), matrices],
    ] as const)
      await runtime.listOrientations({ list, ...tables, matrices: target });
  });
  await runtime.projectSlices({
    projector,
    matrices: coarseMatrices,
    rows: search.orientations,
    first: 0,
    count: orientations,
    pixels: coarse,
    slices_ok,
  });
  if (keep === "nothing") return { slices_ok, orientations, matrices, rows };
  const kept = keepRows(runtime, keep, classes * rows, search.rotations, fine.count);
  for (const { slices, views } of kept) {
    for (const buffer of Object.values(views ?? {})) await runtime.clear(buffer);
    await runtime.projectSlices({
      projector,
      matrices,
      rows,
      first: slices.firstRow,
      count: slices.rows,
      pixels: fine,
      slices_ok: slices.slices_ok,
    });
  }
  return { slices_ok, orientations, matrices, rows, kept };
}

/** Room for what is kept of all child orientations, in ranges of whole parents that fit one buffer each. */
function keepRows(runtime: Runtime, keep: Keep, rows: number, rotations: number, pixels: number): KeptRows[] {
  const bytes = rotations * pixels * runtime.layout.elementBytes.complex;
  const parents = rows / rotations;
  const each = Math.min(parents, Math.floor(runtime.capabilities.maxBufferBytes / bytes));
  if (each < 1)
    throw new UnsupportedError(`slices of one orientation take ${bytes} bytes, more than one buffer holds`);
  const ranges = Math.ceil(parents / each);
  return Array.from({ length: ranges }, (_, range) => {
    const firstRow = range * each * rotations;
    const own = Math.min(each * rotations, rows - firstRow);
    return {
      slices: { firstRow, rows: own, slices_ok: runtime.alloc("complex", "child slices", own * pixels) },
      ...(keep === "views"
        ? {
            views: {
              numerator_vk: runtime.alloc("complex", "view numerators", own * pixels),
              weight_vk: runtime.alloc("real", "view weights", own * pixels),
            },
          }
        : {}),
    };
  });
}
