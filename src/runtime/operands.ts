import type { ArenaBlock } from "./arena.js";

// What the operations of the contract take: buffers, sizes and layouts. Their meaning is told where the operation is.

/** What decides the bytes of a job on a runtime; known without a device. */
export interface RuntimeLayout {
  /** Bytes of one element of each kind. */
  readonly elementBytes: Readonly<Record<BufferKind, number>>;
  /** Every buffer starts at a multiple of this. */
  readonly alignment: number;
  /** Whether the runtime has `screenCoarse`. */
  readonly screens: boolean;
  /** Whether images are better kept on the device than sent again: it has memory of its own, and buffers may be large. */
  readonly holdsImages: boolean;
  /** What `makeFft` allocates, in order. */
  fftBuffers(shape: readonly number[], batch: number): readonly BufferDeclaration[];
  /**
   * What `mapToProjector` and `dataToMap` work in, for centred arrays of a radius, where the runtime has them and they take cubes of this size.
   */
  paddedBuffers?(box: number, paddedBox: number, radius: number): readonly BufferDeclaration[] | undefined;
}

export interface BufferDeclaration {
  readonly kind: BufferKind;
  readonly name: string;
  /** Elements: a complex number counts once. */
  readonly length: number;
}

export type BufferKind = "real" | "complex" | "index" | "accumulator";

export interface DeviceBuffer extends BufferDeclaration {
  readonly block: ArenaBlock;
}

/** Half-transform pixels in use of a `size` x `size` image: `xy_k` = x | (y & 0xffff) << 16. Made by `makePixels`. */
export interface PixelSet {
  readonly size: number;
  readonly count: number;
  readonly xy_k: DeviceBuffer;
  /** Shells 0 .. size / 2 and their pixels: where each begins (one more at the end), then pixel numbers shell by shell. */
  readonly shells: number;
  readonly byShell: DeviceBuffer;
}

/**
 * Phases exp(-2 pi i (x dx + y dy) / box) of translations as products of two tables, one behind the other: [t][x], x = 0 .. size / 2, and
 * [t][y], y = 1 - size / 2 .. size / 2, for pixel sets of exactly `size`. Made by `makePhases`.
 */
export interface Phases {
  readonly count: number;
  readonly table: DeviceBuffer;
}

/** A centred half array: x = 0 .. radius, y and z = -radius .. radius, elements inside r <= round(padding x maxShell). */
export interface CentredGeometry {
  readonly radius: number;
  readonly padding: number;
  readonly maxShell: number;
}
/** Centred half arrays of `classes` references, one behind the other. */
export interface CentredArray extends CentredGeometry {
  readonly classes: number;
  readonly data: DeviceBuffer;
}

export type HalfLayout =
  | { readonly kind: "fft"; readonly shape: readonly number[] }
  | {
      readonly kind: "centred" /** Which of the arrays that lie one behind the other. */;
      readonly slot: number;
      readonly radius: number;
      readonly padding: number;
      readonly limit: number;
    };

export interface Fft {
  readonly shape: readonly number[];
  readonly batch: number;
  readonly buffers: readonly DeviceBuffer[];
}

/** Particles as the expectation step sees them. */
export interface ParticleBatch {
  readonly count: number;
  readonly pixels: PixelSet;
  /** Masked, phase origin at the centre. */
  readonly images_ik: DeviceBuffer;
  /** Times the intensity scale of the particle's group. */
  readonly ctf_ik: DeviceBuffer;
  /** 1 / sigma2 of the noise; 0 where a pixel does not count. */
  readonly weights_ik: DeviceBuffer;
}

/** `direct`: one particle at a time; `tiled`: Zhang et al. 2018, formula 5.2; `gemm`: two matrix products. */
export type ScoreStrategy = "direct" | "tiled" | "gemm";
export const scoreStrategies: readonly ScoreStrategy[] = ["direct", "tiled", "gemm"];
/** `screen`: scores in 16 bits within certified bounds, then in float32 where those leave a choice (docs/screen.md); elsewhere `gemm`. */
export type CoarseStrategy = ScoreStrategy | "screen";
export const coarseStrategies: readonly CoarseStrategy[] = [...scoreStrategies, "screen"];

export interface CoarsePass {
  readonly batch: ParticleBatch;
  readonly slices_ok: DeviceBuffer;
  readonly orientations: number;
  readonly phases: Phases;
  readonly scratch: DeviceBuffer;
}

/** Slices of rows `firstRow` .. `firstRow + rows` (classes follow each other) at the pixels of a pass, made beforehand. */
export interface ChildSlices {
  readonly firstRow: number;
  readonly rows: number;
  readonly slices_ok: DeviceBuffer;
}

export interface FinePass {
  readonly batch: ParticleBatch;
  readonly projector: CentredArray;
  /** Inverse orientations of all children of one class: parent-major, `rotations` a parent; `rows` in all. */
  readonly matrices: DeviceBuffer;
  readonly rows: number;
  readonly rotations: number;
  /** Phases of all child translations: parent-major, `shifts` a parent. */
  readonly phases: Phases;
  readonly shifts: number;
  /** `fineScratch` or `sumsScratch` numbers. */
  readonly scratch: DeviceBuffer;
}

/** Every sample of every particle: values_iot. */
export interface DenseSamples {
  readonly layout: "dense";
  readonly particles: number;
  readonly orientations: number;
  readonly translations: number;
  readonly values: DeviceBuffer;
}

/** Groups of `children` values, as `CompressedWeights`. The coarse sample of a group is firstSample / children. */
export interface CompressedSamples {
  readonly layout: "compressed";
  readonly particles: number;
  readonly orientations: number;
  readonly translations: number;
  readonly children: number;
  /** Groups that the buffers hold. */
  readonly capacity: number;
  /** Groups in use, as read back from `start_i`. */
  readonly groups: number;
  readonly start_i: DeviceBuffer;
  readonly firstSample_g: DeviceBuffer;
  readonly values: DeviceBuffer;
}

/**
 * Every translation of the orientations that particles are compared with, each particle with its own: values by particle, class, candidate
 * and translation. Its coarse sample is (class x candidates + candidate) x translations + translation.
 */
export interface ListedSamples {
  readonly layout: "listed";
  readonly particles: number;
  readonly classes: number;
  /** Of one class, of all particles. */
  readonly candidates: number;
  readonly translations: number;
  /** One value a candidate: the translation whose number is the particle's. */
  readonly ownTranslation: boolean;
  /** First candidate of each particle, and the number of all. */
  readonly start_i: DeviceBuffer;
  readonly values: DeviceBuffer;
}
export type Samples = DenseSamples | CompressedSamples | ListedSamples;

/**
 * Candidate orientations of each particle: every listed direction with every listed in-plane angle, the angle running fastest. Log priors lie
 * beside the entries; `start_i`, as the other starts, ends with the number of all.
 */
export interface CandidateList {
  readonly particles: number;
  readonly candidates: number;
  readonly start_i: DeviceBuffer;
  readonly directionStart_i: DeviceBuffer;
  /** Entries of a table of directions. */
  readonly direction_d: DeviceBuffer;
  readonly directionPrior_d: DeviceBuffer;
  readonly psiStart_i: DeviceBuffer;
  readonly psi_a: DeviceBuffer;
  readonly psiPrior_a: DeviceBuffer;
}

export interface ListOrientations {
  readonly list: CandidateList;
  /** Rotations that take a direction to z: nine numbers each, `directionChildren` an entry. */
  readonly directions: DeviceBuffer;
  readonly directionChildren: number;
  /** Cosine and sine of in-plane angles, `psiChildren` an entry. */
  readonly psis: DeviceBuffer;
  readonly psiChildren: number;
  /** Nine numbers for every candidate, direction child and angle child. */
  readonly matrices: DeviceBuffer;
}

export interface ListCandidates {
  readonly list: CandidateList;
  readonly classes: number;
  readonly classPrior_c: DeviceBuffer;
  readonly translations: number;
  /** The first sample is that of the translation whose number is the particle's. */
  readonly ownTranslation: boolean;
  /** By class and candidate. */
  readonly prior_o: DeviceBuffer;
  /** By particle, class and candidate. */
  readonly firstSample_g: DeviceBuffer;
}

/** Consecutive groups of one particle and parent orientation. */
export interface Runs {
  readonly capacity: number;
  readonly runStart_i: DeviceBuffer;
  /** First group of each run; one more entry at the end. */
  readonly runGroup_r: DeviceBuffer;
}

/** Natural logarithms; `logZero` forbids a sample. One row of orientations for all particles, or one each. */
export interface LogPriors {
  readonly orientation_o: DeviceBuffer;
  readonly perParticle: boolean;
  readonly translation_it: DeviceBuffer;
}
export const logZero = -1e30;

export interface ViewTotals {
  readonly samples: CompressedSamples;
  readonly runs: Runs;
  readonly rotations: number;
  readonly shifts: number;
  /** Views: runs in use times rotations. */
  readonly count: number;
  readonly total_v: DeviceBuffer;
}

export interface WeightedSums extends FinePass {
  /** Holds the rows of all views of the block; without it slices are made on the way. */
  readonly childSlices?: ChildSlices;
  readonly samples: CompressedSamples;
  readonly runs: Runs;
  /** The views of the block, rising: pairs of number (run x rotations + child) and particle; and where those of each particle begin. */
  readonly views_v2: DeviceBuffer;
  readonly viewStart_i: DeviceBuffer;
  readonly viewCount: number;
  /** Sum of the weights of each view of the block, and its row of the matrices. */
  readonly total_v: DeviceBuffer;
  readonly orientation_v: DeviceBuffer;
  /** CTF of the views, which may differ from that of the comparison; images without mask; noise weights with the origin. */
  readonly viewCtf_ik: DeviceBuffer;
  readonly unmasked_ik: DeviceBuffer;
  readonly sumWeights_ik: DeviceBuffer;
  /** Class-major. */
  readonly terms_cik: DeviceBuffer;
  /**
   * Where views are added: pairs of first entry in `members_v2` and row of the results, one a merged view and an end; members are pairs of
   * position in the block and particle.
   */
  readonly merged_m2: DeviceBuffer;
  readonly mergedCount: number;
  readonly members_v2: DeviceBuffer;
  readonly numerator_vk: DeviceBuffer;
  readonly weight_vk: DeviceBuffer;
}

// Arguments of operations, in the order of the contract.

export interface ShiftImages {
  /** Any number of images. */
  readonly images: DeviceBuffer;
  readonly out: DeviceBuffer;
  /** Which of `images`, and the whole pixels x and y by which its content moves, in two's complement. */
  readonly moves_i3: DeviceBuffer;
  readonly factor_i: DeviceBuffer;
  readonly box: number;
  readonly count: number;
}

export interface SoftMask {
  readonly values: DeviceBuffer;
  readonly shape: readonly number[];
  readonly count: number;
  readonly radius: number;
  readonly width: number;
  readonly noise?: DeviceBuffer;
  readonly scratch: DeviceBuffer;
}

export interface ShellPower {
  readonly spectra: DeviceBuffer;
  readonly box: number;
  readonly count: number;
  readonly friedel: "once" | "twice";
  readonly power_is: DeviceBuffer;
}

export interface PackPixels {
  readonly spectra: DeviceBuffer;
  readonly box: number;
  readonly count: number;
  readonly pixels: PixelSet;
  readonly packed_ik: DeviceBuffer;
}

export interface Ctf {
  readonly parameters: DeviceBuffer;
  readonly count: number;
  readonly pixels: PixelSet;
  readonly ctf_ik: DeviceBuffer;
}

export interface SpreadShells {
  readonly table_gs: DeviceBuffer;
  readonly shells: number;
  readonly group_i: DeviceBuffer;
  readonly count: number;
  readonly pixels: PixelSet;
  readonly zeroOrigin: boolean;
  readonly out_ik: DeviceBuffer;
}

export interface PadMap {
  readonly map: DeviceBuffer;
  readonly box: number;
  readonly padded: DeviceBuffer;
  readonly paddedBox: number;
  readonly correct: boolean;
}

export interface MakeProjector {
  readonly slot: number;
  readonly spectrum: DeviceBuffer;
  readonly paddedBox: number;
  readonly scale: number;
  readonly projector: CentredArray;
  /** Squared radius (elements) below which elements are 0. Default 0: none. */
  readonly least?: number;
}

export interface MapToProjector extends Omit<MakeProjector, "spectrum"> {
  readonly map: DeviceBuffer;
  readonly box: number;
  /** Divide the map by sinc^2(r / padded box), as `padMap` does. */
  readonly correct: boolean;
  /** `paddedBuffers` of the layout. */
  readonly work: readonly DeviceBuffer[];
}

export interface DataToMap {
  readonly data: DeviceBuffer;
  readonly estimate: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly paddedBox: number;
  readonly map: DeviceBuffer;
  readonly box: number;
  readonly scale: number;
  /** `paddedBuffers` of the layout. */
  readonly work: readonly DeviceBuffer[];
}

export interface ProjectSlices {
  /** Rows of `matrices`, shared by all classes; a row beyond them belongs to the next class. */
  readonly rows: number;
  /** Row of the first slice. */
  readonly first: number;
  readonly projector: CentredArray;
  readonly matrices: DeviceBuffer;
  readonly count: number;
  readonly pixels: PixelSet;
  readonly slices_ok: DeviceBuffer;
}

export interface ImageConstants {
  readonly batch: ParticleBatch;
  readonly constant_i: DeviceBuffer;
}

export interface Diff2Coarse extends CoarsePass {
  readonly strategy: ScoreStrategy;
  readonly diff2_iot: DeviceBuffer;
}

export interface CrossCorrelation extends CoarsePass {
  readonly score_iot: DeviceBuffer;
}

export interface Diff2Fine extends FinePass {
  /** Hold all rows together; without them slices are made on the way. */
  readonly childSlices?: readonly ChildSlices[];
  /** Minus the normalised cross-correlation instead, over all pixels alike. */
  readonly correlation: boolean;
  readonly samples: CompressedSamples;
}

export interface WeightsFromDiff2 {
  /** Factor of the scores: 1, or large where only the best counts (correlations). */
  readonly scale: number;
  readonly samples: Samples;
  readonly priors: LogPriors;
  readonly logMax_i: DeviceBuffer;
  readonly sum_i: DeviceBuffer;
  readonly best_i: DeviceBuffer;
}

export interface SelectSignificant {
  readonly samples: Samples;
  readonly sum_i: DeviceBuffer;
  readonly fraction: number;
  readonly cap: number;
  readonly threshold_i: DeviceBuffer;
  readonly count_i: DeviceBuffer;
}

export interface CompactWeights {
  readonly samples: DenseSamples | ListedSamples;
  readonly threshold_i: DeviceBuffer;
  readonly compressed: CompressedSamples;
  readonly runs: Runs;
  readonly scratch: DeviceBuffer;
}

/** From scores to the list of kept samples: what `weightsFromDiff2`, `selectSignificant` and `compactWeights` take and leave. */
export interface Selection {
  readonly scale: number;
  readonly priors: LogPriors;
  readonly logMax_i: DeviceBuffer;
  readonly sum_i: DeviceBuffer;
  readonly best_i: DeviceBuffer;
  readonly fraction: number;
  readonly cap: number;
  readonly threshold_i: DeviceBuffer;
  readonly count_i: DeviceBuffer;
  readonly compressed: CompressedSamples;
  readonly runs: Runs;
}

/** From the images of a batch to the list of its kept samples. */
export interface CoarseSelection extends Omit<CoarsePass, "scratch">, Selection {
  /** Normalised cross-correlations, of which the best counts. */
  readonly correlation: boolean;
}

export interface ScreenCoarse extends CoarseSelection {
  /** `screenScratch` numbers. */
  readonly scratch: DeviceBuffer;
  /** `screenReport.length` words. */
  readonly report: DeviceBuffer;
}

export interface NormaliseWeights {
  readonly samples: CompressedSamples;
  readonly threshold_i: DeviceBuffer;
  readonly sum_i: DeviceBuffer;
}

export interface TranslationMoments {
  readonly samples: CompressedSamples;
  readonly shifts: number;
  readonly translations_t2: DeviceBuffer;
  readonly moments_i4: DeviceBuffer;
}

export interface Backproject {
  /** Rows of `matrices`; an orientation beyond them belongs to the next class and its accumulator. */
  readonly rows: number;
  readonly numerator_vk: DeviceBuffer;
  readonly weight_vk: DeviceBuffer;
  readonly matrices: DeviceBuffer;
  readonly orientation_v: DeviceBuffer;
  readonly count: number;
  readonly pixels: PixelSet;
  readonly accumulator: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly unit: number;
  readonly status: DeviceBuffer;
}

export interface FinishAccumulator {
  readonly slot: number;
  readonly accumulator: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly unit: number;
  readonly data: DeviceBuffer;
  readonly weight: DeviceBuffer;
}

export interface Symmetrise {
  readonly data: DeviceBuffer;
  readonly weight: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly operators: DeviceBuffer;
  readonly count: number;
  readonly outData: DeviceBuffer;
  readonly outWeight: DeviceBuffer;
}

export interface ShellStatistics {
  readonly weight: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly shells: number;
  readonly rounding: "round" | "floor";
  readonly threshold_s: DeviceBuffer;
  readonly sums_s4: DeviceBuffer;
  readonly scratch: DeviceBuffer;
}

export interface ShellProducts {
  readonly a: DeviceBuffer;
  readonly b: DeviceBuffer;
  readonly layout: HalfLayout;
  readonly shells: number;
  readonly sums_s4: DeviceBuffer;
  readonly scratch: DeviceBuffer;
}

export interface JoinHalves {
  readonly data1: DeviceBuffer;
  readonly weight1: DeviceBuffer;
  readonly data2: DeviceBuffer;
  readonly weight2: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly limit: number;
}

export interface Downsample {
  readonly data: DeviceBuffer;
  readonly weight: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly out: DeviceBuffer;
  readonly outRadius: number;
}

export interface AddPrior {
  readonly weight: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly prior_s: DeviceBuffer;
  readonly shells: number;
  readonly minShell: number;
  readonly norm: number;
}

export interface GriddingProduct {
  readonly estimate: DeviceBuffer;
  readonly weight: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly grid: DeviceBuffer;
}

export interface GriddingKernel {
  readonly values: DeviceBuffer;
  readonly side: number;
  readonly table: DeviceBuffer;
  readonly scale: number;
}

export interface GriddingUpdate {
  readonly estimate: DeviceBuffer;
  readonly grid: DeviceBuffer;
  readonly geometry: CentredGeometry;
}

export interface InverseWeight {
  readonly weight: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly floor_s: DeviceBuffer;
  readonly shells: number;
  readonly estimate: DeviceBuffer;
}

export interface InsertData {
  readonly data: DeviceBuffer;
  readonly estimate: DeviceBuffer;
  readonly geometry: CentredGeometry;
  readonly spectrum: DeviceBuffer;
  readonly paddedBox: number;
}

export interface CropMap {
  readonly padded: DeviceBuffer;
  readonly paddedBox: number;
  readonly map: DeviceBuffer;
  readonly box: number;
  readonly scale: number;
}

export interface CorrectGridding {
  readonly map: DeviceBuffer;
  readonly box: number;
  readonly paddedBox: number;
}

export interface LowPass {
  readonly spectrum: DeviceBuffer;
  readonly shape: readonly number[];
  readonly low: number;
  readonly high: number;
}

export interface ShellTerms {
  readonly batch: ParticleBatch;
  readonly classes: number;
  readonly terms_cik: DeviceBuffer;
  readonly sums_cis3: DeviceBuffer;
}
