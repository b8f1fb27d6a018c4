import type { CoarsePass, DeviceBuffer, FinePass, ParticleBatch, Phases } from "../contract.js";
import type { ExpectationOperation, Operations } from "../operations.js";
import { coarseParts, sumsParts } from "../tables.js";
import { type Launcher, split, threads } from "./launch.js";
import { projectSlices, sliceParams } from "./projection.js";

/** Side of the output tile of diff2_gemm and diff2_tiled, and of coarse_energy. Also in the kernels. */
export const tileSides = { gemm: 128, tiled: 32, energy: 64 } as const;
/** Pixels of a particle that a workgroup of `noise_terms` takes. */
const termPixels = 32;

const operandModes = { products: 0, correlation: 1, tiles: 2 } as const;

const phaseParams = ({ count }: Phases, size: number) => ({ size, y_at: count * (size / 2 + 1) });

interface CoarseOperands {
  readonly shifted: DeviceBuffer;
  readonly energy: DeviceBuffer;
  readonly energies: DeviceBuffer;
  readonly constants: DeviceBuffer;
}

/** Operands of the coarse pass in float32. */
export function coarseOperands(
  gpu: Launcher,
  { batch, phases }: Pick<CoarsePass, "batch" | "phases">,
  mode: keyof typeof operandModes,
  { shifted, energy }: Pick<CoarseOperands, "shifted" | "energy">,
): Promise<void> {
  const { pixels } = batch;
  return threads(
    gpu,
    "coarse_operands",
    batch.count * phases.count * pixels.count,
    {
      pixels: pixels.count,
      translations: phases.count,
      mode: operandModes[mode],
      ...phaseParams(phases, pixels.size),
    },
    {
      images: batch.images_ik,
      ctf: batch.ctf_ik,
      weights: mode === "correlation" ? undefined : batch.weights_ik,
      phases: phases.table,
      xy: pixels.xy_k,
      shifted,
      energy,
    },
  );
}

async function operandsIn(
  gpu: Launcher,
  pass: CoarsePass,
  mode: keyof typeof operandModes,
): Promise<CoarseOperands> {
  const { batch, phases, orientations, scratch } = pass;
  const lengths = coarseParts(
    { particles: batch.count, pixels: batch.pixels.count },
    orientations,
    phases.count,
  );
  const [shifted, energy, energies, constants] = split(gpu, scratch, [
    { kind: "complex", length: lengths[0] },
    { kind: "real", length: lengths[1] },
    { kind: "real", length: lengths[2] },
    { kind: "real", length: lengths[3] },
  ]);
  await coarseOperands(gpu, pass, mode, { shifted, energy });
  return { shifted, energy, energies, constants };
}

export function imageConstants(
  gpu: Launcher,
  batch: ParticleBatch,
  constants: DeviceBuffer,
  plain: boolean,
): Promise<void> {
  return gpu.run("image_constants", {
    over: { groups: batch.count },
    cost: batch.pixels.count / 64,
    params: { pixels: batch.pixels.count, plain: Number(plain) },
    buffers: { images: batch.images_ik, weights: plain ? undefined : batch.weights_ik, constants },
  });
}

async function products(
  gpu: Launcher,
  { batch, slices_ok, orientations, phases }: CoarsePass,
  { shifted, energy, energies, constants }: CoarseOperands,
  correlation: boolean,
  result: DeviceBuffer,
): Promise<void> {
  const pixels = batch.pixels.count;
  const energyTiles = Math.ceil(orientations / tileSides.energy);
  await gpu.run("coarse_energy", {
    over: { groups: energyTiles * Math.ceil(batch.count / tileSides.energy) },
    cost: pixels,
    params: { particles: batch.count, orientations, pixels, tiles_o: energyTiles },
    buffers: { slices: slices_ok, energy, energies },
  });
  const columns = batch.count * phases.count;
  // Neighbouring workgroups share their slices: those come from memory once, the images from the cache.
  const tiles = Math.ceil(columns / tileSides.gemm);
  await gpu.run("diff2_gemm", {
    over: { groups: tiles * Math.ceil(orientations / tileSides.gemm) },
    cost: pixels,
    params: {
      columns,
      orientations,
      pixels,
      translations: phases.count,
      tiles_j: tiles,
      correlation: Number(correlation),
    },
    buffers: {
      slices: slices_ok,
      shifted,
      energies,
      norms: correlation ? constants : undefined,
      diff2: result,
    },
  });
}

async function tiled(gpu: Launcher, pass: CoarsePass, result: DeviceBuffer): Promise<void> {
  const { batch, slices_ok, orientations, phases } = pass;
  const { shifted, energy, constants } = await operandsIn(gpu, pass, "tiles");
  await imageConstants(gpu, batch, constants, false);
  const columns = batch.count * phases.count;
  const tiles = Math.ceil(columns / tileSides.tiled);
  await gpu.run("diff2_tiled", {
    over: { groups: tiles * Math.ceil(orientations / tileSides.tiled) },
    cost: batch.pixels.count,
    params: { columns, orientations, pixels: batch.pixels.count, translations: phases.count, tiles_j: tiles },
    buffers: { slices: slices_ok, shifted, energy, constants, diff2: result },
  });
}

async function direct(gpu: Launcher, pass: CoarsePass, result: DeviceBuffer): Promise<void> {
  const { batch, slices_ok, orientations, phases } = pass;
  for (let particle = 0; particle < batch.count; particle++)
    await gpu.run("diff2_direct", {
      over: { groups: orientations },
      cost: phases.count * Math.ceil(batch.pixels.count / 64),
      params: {
        particle,
        orientations,
        pixels: batch.pixels.count,
        translations: phases.count,
        ...phaseParams(phases, batch.pixels.size),
      },
      buffers: {
        slices: slices_ok,
        images: batch.images_ik,
        ctf: batch.ctf_ik,
        weights: batch.weights_ik,
        phases: phases.table,
        xy: batch.pixels.xy_k,
        diff2: result,
      },
    });
}

const fineShape = ({ batch }: FinePass) => ({ particles: batch.count, pixels: batch.pixels.count });

export const expectationOperations: Operations<Launcher, ExpectationOperation> = {
  imageConstants: (gpu, { batch, constant_i }) => imageConstants(gpu, batch, constant_i, false),

  async diff2Coarse(gpu, pass) {
    if (pass.strategy === "direct") return direct(gpu, pass, pass.diff2_iot);
    if (pass.strategy === "tiled") return tiled(gpu, pass, pass.diff2_iot);
    await products(gpu, pass, await operandsIn(gpu, pass, "products"), false, pass.diff2_iot);
  },

  async crossCorrelation(gpu, pass) {
    const operands = await operandsIn(gpu, pass, "correlation");
    await imageConstants(gpu, pass.batch, operands.constants, true);
    await products(gpu, pass, operands, true, pass.score_iot);
  },

  async diff2Fine(gpu, pass) {
    const { batch, projector, matrices, rotations, shifts, phases, samples, scratch } = pass;
    const { pixels } = batch;
    const count = batch.count * pixels.count;
    await threads(
      gpu,
      "fine_operands",
      count,
      { correlation: Number(pass.correlation) },
      {
        images: batch.images_ik,
        ctf: batch.ctf_ik,
        weights: pass.correlation ? undefined : batch.weights_ik,
        operands: scratch,
      },
    );
    const parts = pass.childSlices ?? [undefined];
    for (const part of parts)
      await gpu.run("diff2_fine", {
        over: { groups: samples.groups },
        cost:
          (Math.ceil(rotations / 4) * Math.ceil(shifts / 4) * Math.ceil(pixels.count / 64) * 8) /
          parts.length,
        params: {
          particles: batch.count,
          pixels: pixels.count,
          translations: samples.translations,
          rotations,
          shifts,
          ...phaseParams(phases, pixels.size),
          ...sliceParams(projector, pixels.size, pass.rows),
          correlation: Number(pass.correlation),
          first_row: part?.firstRow ?? 0,
          made_rows: part?.rows ?? 0,
        },
        buffers: {
          projector: part?.slices_ok ?? projector.data,
          matrices,
          xy: pixels.xy_k,
          operands: scratch,
          phases: phases.table,
          starts: samples.start_i,
          first_sample: samples.firstSample_g,
          diff2: samples.values,
        },
      });
  },

  shellTerms: (gpu, { batch, classes, terms_cik, sums_cis3 }) =>
    gpu.run("shell_terms", {
      over: { groups: classes * batch.count * batch.pixels.shells },
      cost: Math.ceil(batch.pixels.count / batch.pixels.shells / 64),
      params: { pixels: batch.pixels.count, shells: batch.pixels.shells, particles: batch.count },
      buffers: {
        terms: terms_cik,
        images: batch.images_ik,
        by_shell: batch.pixels.byShell,
        results: sums_cis3,
      },
    }),

  viewTotals: (gpu, { samples, runs, rotations, shifts, count, total_v }) =>
    threads(
      gpu,
      "view_totals",
      count,
      { rotations, shifts },
      { values: samples.values, run_groups: runs.runGroup_r, totals: total_v },
      shifts * 4,
    ),

  async weightedSums(gpu, pass) {
    const { batch, projector, matrices, rotations, shifts, phases, samples, runs, viewCount } = pass;
    const { pixels } = batch;
    if (viewCount === 0) return;
    const lengths = sumsParts(fineShape(pass), pass.childSlices === undefined ? viewCount : 0, viewCount);
    const [both, energies, sums, made] = split(gpu, pass.scratch, [
      { kind: "real", length: lengths[0] },
      { kind: "real", length: lengths[1] },
      { kind: "real", length: lengths[2] },
      { kind: "complex", length: lengths[3] },
    ]);
    await threads(
      gpu,
      "view_images",
      batch.count * pixels.count,
      {},
      {
        images: batch.images_ik,
        unmasked: pass.unmasked_ik,
        ctf: pass.viewCtf_ik,
        weights: pass.sumWeights_ik,
        both,
        energies,
      },
    );
    await threads(
      gpu,
      "view_sums",
      viewCount * pixels.count,
      {
        pixels: pixels.count,
        rotations,
        shifts,
        translations: samples.translations,
        ...phaseParams(phases, pixels.size),
      },
      {
        values: samples.values,
        first_sample: samples.firstSample_g,
        run_groups: runs.runGroup_r,
        views: pass.views_v2,
        phases: phases.table,
        xy: pixels.xy_k,
        both,
        sums,
      },
      4 * shifts,
    );
    await threads(
      gpu,
      "view_merge",
      pass.mergedCount * pixels.count,
      { pixels: pixels.count },
      {
        merged: pass.merged_m2,
        members: pass.members_v2,
        sums,
        totals: pass.total_v,
        energies,
        numerator: pass.numerator_vk,
        weight: pass.weight_vk,
      },
      Math.max(1, viewCount / pass.mergedCount),
    );
    if (pass.childSlices === undefined)
      await projectSlices(
        gpu,
        projector,
        0,
        matrices,
        pass.rows,
        pass.orientation_v,
        viewCount,
        pixels,
        made,
      );
    await gpu.run("noise_terms", {
      over: { groups: batch.count * Math.ceil(pixels.count / termPixels) },
      cost: Math.max(1, viewCount / batch.count),
      params: {
        count: batch.count * pixels.count,
        pixels: pixels.count,
        rows_a_class: pass.rows,
        first_row: pass.childSlices?.firstRow ?? 0,
        all_rows: Number(pass.childSlices !== undefined),
      },
      buffers: {
        starts: pass.viewStart_i,
        slices: pass.childSlices?.slices_ok ?? made,
        sums,
        totals: pass.total_v,
        ctf: batch.ctf_ik,
        orientation: pass.orientation_v,
        terms: pass.terms_cik,
      },
    });
  },
};
