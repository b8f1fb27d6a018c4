import type { BufferKind, DeviceBuffer, ScreenCoarse } from "../contract.js";
import {
  bestTile,
  commonTile,
  hopperTiles,
  type ScoreTile,
  type ScreenShape,
  type ScreenSizes,
  screenCleared,
  screenParts,
  screenSizes,
} from "../screen-tables.js";
import type { KernelDevice, Launch } from "./device.js";
import { coarseOperands, imageConstants } from "./expectation.js";
import { split } from "./launch.js";

/** What the screen needs beside kernels: matrix units. */
export interface MatrixDevice extends KernelDevice {
  readonly multiprocessors: number;
  clear(buffer: DeviceBuffer): void;
  /**
   * Words that tell the copy engine of compute capability 9.0 of a matrix of halfs, read in tiles of `box` rows by 64; undefined where the device
   * has none.
   */
  readonly tensorMap:
    | ((matrix: DeviceBuffer, rows: number, width: number, box: number) => Uint32Array)
    | undefined;
}

/** Bounds wider than this (nats) are not worth it: the particle is computed in float32. */
const widestBound = 5;
/** Why a particle is computed in float32, which is also the number of the round that selects it. */
const rounds = { all: 0, wide: 1, broken: 2 } as const;

type Parts = { readonly [Name in keyof ReturnType<typeof screenParts>]: DeviceBuffer };

/** One batch on its way through the screen. */
class Screen {
  private readonly sizes: ScreenSizes;
  private readonly tile: ScoreTile;
  private readonly hopper: boolean;
  private readonly parts: Parts;

  constructor(
    private readonly gpu: MatrixDevice,
    private readonly pass: ScreenCoarse,
  ) {
    const shape = shapeOf(pass);
    this.hopper = gpu.tensorMap !== undefined && !pass.correlation;
    this.tile = this.hopper ? bestTile(shape, hopperTiles) : commonTile;
    this.sizes = screenSizes(shape, this.tile);
    this.parts = splitParts(gpu, pass.scratch, shape);
  }

  async run(): Promise<void> {
    const { gpu, parts, pass } = this;
    this.uploadSizes();
    gpu.clear(cleared(parts));
    await this.operands();
    await this.scores();
    if (pass.correlation) {
      await this.bestRows();
      await this.candidates(rounds.all);
    } else {
      await this.cut(rounds.all);
      await this.direct("wide");
      await this.cut(rounds.wide);
      await this.candidates(rounds.all);
      await this.guard();
      await this.direct("broken");
      await this.cut(rounds.broken);
      await this.candidates(rounds.broken);
    }
    await this.decide();
  }

  private uploadSizes(): void {
    const { gpu, parts, pass, sizes } = this;
    const { compressed, runs, cap, priors } = pass;
    const words = [
      ...[sizes.particles, sizes.orientations, sizes.translations, sizes.pixels],
      ...[sizes.width, sizes.energyWidth, sizes.stride],
      ...[sizes.tile, sizes.perTile, sizes.chunks, sizes.chunk, sizes.segments, sizes.columnTiles],
      ...[sizes.words, sizes.blocks, Number(priors.perParticle)],
      ...[sizes.auditStride, sizes.audits, 1],
      ...[
        sizes.candidates,
        compressed.children,
        compressed.capacity,
        runs.capacity,
        Math.min(cap, 0xffffffff),
      ],
      new Uint32Array(Float32Array.of(pass.correlation ? pass.scale : 0).buffer)[0],
    ];
    gpu.upload(parts.sizes, Uint32Array.from(words), 0);
    const { tensorMap } = gpu;
    if (!this.hopper || tensorMap === undefined) return;
    const { width, energyWidth, orientations, particles, translations } = sizes;
    const maps = [
      tensorMap(parts.slices, orientations, width, 128),
      tensorMap(parts.columns, particles * translations, width, this.tile.columns),
      tensorMap(parts.power, orientations, 2 * energyWidth, 128),
      tensorMap(parts.factors, 16 * Math.ceil(particles / 8), 2 * energyWidth, 256),
    ];
    for (const [at, map] of maps.entries()) gpu.upload(parts.maps, map, 32 * at);
  }

  /** Operands in float32, then in half precision. */
  private async operands(): Promise<void> {
    const { gpu, pass, parts, sizes } = this;
    const { batch, slices_ok: slices } = pass;
    const { particles, pixels, translations, width, orientations } = sizes;
    const energy_width = sizes.energyWidth;
    const { whitening, peak, scales, shifted, energy } = parts;
    await coarseOperands(gpu, pass, pass.correlation ? "correlation" : "products", parts);
    if (pass.correlation) await imageConstants(gpu, batch, parts.norms, true);
    await this.items(
      "screen_whitening",
      pixels,
      { particles },
      { weights: pass.correlation ? undefined : batch.weights_ik, whitening },
    );
    await this.groups(
      "screen_slice_peak",
      8 * gpu.multiprocessors,
      { count: orientations * pixels, pixels },
      { slices, whitening, peak },
    );
    await this.items(
      "screen_slices",
      orientations * energy_width,
      { pixels, width, energy_width },
      { slices, whitening, peak, slices_oc: parts.slices, power_oc: parts.power },
    );
    await this.groups(
      "screen_scales",
      particles,
      { pixels, translations },
      { shifted, energy, whitening, peak, scales_i: scales },
    );
    await this.items(
      "screen_columns",
      (particles * translations * width) / 2,
      { pixels, width, translations },
      { shifted, whitening, scales_i: scales, columns_jc: parts.columns },
    );
    await this.items(
      "screen_energy_rows",
      8 * Math.ceil(particles / 8) * energy_width,
      { particles, pixels, energy_width, translations },
      { shifted, energy, whitening, scales_i: scales, factor_rc: parts.factors },
    );
  }

  /** Terms of the rows, then the product. */
  private async scores(): Promise<void> {
    const { gpu, pass, parts, sizes } = this;
    const screen = parts.sizes;
    const rowTiles = sizes.stride / 128;
    const energyRows = 16 * Math.ceil(sizes.particles / 8);
    const terms = {
      screen,
      orientation_o: pass.priors.orientation_o,
      scales_i: parts.scales,
      base_io: parts.base,
      bound_io: parts.bound,
    };
    const result = {
      screen,
      base_io: parts.base,
      translation_it: pass.priors.translation_it,
      scales_i: parts.scales,
      row_max: parts.rowMax,
      best_i: parts.best,
    };
    if (this.hopper) {
      const [slices, columns, power, factors] = [0, 1, 2, 3].map((at) => within(parts.maps, 32 * at, 32));
      const blocks = gpu.multiprocessors;
      await this.groups("screen_energy_hopper", blocks, {}, { ...terms, power, factors });
      const scored = { ...result, slices, columns, bound_io: parts.bound, scores: parts.scores };
      await this.groups(this.tile.kernel, Math.min(blocks, rowTiles * sizes.columnTiles), {}, scored);
      return;
    }
    const operands = { power_oc: parts.power, factor_rc: parts.factors };
    const product = { slices_oc: parts.slices, columns_jc: parts.columns };
    const energyTiles = rowTiles * Math.ceil(energyRows / commonTile.columns);
    const tiles = rowTiles * sizes.columnTiles;
    if (pass.correlation) {
      const norms = { norm_i: parts.norms, factor_io: parts.factor };
      await this.groups("screen_norms", energyTiles, {}, { ...terms, ...operands, ...norms });
      await this.groups("screen_correlations", tiles, {}, { ...result, ...product, factor_io: parts.factor });
    } else {
      await this.groups("screen_energy", energyTiles, {}, { ...terms, ...operands });
      const scored = { ...result, ...product, bound_io: parts.bound, scores: parts.scores };
      await this.groups("screen_scores", tiles, {}, scored);
    }
  }

  /** What the scores of a round's particles leave as candidates. */
  private async cut(round: number): Promise<void> {
    const { parts, pass, sizes } = this;
    const blocks = sizes.histogramBlocks;
    const state = {
      screen: parts.sizes,
      best_i: parts.best,
      state_i: parts.state,
      histogram_ib: parts.histogram,
      largest_i: parts.largest,
    };
    await this.groups(
      "screen_histogram",
      sizes.particles * blocks,
      { round, blocks },
      { ...state, row_max: parts.rowMax, bound_io: parts.bound, scores: parts.scores },
    );
    await this.groups(
      "screen_cut",
      sizes.particles,
      { round, tail: 1 - pass.fraction, limit: widestBound },
      { ...state, redo: parts.wide, cut_i: parts.cut, report: pass.report },
    );
  }

  /** Rows that may hold the best correlation. */
  private async bestRows(): Promise<void> {
    const { parts, pass, sizes } = this;
    const blocks = sizes.histogramBlocks;
    await this.groups(
      "screen_peak",
      sizes.particles * blocks,
      { blocks },
      {
        screen: parts.sizes,
        row_max: parts.rowMax,
        bound_io: parts.bound,
        largest_i: parts.largest,
        report: pass.report,
      },
    );
    await this.items("screen_peak_cut", sizes.particles, {}, { largest_i: parts.largest, cut_i: parts.cut });
  }

  /** Scores in float32 of the particles of a list. */
  private direct(list: "wide" | "broken"): Promise<void> {
    const { gpu, parts, pass } = this;
    return this.groups(
      "screen_direct",
      2 * gpu.multiprocessors,
      {},
      {
        screen: parts.sizes,
        slices: pass.slices_ok,
        shifted: parts.shifted,
        energy: parts.energy,
        orientation_o: pass.priors.orientation_o,
        translation_it: pass.priors.translation_it,
        redo: parts[list],
        bound_io: parts.bound,
        row_max: parts.rowMax,
        best_i: parts.best,
        scores: parts.scores,
      },
    );
  }

  /** The list of candidates and their scores in float32; in the second round only where a bound was broken. */
  private async candidates(round: number): Promise<void> {
    const { gpu, parts, pass, sizes } = this;
    const screen = parts.sizes;
    const blocks = sizes.particles * sizes.blocks;
    const redo = parts.broken;
    const scores = pass.correlation ? undefined : parts.scores;
    const rows = { screen, row_max: parts.rowMax, scores, redo, masks: parts.masks, counts: parts.counts };
    await this.groups("screen_mark", blocks, { round }, { ...rows, bound_io: parts.bound, cut_i: parts.cut });
    await this.groups("screen_scan", 1, { count: blocks, round }, { counts: parts.counts, redo });
    const list = { sample_n: parts.sample, particle_n: parts.particle, below_n: parts.below };
    await this.groups("screen_list", blocks, { round }, { ...rows, ...list, best_i: parts.best });
    const compared = {
      screen,
      slices: pass.slices_ok,
      shifted: parts.shifted,
      energy: parts.energy,
      orientation_o: pass.priors.orientation_o,
      translation_it: pass.priors.translation_it,
      bound_io: parts.bound,
      best_i: parts.best,
      state_i: parts.state,
      ratio_i: parts.ratio,
    };
    await this.groups(
      "screen_rescore",
      8 * gpu.multiprocessors,
      { round },
      { ...compared, ...list, norm_i: parts.norms, counts: parts.counts, redo, exact_n: parts.exact },
    );
    if (round === rounds.broken || pass.correlation) return;
    const audits = { row_max: parts.rowMax, scores: parts.scores, report: pass.report };
    await this.groups(
      "screen_audit",
      Math.ceil((sizes.particles * sizes.audits) / 8),
      {},
      { ...compared, ...audits },
    );
  }

  private guard(): Promise<void> {
    const { parts, pass, sizes } = this;
    return this.groups(
      "screen_guard",
      sizes.particles,
      {},
      {
        ratio_i: parts.ratio,
        state_i: parts.state,
        redo: parts.broken,
        histogram_ib: parts.histogram,
        largest_i: parts.largest,
        best_i: parts.best,
        report: pass.report,
      },
    );
  }

  /** The rule of selection, and the compressed list. */
  private async decide(): Promise<void> {
    const { parts, pass, sizes } = this;
    const { compressed, runs } = pass;
    const start_i = compressed.start_i;
    const run_start_i = runs.runStart_i;
    const list = {
      screen: parts.sizes,
      counts: parts.counts,
      sample_n: parts.sample,
      key_n: parts.exact,
      key_i: parts.key,
      count_i: pass.count_i,
      start_i,
      run_start_i,
    };
    await this.groups(
      "screen_decide",
      sizes.particles,
      { tail: 1 - pass.fraction },
      {
        ...list,
        below_n: parts.below,
        best_i: parts.best,
        cut_i: parts.cut,
        histogram_ib: parts.histogram,
        log_max_i: pass.logMax_i,
        sum_i: pass.sum_i,
        best_sample_i: pass.best_i,
        threshold_i: pass.threshold_i,
        report: pass.report,
      },
    );
    for (const counts of [start_i, run_start_i])
      await this.groups(
        "screen_scan",
        1,
        { count: sizes.particles, round: rounds.all },
        { counts, redo: parts.broken },
      );
    await this.groups(
      "screen_write",
      sizes.particles,
      {},
      { ...list, first_sample_g: compressed.firstSample_g, run_group_r: runs.runGroup_r },
    );
  }

  private groups(
    kernel: string,
    groups: number,
    params: Launch["params"],
    buffers: Launch["buffers"],
  ): Promise<void> {
    return this.gpu.run(kernel, { over: { groups }, cost: 1, params, buffers });
  }

  private items(
    kernel: string,
    count: number,
    params: Launch["params"],
    buffers: Launch["buffers"],
  ): Promise<void> {
    return this.gpu.run(kernel, { over: { items: count }, cost: 1, params: { count, ...params }, buffers });
  }
}

const shapeOf = ({ batch, orientations, phases, compressed, correlation }: ScreenCoarse): ScreenShape => ({
  particles: batch.count,
  pixels: batch.pixels.count,
  orientations,
  translations: phases.count,
  capacity: compressed.capacity,
  correlation,
});

/** Kinds of the parts that are not indices; halfs are handled as indices. */
const kinds: Partial<Record<keyof Parts, BufferKind>> = { shifted: "complex" };

function splitParts(gpu: MatrixDevice, scratch: DeviceBuffer, shape: ScreenShape): Parts {
  const lengths = Object.entries(screenParts(shape)) as [keyof Parts, number][];
  const buffers = split(
    gpu,
    scratch,
    lengths.map(([name, length]) => ({ kind: kinds[name] ?? "index", length })),
  );
  return Object.fromEntries(lengths.map(([name], at) => [name, buffers[at]])) as Parts;
}

/** Numbers of a part, as a buffer. */
const within = (part: DeviceBuffer, at: number, length: number): DeviceBuffer => ({
  ...part,
  length,
  block: { ...part.block, offset: part.block.offset + 4 * at, bytes: 4 * length },
});

/** The parts that are cleared, which lie one behind the other. */
function cleared(parts: Parts): DeviceBuffer {
  const first = parts[screenCleared[0]];
  const length = screenCleared.reduce((sum, name) => sum + parts[name].block.bytes / 4, 0);
  return within(first, 0, length);
}

/** `screenCoarse` as launches of kernels. */
export const screenCoarse = (gpu: MatrixDevice, pass: ScreenCoarse): Promise<void> =>
  new Screen(gpu, pass).run();
