import type { Runtime, Selection } from "../runtime/contract.js";
import { selectScored } from "../runtime/select-coarse.js";
import { fineScratch } from "../runtime/tables.js";
import type { ExpectationBatch, ExpectationModel, ListedOrientations } from "./expectation.js";

/**
 * The coarse pass over the particles' own candidates, up to the list of kept samples. `correlation`: scores are normalised
 * cross-correlations. Its buffers are in the scope that is open, and go before it ends.
 */
export async function selectListed(
  runtime: Runtime,
  model: ExpectationModel,
  batch: ExpectationBatch,
  listed: ListedOrientations,
  selection: Selection,
  correlation: boolean,
): Promise<void> {
  const { list, ownTranslation, classPrior_c } = listed;
  const { count: particles, pixels } = batch.coarse;
  const { classes } = model.projector;
  const translations = model.coarsePhases.count;
  const each = ownTranslation ? 1 : translations;
  const room = classes * listed.capacity;
  const rowStart_i = runtime.alloc("index", "candidate rows", particles + 1);
  const firstSample_g = runtime.alloc("index", "candidate samples", room);
  const values = runtime.alloc("real", "candidate scores", room * each);
  const scratch = runtime.alloc("real", "coarse scratch", fineScratch({ particles, pixels: pixels.count }));
  runtime.upload(
    rowStart_i,
    Uint32Array.from(listed.start, (start) => classes * start),
  );
  await runtime.listCandidates({
    list,
    classes,
    classPrior_c,
    translations,
    ownTranslation,
    prior_o: batch.priors.orientation_o,
    firstSample_g,
  });
  await runtime.diff2Fine({
    batch: batch.coarse,
    projector: model.projector,
    matrices: listed.coarseMatrices,
    rows: list.candidates,
    rotations: 1,
    shifts: each,
    phases: model.coarsePhases,
    scratch,
    samples: {
      layout: "compressed",
      particles,
      orientations: classes * list.candidates,
      translations: ownTranslation ? translations : 1,
      children: each,
      capacity: room,
      groups: classes * list.candidates,
      start_i: rowStart_i,
      firstSample_g,
      values,
    },
    correlation,
  });
  runtime.free(scratch);
  await selectScored(
    runtime,
    {
      layout: "listed",
      particles,
      classes,
      candidates: list.candidates,
      translations,
      ownTranslation,
      start_i: list.start_i,
      values,
    },
    room,
    selection,
  );
  for (const buffer of [values, firstSample_g, rowStart_i]) runtime.free(buffer);
}
