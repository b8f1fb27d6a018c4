import { aligned, type PassShape } from "./tables.js";

// Sizes of `screenCoarse`: native/cuda/kernels/common/screen.cuh says what they mean.

export interface ScreenShape extends PassShape {
  readonly orientations: number;
  readonly translations: number;
  /** Groups of the compressed result. */
  readonly capacity: number;
  readonly correlation: boolean;
}

/** A kernel that makes scores: columns of its tile, and segments whose terms its shared memory holds. */
export interface ScoreTile {
  readonly kernel: string;
  readonly columns: number;
  readonly segments: number;
}

/** For compute capability 8.0 and up. */
export const commonTile: ScoreTile = { kernel: "screen_scores", columns: 128, segments: 16 };
/** For 9.0: shared memory less the four stages and the epilogue, a kilobyte a segment. */
export const hopperTiles: readonly ScoreTile[] = [
  { kernel: "screen_scores_240", columns: 240, segments: 24 },
  { kernel: "screen_scores_256", columns: 256, segments: 15 },
];

/** Bins of the histograms of depths. */
export const screenBins = 2048;
/** Rows of a particle that one block of threads looks through, and those of a histogram. */
const rowsABlock = 1024;
const rowsAHistogram = 4096;
/** One sample of this many is audited. */
const auditEach = 1e4;

const up = (value: number, multiple: number) => Math.ceil(value / multiple) * multiple;

/** How a tile cuts the scores of a batch. */
export function screenSizes(shape: ScreenShape, tile: ScoreTile) {
  const { particles, orientations, translations, pixels, capacity } = shape;
  const chunks = Math.ceil(translations / tile.columns);
  const chunk = Math.ceil(translations / chunks);
  const perTile =
    chunks > 1 ? 1 : Math.min(Math.floor(tile.columns / chunk), tile.columns / 8, tile.segments);
  const segments = particles * chunks;
  const auditStride = Math.ceil(auditEach / translations);
  return {
    particles,
    orientations,
    translations,
    pixels,
    width: up(2 * pixels, 64),
    energyWidth: up(pixels, 64),
    stride: up(orientations, 128),
    tile: tile.columns,
    perTile,
    chunks,
    chunk,
    segments,
    columnTiles: Math.ceil(segments / perTile),
    words: Math.ceil(chunk / 32),
    blocks: Math.ceil((orientations * chunks) / rowsABlock),
    histogramBlocks: Math.ceil((orientations * chunks) / rowsAHistogram),
    auditStride,
    audits: Math.ceil(orientations / auditStride),
    // All samples of one particle fit, whatever they are: a batch that does not fit can be split.
    candidates: Math.max(2 * capacity, orientations * translations) + 128 * particles,
  };
}
export type ScreenSizes = ReturnType<typeof screenSizes>;

/** The tile that leaves fewest columns idle. */
export function bestTile(shape: ScreenShape, tiles: readonly ScoreTile[]): ScoreTile {
  const used = (tile: ScoreTile) => {
    const { perTile, chunk } = screenSizes(shape, tile);
    return (perTile * chunk) / tile.columns;
  };
  return tiles.reduce((best, tile) => (used(tile) > used(best) ? tile : best));
}

/** Parts of the scratch of `screenCoarse`, in numbers of four bytes; the same whichever tile is used. */
export function screenParts(shape: ScreenShape) {
  const { particles, orientations, translations, pixels, correlation } = shape;
  const all = [commonTile, ...hopperTiles].map((tile) => screenSizes(shape, tile));
  const largest = (length: (sizes: ScreenSizes) => number) => Math.max(...all.map(length));
  const { width, energyWidth, stride, candidates } = all[0];
  const columns = particles * translations;
  const likelihood = (length: number) => (correlation ? 0 : length);
  const lengths = {
    /** Cleared together: best, state, largest bound and ratio of each particle; lists of those to compute in float32; histograms. */
    best: particles,
    state: particles,
    largest: particles,
    ratio: particles,
    wide: particles + 1,
    broken: particles + 1,
    peak: 1,
    histogram: likelihood(particles * screenBins),
    /** The sizes themselves, and tensor maps. */
    sizes: 32,
    maps: 4 * 32,
    /** Operands, half precision but for the first two. */
    shifted: 2 * columns * pixels,
    energy: particles * pixels,
    whitening: pixels,
    scales: 4 * particles,
    norms: particles,
    slices: (orientations * width) / 2,
    power: orientations * energyWidth,
    columns: (columns * width) / 2,
    factors: 2 * up(particles, 8) * energyWidth,
    /** Terms and scores of rows. */
    base: particles * stride,
    bound: particles * stride,
    factor: correlation ? particles * stride : 0,
    rowMax: largest(({ chunks }) => particles * stride * chunks),
    scores: likelihood(largest(({ columnTiles, tile }) => (columnTiles * orientations * tile) / 2)),
    masks: largest(({ chunks, words }) => particles * stride * chunks * words),
    counts: largest(({ blocks }) => particles * blocks + 1),
    /** Candidates. */
    cut: particles,
    sample: candidates,
    particle: candidates,
    below: candidates,
    exact: candidates,
    key: particles,
  };
  return Object.fromEntries(Object.entries(lengths).map(([name, length]) => [name, aligned(length)])) as {
    readonly [Name in keyof typeof lengths]: number;
  };
}

/** Of the scratch, what is cleared first. */
export const screenCleared = [
  "best",
  "state",
  "largest",
  "ratio",
  "wide",
  "broken",
  "peak",
  "histogram",
] as const;

/** Numbers of the scratch of `screenCoarse`. */
export const screenScratch = (shape: ScreenShape): number =>
  Object.values(screenParts(shape)).reduce((sum, length) => sum + length, 0);

/** How the screen of a batch went. */
export interface ScreenReport {
  /** Largest bound of an error, nats, and the largest error found beside its bound. */
  readonly bound: number;
  readonly ratio: number;
  /** Particles computed in float32 because of the width of their bounds, or because a bound was broken. */
  readonly wide: number;
  readonly broken: number;
  /** All samples of the particles, those before and after rescoring, and those that were audited. */
  readonly samples: number;
  readonly candidates: number;
  readonly kept: number;
  readonly audited: number;
}

/** Its words, in order: two floats and counts. */
export const screenReport = ["bound", "ratio", "wide", "broken", "candidates", "kept", "audited"] as const;

/** A report of `samples` from its words; undefined where none went through the screen. */
export function readScreenReport(words: Uint32Array, samples: number): ScreenReport | undefined {
  const [bound, ratio] = new Float32Array(words.slice(0, 2).buffer);
  const [, , wide, broken, candidates, kept, audited] = words;
  return candidates === 0 && bound === 0
    ? undefined
    : { bound, ratio, wide, broken, samples, candidates, kept, audited };
}

/** The reports of two batches together. */
export const joinScreenReports = (
  a: ScreenReport | undefined,
  b: ScreenReport | undefined,
): ScreenReport | undefined =>
  a === undefined || b === undefined
    ? (a ?? b)
    : {
        bound: Math.max(a.bound, b.bound),
        ratio: Math.max(a.ratio, b.ratio),
        wide: a.wide + b.wide,
        broken: a.broken + b.broken,
        samples: a.samples + b.samples,
        candidates: a.candidates + b.candidates,
        kept: a.kept + b.kept,
        audited: a.audited + b.audited,
      };
