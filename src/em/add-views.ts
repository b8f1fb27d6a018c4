import type { CompressedSamples, DeviceBuffer, Runs, Runtime } from "../runtime/contract.js";
import { sumsScratch } from "../runtime/tables.js";
import type { ExpectationBatch, ExpectationCapacity, ExpectationModel } from "./expectation.js";
import { inRows, type ViewBlock, type Views, viewBlock } from "./views.js";

/** Buffers for the views of a batch, a block at a time. */
type ViewBuffers = ReturnType<typeof allocViews>;

/** Room for the totals of all views and for one block of them, in the scope that is open. */
export function allocViews(
  runtime: Runtime,
  model: ExpectationModel,
  { sums }: ExpectationBatch,
  { runs, blockViews }: ExpectationCapacity,
) {
  const { count: particles, pixels } = sums;
  const { count } = pixels;
  return {
    total_v: runtime.alloc("real", "view totals", runs * model.rotations),
    views_v2: runtime.alloc("index", "views", 2 * blockViews),
    viewStart_i: runtime.alloc("index", "view starts", particles + 1),
    blockTotal_v: runtime.alloc("real", "block totals", blockViews),
    orientation_v: runtime.alloc("index", "view orientations", blockViews),
    merged_m2: runtime.alloc("index", "merged views", 2 * (blockViews + 1)),
    members_v2: runtime.alloc("index", "members of merged views", 2 * blockViews),
    mergedOrientation_v: runtime.alloc("index", "merged orientations", blockViews),
    own:
      model.kept?.[0].views === undefined
        ? {
            numerator_vk: runtime.alloc("complex", "view numerators", blockViews * count),
            weight_vk: runtime.alloc("real", "view weights", blockViews * count),
          }
        : undefined,
    scratch: runtime.alloc(
      "real",
      "view scratch",
      sumsScratch({ particles, pixels: count }, blockViews, model.kept !== undefined),
    ),
  };
}

/** Views with a weight, a block at a time: into what is kept of the iteration, or else into the accumulator; and their noise terms. */
export async function addViews(
  runtime: Runtime,
  model: ExpectationModel,
  batch: ExpectationBatch,
  buffers: ViewBuffers,
  {
    all,
    samples,
    runs,
    terms_cik,
  }: {
    readonly all: Views;
    readonly samples: CompressedSamples;
    readonly runs: Runs;
    readonly terms_cik: DeviceBuffer;
  },
): Promise<void> {
  const { total_v: _, ...block } = buffers;
  const { count: particles, pixels } = batch.sums;
  const blockViews = block.orientation_v.length;
  await runtime.clear(terms_cik);
  for (const kept of model.kept ?? [undefined]) {
    const views = kept === undefined || model.kept?.length === 1 ? all : inRows(all, kept.slices);
    const target = kept?.views ?? block.own;
    if (target === undefined) throw new Error("no room for merged views");
    for (let at = 0; at < views.number.length; at += blockViews) {
      const end = Math.min(at + blockViews, views.number.length);
      const firstRow = kept?.views === undefined ? undefined : kept.slices.firstRow;
      const merged = uploadViews(runtime, buffers, viewBlock(views, at, end, particles, firstRow));
      if (target === block.own) {
        await runtime.clear(target.numerator_vk);
        await runtime.clear(target.weight_vk);
      }
      await runtime.weightedSums({
        batch: batch.sums,
        projector: model.projector,
        matrices: model.matrices,
        rows: model.rows,
        rotations: model.rotations,
        shifts: model.shifts,
        phases: model.sumPhases,
        ...(kept === undefined ? {} : { childSlices: kept.slices }),
        samples,
        runs,
        ...block,
        ...target,
        total_v: block.blockTotal_v,
        viewCount: end - at,
        mergedCount: merged,
        viewCtf_ik: batch.viewCtf_ik,
        unmasked_ik: batch.unmasked_ik,
        sumWeights_ik: batch.sumWeights_ik,
        terms_cik,
      });
      if (target !== block.own) continue;
      await runtime.backproject({
        ...target,
        matrices: model.matrices,
        rows: model.rows,
        orientation_v: block.mergedOrientation_v,
        count: merged,
        pixels,
        accumulator: model.accumulator,
        geometry: model.projector,
        unit: model.unit,
        status: model.status,
      });
    }
  }
}

/** Send a block of views; returns the number of orientations that they share. */
function uploadViews(runtime: Runtime, buffers: ViewBuffers, block: ViewBlock): number {
  runtime.upload(buffers.views_v2, block.views_v2);
  runtime.upload(buffers.viewStart_i, block.viewStart_i);
  runtime.upload(buffers.blockTotal_v, block.total_v);
  runtime.upload(buffers.orientation_v, block.orientation_v);
  runtime.upload(buffers.merged_m2, block.merged_m2);
  runtime.upload(buffers.members_v2, block.members_v2);
  runtime.upload(buffers.mergedOrientation_v, block.mergedOrientation_v);
  return block.mergedOrientation_v.length;
}
