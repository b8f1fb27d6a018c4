import type { CoarsePass, DeviceBuffer, FinePass, ParticleBatch, Phases } from "../contract.js";
import { UnsupportedError } from "../errors.js";
import type { ExpectationOperation, Operations } from "../operations.js";
import { coarseParts, expectLength, fineScratch, sumsScratch } from "../tables.js";
import type { CpuDevice } from "./device.js";
import { sliceParams } from "./projection.js";

/** Rows of a block of each side of the coarse products, side of a tile of diff2_tiled, and pixels of an item of the sums. Also in the kernels. */
const blocks = { orientations: 48, columns: 96, tile: 32, sum: 128 } as const;
/** Numbers of the phases of all translations at the pixels of an item. */
const phasesRoom = 2 ** 18;

const operandModes = { products: 0, correlation: 1, tiles: 2 } as const;

const phaseParams = ({ count, table }: Phases, size: number) => ({
  phases: table,
  size,
  y_at: count * (size / 2 + 1),
});

interface CoarseOperands {
  readonly shifted: number;
  readonly energy: number;
  readonly energies: number;
  readonly constants: number;
}

function coarseOperands(
  cpu: CpuDevice,
  { batch, phases, orientations, scratch }: CoarsePass,
  mode: keyof typeof operandModes,
): CoarseOperands {
  const { pixels } = batch;
  const lengths = coarseParts({ particles: batch.count, pixels: pixels.count }, orientations, phases.count);
  expectLength(
    scratch,
    lengths.reduce((sum, length) => sum + length, 0),
  );
  const [shifted, energy, energies, constants] = lengths.map((_, part) =>
    cpu.address(
      scratch,
      lengths.slice(0, part).reduce((sum, length) => sum + length, 0),
    ),
  );
  cpu.run("coarse_operands", batch.count, 4 * pixels.count * phases.count, {
    images: batch.images_ik,
    ctf: batch.ctf_ik,
    weights: mode === "correlation" ? undefined : batch.weights_ik,
    ...phaseParams(phases, pixels.size),
    xy: pixels.xy_k,
    shifted,
    energy,
    pixels: pixels.count,
    translations: phases.count,
    mode: operandModes[mode],
  });
  return { shifted, energy, energies, constants };
}

function imageConstants(
  cpu: CpuDevice,
  batch: ParticleBatch,
  constants: DeviceBuffer | number,
  plain: boolean,
): void {
  const weights = plain ? undefined : batch.weights_ik;
  const own = { images: batch.images_ik, weights, constants, pixels: batch.pixels.count };
  cpu.run("image_constants", batch.count, 2 * batch.pixels.count, own);
}

function products(
  cpu: CpuDevice,
  { batch, slices_ok, orientations, phases }: CoarsePass,
  { shifted, energy, energies, constants }: CoarseOperands,
  correlation: boolean,
  result: DeviceBuffer,
): void {
  const pixels = batch.pixels.count;
  const translations = phases.count;
  const columns = batch.count * translations;
  const blocks_o = Math.ceil(orientations / blocks.orientations);
  const blocks_j = Math.ceil(columns / blocks.columns);
  cpu.run("coarse_energy", blocks_o, 0.1 * blocks.orientations * batch.count * pixels, {
    slices: slices_ok,
    energy,
    energies,
    particles: batch.count,
    orientations,
    pixels,
  });
  cpu.run("coarse_product", blocks_o * blocks_j, 0.2 * blocks.orientations * blocks.columns * pixels, {
    slices: slices_ok,
    shifted,
    energies,
    norms: correlation ? constants : undefined,
    diff2: result,
    columns,
    orientations,
    pixels,
    translations,
    blocks_j,
  });
}

function tiled(cpu: CpuDevice, pass: CoarsePass, diff2: DeviceBuffer): void {
  const { batch, slices_ok, orientations, phases } = pass;
  const { shifted, energy, constants } = coarseOperands(cpu, pass, "tiles");
  imageConstants(cpu, batch, constants, false);
  const columns = batch.count * phases.count;
  const tiles_j = Math.ceil(columns / blocks.tile);
  const tiles = tiles_j * Math.ceil(orientations / blocks.tile);
  cpu.run("diff2_tiled", tiles, blocks.tile ** 2 * batch.pixels.count, {
    slices: slices_ok,
    shifted,
    energy,
    constants,
    diff2,
    columns,
    orientations,
    pixels: batch.pixels.count,
    translations: phases.count,
    tiles_j,
  });
}

function direct(cpu: CpuDevice, pass: CoarsePass, diff2: DeviceBuffer): void {
  const { batch, slices_ok, orientations, phases } = pass;
  for (let particle = 0; particle < batch.count; particle++)
    cpu.run("diff2_direct", orientations, 5 * phases.count * batch.pixels.count, {
      slices: slices_ok,
      images: batch.images_ik,
      ctf: batch.ctf_ik,
      weights: batch.weights_ik,
      ...phaseParams(phases, batch.pixels.size),
      xy: batch.pixels.xy_k,
      diff2,
      particle,
      orientations,
      pixels: batch.pixels.count,
      translations: phases.count,
    });
}

/** Child translations that a thread has room for. */
const mostTranslations = 2 ** 14;

function checkFine({ phases, scratch }: FinePass, scratchLength: number): void {
  expectLength(scratch, scratchLength);
  if (phases.count > mostTranslations)
    throw new UnsupportedError(
      `${phases.count} child translations; the cpu runtime takes ${mostTranslations}, use a smaller range or a larger step`,
    );
}

const fineShape = ({ batch }: FinePass) => ({ particles: batch.count, pixels: batch.pixels.count });

/** Parameters that the kernels of fine passes share. */
const fineParams = (pass: FinePass) => ({
  projector_data: pass.projector.data,
  matrices: pass.matrices,
  xy: pass.batch.pixels.xy_k,
  pixels: pass.batch.pixels.count,
  rotations: pass.rotations,
  shifts: pass.shifts,
  ...phaseParams(pass.phases, pass.batch.pixels.size),
  ...sliceParams(pass.projector, pass.batch.pixels.size, pass.rows),
});

export const expectationOperations: Operations<CpuDevice, ExpectationOperation> = {
  imageConstants(cpu, { batch, constant_i }) {
    imageConstants(cpu, batch, constant_i, false);
  },

  diff2Coarse(cpu, pass) {
    if (pass.strategy === "direct") direct(cpu, pass, pass.diff2_iot);
    else if (pass.strategy === "tiled") tiled(cpu, pass, pass.diff2_iot);
    else products(cpu, pass, coarseOperands(cpu, pass, "products"), false, pass.diff2_iot);
  },

  crossCorrelation(cpu, pass) {
    const operands = coarseOperands(cpu, pass, "correlation");
    imageConstants(cpu, pass.batch, operands.constants, true);
    products(cpu, pass, operands, true, pass.score_iot);
  },

  diff2Fine(cpu, pass) {
    const { batch, samples, correlation, scratch } = pass;
    const pixels = batch.pixels.count;
    checkFine(pass, fineScratch(fineShape(pass)));
    const factors = cpu.address(scratch, 2 * batch.count * pixels);
    cpu.run("fine_operands", batch.count, 3 * pixels, {
      images: batch.images_ik,
      ctf: batch.ctf_ik,
      weights: correlation ? undefined : batch.weights_ik,
      products: scratch,
      factors,
      pixels,
    });
    for (const part of pass.childSlices ?? [undefined]) {
      const own = {
        ...fineParams(pass),
        factors,
        starts: samples.start_i,
        first_sample: samples.firstSample_g,
        diff2: samples.values,
        translations: samples.translations,
        made: part?.slices_ok,
        first_row: part?.firstRow ?? 0,
        made_rows: part?.rows ?? 0,
      };
      const cost = (samples.groups * samples.children * pixels) / batch.count;
      cpu.run("diff2_fine", batch.count, cost, {
        ...own,
        products: scratch,
        correlation: Number(correlation),
      });
      if (correlation) cpu.run("fine_correlation", batch.count, cost, { ...own, images: batch.images_ik });
    }
  },

  shellTerms(cpu, { batch, classes, terms_cik, sums_cis3 }) {
    cpu.run("shell_terms", classes * batch.count, 5 * batch.pixels.count, {
      terms: terms_cik,
      images: batch.images_ik,
      by_shell: batch.pixels.byShell,
      sums: sums_cis3,
      pixels: batch.pixels.count,
      shells: batch.pixels.shells,
      particles: batch.count,
    });
  },

  viewTotals(cpu, { samples, runs, rotations, shifts, count, total_v }) {
    const own = { values: samples.values, run_groups: runs.runGroup_r, totals: total_v, rotations, shifts };
    cpu.run("view_totals", count, 10 * shifts, own);
  },

  weightedSums(cpu, pass) {
    const { batch, samples, viewCount, scratch, childSlices } = pass;
    const { count } = batch.pixels;
    if (viewCount === 0) return;
    checkFine(pass, sumsScratch(fineShape(pass), viewCount, childSlices !== undefined));
    const { merged_m2: merged, members_v2: members } = pass;
    cpu.run("view_rows", pass.mergedCount, 10, { merged, members, rows: scratch });
    const room = Math.floor(phasesRoom / (2 * pass.phases.count) / 8) * 8;
    // As many items as keep all threads busy to the end.
    const items = Math.ceil(count / Math.max(8, Math.min(blocks.sum, room)) / cpu.threads) * cpu.threads;
    const width = Math.max(8, Math.ceil(count / items / 8) * 8);
    cpu.run("weighted_sums", Math.ceil(count / width), viewCount * width * 20, {
      ...fineParams(pass),
      made: childSlices?.slices_ok,
      first_row: childSlices?.firstRow ?? 0,
      images: batch.images_ik,
      unmasked: pass.unmasked_ik,
      ctf: batch.ctf_ik,
      view_ctf: pass.viewCtf_ik,
      noise: pass.sumWeights_ik,
      values: samples.values,
      first_sample: samples.firstSample_g,
      run_groups: pass.runs.runGroup_r,
      views: pass.views_v2,
      rows: scratch,
      totals: pass.total_v,
      orientation: pass.orientation_v,
      terms: pass.terms_cik,
      numerator: pass.numerator_vk,
      weight: pass.weight_vk,
      view_count: viewCount,
      particles: batch.count,
      width,
      translations: samples.translations,
    });
  },
};
