import type { ArenaBlock, Scope } from "./arena.js";

/**
 * What every runtime does. One orchestration drives any of them; `reference` (float64, plain loops) defines the meaning.
 *
 * Arrays are row-major; a name ends in its axes: i particle, o orientation, t translation, k pixel of a `PixelSet`, s shell, g group of
 * compressed weights, c child of a parent, v view (a weighted image with an orientation). Pixels are those of half transforms; scores,
 * weights and sums are those of Scheres 2012 (J Struct Biol 180:519). Operations run in the order of the calls. They use only the buffers
 * that they are given, every one of which must differ from the others. Faults reject with `DeviceLostError`, `DeviceMemoryError` or
 * `UnsupportedError`; no data is returned then.
 */
export interface Runtime {
  readonly name: "reference" | "webgpu" | "cpu" | "cuda";
  readonly capabilities: Capabilities;
  readonly layout: RuntimeLayout;

  // Memory: the buffer stack. `alloc` throws `ArenaFullError`; contents are undefined until written.
  push(scope: Scope): void;
  pop(scope: Scope): void;
  alloc(kind: BufferKind, name: string, length: number): DeviceBuffer;
  free(buffer: DeviceBuffer): void;
  readonly memory: { readonly top: number; readonly peak: number; readonly held: readonly ArenaBlock[] };
  upload(buffer: DeviceBuffer, values: ArrayLike<number>, at?: number): void;
  /** Complex numbers are pairs; `at` and `length` count numbers, not pairs. */
  download(
    buffer: DeviceBuffer,
    at?: number,
    length?: number,
  ): Promise<Float64Array | Float32Array | Uint32Array>;
  clear(buffer: DeviceBuffer): Promise<void>;
  copy(from: DeviceBuffer, to: DeviceBuffer): Promise<void>;
  /** Resolves when all work so far is done. */
  finish(): Promise<void>;
  close(): Promise<void>;

  // Images
  /** Tables and scratch of `batch` real transforms of `shape` (two or three axes, any lengths), in the scope that is open. */
  makeFft(shape: readonly number[], batch: number): Fft;
  /** values_i.. to half transforms, divided by the number of values. Scratch of the plan is overwritten. */
  forwardFft(fft: Fft, values: DeviceBuffer, spectra: DeviceBuffer): Promise<void>;
  /** Half transforms to values_i.., not scaled; `spectra` are overwritten. */
  inverseFft(fft: Fft, spectra: DeviceBuffer, values: DeviceBuffer): Promise<void>;
  /** out_iyx = factor_i images_iyx moved by whole pixels (index pairs x, y in two's complement); what moves in is 0. */
  shiftImages(a: {
    images: DeviceBuffer;
    out: DeviceBuffer;
    shift_i2: DeviceBuffer;
    factor_i: DeviceBuffer;
    box: number;
    count: number;
  }): Promise<void>;
  /** Soft circle or sphere, in place: m v + (1 - m) background; the background is `noise` or the mean weighted by 1 - m. Pixels. */
  softMask(a: {
    values: DeviceBuffer;
    shape: readonly number[];
    count: number;
    radius: number;
    width: number;
    noise?: DeviceBuffer;
    scratch: DeviceBuffer;
  }): Promise<void>;
  /** power_is = sum of |F|^2 over shells 0 .. box / 2 of half transforms; Friedel mates on x = 0 count once or twice. */
  shellPower(a: {
    spectra: DeviceBuffer;
    box: number;
    count: number;
    friedel: "once" | "twice";
    power_is: DeviceBuffer;
  }): Promise<void>;
  /** Crop half transforms to a pixel set and move their phase origin to the centre pixel. */
  packPixels(a: {
    spectra: DeviceBuffer;
    box: number;
    count: number;
    pixels: PixelSet;
    packed_ik: DeviceBuffer;
  }): Promise<void>;
  /** ctf_ik from `ctfLength` numbers a particle (`ctfRow`). */
  ctf(a: { parameters: DeviceBuffer; count: number; pixels: PixelSet; ctf_ik: DeviceBuffer }): Promise<void>;
  /** out_ik = table[group_i][shell of k], the origin set to 0 on request. */
  spreadShells(a: {
    table_gs: DeviceBuffer;
    shells: number;
    group_i: DeviceBuffer;
    count: number;
    pixels: PixelSet;
    zeroOrigin: boolean;
    out_ik: DeviceBuffer;
  }): Promise<void>;

  // Reference
  /** The map in the middle of a zero cube, divided by sinc^2(r / padded) (`correct`). */
  padMap(a: {
    map: DeviceBuffer;
    box: number;
    padded: DeviceBuffer;
    paddedBox: number;
    correct: boolean;
  }): Promise<void>;
  /** The centred half array of a padded transform, scaled, 0 beyond `maxShell`. */
  makeProjector(a: {
    spectrum: DeviceBuffer;
    paddedBox: number;
    scale: number;
    projector: CentredArray;
  }): Promise<void>;
  /** Central slices by trilinear interpolation at inverse orientations (`matrices`, nine numbers each). */
  projectSlices(a: {
    projector: CentredArray;
    matrices: DeviceBuffer;
    count: number;
    pixels: PixelSet;
    slices_ok: DeviceBuffer;
  }): Promise<void>;

  // Expectation. diff2 is the squared difference less the constant 1/2 sum_k w |X|^2 of its particle, which cancels in the weights.
  /** constant_i = 1/2 sum_k w_ik |X_ik|^2 */
  imageConstants(a: { batch: ParticleBatch; constant_i: DeviceBuffer }): Promise<void>;
  /** diff2_iot of every orientation and translation. `scratch` holds `coarseScratch` numbers. */
  diff2Coarse(a: CoarsePass & { strategy: CoarseStrategy; diff2_iot: DeviceBuffer }): Promise<void>;
  /** Minus the normalised cross-correlation (first iteration), all pixels alike: `batch.weights_ik` is not used. */
  crossCorrelation(a: CoarsePass & { score_iot: DeviceBuffer }): Promise<void>;
  /** diff2_gc of the children of the kept parents only. */
  diff2Fine(a: FinePass & { samples: CompressedSamples }): Promise<void>;
  /**
   * Scores to weights, in place: exp(L - max L), L = -score + log priors. Scores that are not finite get weight 0.
   * `logMax_i` = max L, `sum_i` = sum of weights (0: the particle failed), `best_i` = first sample of weight 1, counted in its particle.
   */
  weightsFromDiff2(a: {
    samples: Samples;
    priors: LogPriors;
    logMax_i: DeviceBuffer;
    sum_i: DeviceBuffer;
    best_i: DeviceBuffer;
  }): Promise<void>;
  /** The smallest of the weights that hold `fraction` of the sum, at most `cap` of them; `count_i` how many, ties at the end left out. */
  selectSignificant(a: {
    samples: Samples;
    sum_i: DeviceBuffer;
    fraction: number;
    cap: number;
    threshold_i: DeviceBuffer;
    count_i: DeviceBuffer;
  }): Promise<void>;
  /**
   * Compressed layout of the parents whose weight reaches the threshold: `start_i`, `firstSample_g`, and runs of groups of one particle and
   * orientation: `runStart_i`, `runGroup_r` (first group). Where totals exceed the capacities, only what fits is written.
   */
  compactWeights(a: {
    samples: DenseSamples;
    threshold_i: DeviceBuffer;
    compressed: CompressedSamples;
    runs: Runs;
    scratch: DeviceBuffer;
  }): Promise<void>;
  /** Weights below the threshold to 0, the others divided by the sum, in place. */
  normaliseWeights(a: {
    samples: CompressedSamples;
    threshold_i: DeviceBuffer;
    sum_i: DeviceBuffer;
  }): Promise<void>;
  /** moments_i4 = sums of w, w x, w y, w (x^2 + y^2) over normalised samples; (x, y) the child translations, pairs, parent-major. */
  translationMoments(a: {
    samples: CompressedSamples;
    shifts: number;
    translations_t2: DeviceBuffer;
    moments_i4: DeviceBuffer;
  }): Promise<void>;
  /**
   * Sums over normalised samples of runs `firstRun` .. `firstRun + runCount`: adds (sum w Re F X*, sum w |F|^2) to `terms_ik`, F = CTF x slice
   * and X the masked image, and writes one view a run and child orientation: `numerator_vk` = CTF w_k sum w X, X the image without mask,
   * `weight_vk` = CTF^2 w_k sum w, `total_v` = sum w, `orientation_v` its row of `matrices`.
   */
  weightedSums(a: WeightedSums): Promise<void>;

  // Maximisation, on centred half arrays
  /** Add views to an accumulator by trilinear spreading. `unit` is the step of fixed-point runtimes; 2^62 units must hold every sum. */
  backproject(a: {
    numerator_vk: DeviceBuffer;
    weight_vk: DeviceBuffer;
    matrices: DeviceBuffer;
    orientation_v: DeviceBuffer;
    count: number;
    pixels: PixelSet;
    accumulator: DeviceBuffer;
    geometry: CentredGeometry;
    unit: number;
    status: DeviceBuffer;
  }): Promise<void>;
  /** Accumulator to numbers, with the Friedel mates of the plane x = 0 added to each other. */
  finishAccumulator(a: {
    accumulator: DeviceBuffer;
    geometry: CentredGeometry;
    unit: number;
    data: DeviceBuffer;
    weight: DeviceBuffer;
  }): Promise<void>;
  /** out = in + in at R r for every operator but the identity (nine numbers each); the sum is not divided. */
  symmetrise(a: {
    data: DeviceBuffer;
    weight: DeviceBuffer;
    geometry: CentredGeometry;
    operators: DeviceBuffer;
    count: number;
    outData: DeviceBuffer;
    outWeight: DeviceBuffer;
  }): Promise<void>;
  /** sums_s4 = sum w, sum w^2, count of w >= threshold_s, count, over elements inside the sphere; shells rounded or cut to integers. */
  shellStatistics(a: {
    weight: DeviceBuffer;
    geometry: CentredGeometry;
    shells: number;
    rounding: "round" | "floor";
    threshold_s: DeviceBuffer;
    sums_s4: DeviceBuffer;
    scratch: DeviceBuffer;
  }): Promise<void>;
  /** sums_s4 = sum of Re a b*, |a|^2, |b|^2, count over shells of half transforms of a cube (or square) or of centred half arrays. */
  shellProducts(a: {
    a: DeviceBuffer;
    b: DeviceBuffer;
    layout: HalfLayout;
    shells: number;
    sums_s4: DeviceBuffer;
    scratch: DeviceBuffer;
  }): Promise<void>;
  /** Mean of both half sets inside a radius (squared, in elements), written to both. */
  joinHalves(a: {
    data1: DeviceBuffer;
    weight1: DeviceBuffer;
    data2: DeviceBuffer;
    weight2: DeviceBuffer;
    geometry: CentredGeometry;
    limit: number;
  }): Promise<void>;
  /** data / weight on the grid without padding: elements that round to the same frequency are added. */
  downsample(a: {
    data: DeviceBuffer;
    weight: DeviceBuffer;
    geometry: CentredGeometry;
    out: DeviceBuffer;
    outRadius: number;
  }): Promise<void>;
  /** weight = (weight + prior_s) / norm; prior_s < 0 stands for 1 / (0.001 weight). Shells under `minShell` get no prior. */
  addPrior(a: {
    weight: DeviceBuffer;
    geometry: CentredGeometry;
    prior_s: DeviceBuffer;
    shells: number;
    minShell: number;
    norm: number;
  }): Promise<void>;
  /** One gridding step begins: grid = estimate x weight in the order of an odd FFT (side 2 radius + 1). */
  griddingProduct(a: {
    estimate: DeviceBuffer;
    weight: DeviceBuffer;
    geometry: CentredGeometry;
    grid: DeviceBuffer;
  }): Promise<void>;
  /** values_zyx *= kernel(|index| x scale), a table of equal steps, 0 beyond its end. */
  griddingKernel(a: {
    values: DeviceBuffer;
    side: number;
    table: DeviceBuffer;
    scale: number;
  }): Promise<void>;
  /** One gridding step ends: estimate /= max(1e-6, |grid|) inside the sphere. */
  griddingUpdate(a: { estimate: DeviceBuffer; grid: DeviceBuffer; geometry: CentredGeometry }): Promise<void>;
  /** estimate = 1 / max(weight, floor_s) by integer shell, the last one reused beyond; 1 where that is 0. */
  inverseWeight(a: {
    weight: DeviceBuffer;
    geometry: CentredGeometry;
    floor_s: DeviceBuffer;
    shells: number;
    estimate: DeviceBuffer;
  }): Promise<void>;
  /** Half transform of a `paddedBox` cube from data x estimate, centred by sign, 0 elsewhere. */
  insertData(a: {
    data: DeviceBuffer;
    estimate: DeviceBuffer;
    geometry: CentredGeometry;
    spectrum: DeviceBuffer;
    paddedBox: number;
  }): Promise<void>;
  /** The middle of a padded cube times `scale`. */
  cropMap(a: {
    padded: DeviceBuffer;
    paddedBox: number;
    map: DeviceBuffer;
    box: number;
    scale: number;
  }): Promise<void>;
  /** map /= sinc^2(r / paddedBox), in place. */
  correctGridding(a: { map: DeviceBuffer; box: number; paddedBox: number }): Promise<void>;
  /** spectrum *= raised cosine from `low` to `high` (elements from the origin), in place; cube or square. */
  lowPass(a: { spectrum: DeviceBuffer; shape: readonly number[]; low: number; high: number }): Promise<void>;
}

/** What decides the bytes of a job on a runtime; known without a device. */
export interface RuntimeLayout {
  /** Bytes of one element of each kind. */
  readonly elementBytes: Readonly<Record<BufferKind, number>>;
  /** Every buffer starts at a multiple of this. */
  readonly alignment: number;
  /** What `makeFft` allocates, in order. */
  fftBuffers(shape: readonly number[], batch: number): readonly BufferDeclaration[];
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

export interface Capabilities {
  /** What the device calls itself. */
  readonly device: string;
  /** Whether it is a processor that plays a graphics card. */
  readonly software: boolean;
  /** Most bytes of one buffer. */
  readonly maxBufferBytes: number;
  /** Bytes of the arena. */
  readonly arenaBytes: number;
  readonly workgroupBytes: number;
  readonly workgroupInvocations: number;
  readonly float16: boolean;
  readonly float64: boolean;
  readonly subgroups: boolean;
}

/** Half-transform pixels in use of a `size` x `size` image: `xy_k` = x | (y & 0xffff) << 16. Made by `makePixels`. */
export interface PixelSet {
  readonly size: number;
  readonly count: number;
  readonly xy_k: DeviceBuffer;
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
export interface CentredArray extends CentredGeometry {
  readonly data: DeviceBuffer;
}

export type HalfLayout =
  | { readonly kind: "fft"; readonly shape: readonly number[] }
  | { readonly kind: "centred"; readonly radius: number; readonly padding: number; readonly limit: number };

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
export type CoarseStrategy = "direct" | "tiled" | "gemm";
export const coarseStrategies: readonly CoarseStrategy[] = ["direct", "tiled", "gemm"];

export interface CoarsePass {
  readonly batch: ParticleBatch;
  readonly slices_ok: DeviceBuffer;
  readonly orientations: number;
  readonly phases: Phases;
  readonly scratch: DeviceBuffer;
}

export interface FinePass {
  readonly batch: ParticleBatch;
  readonly projector: CentredArray;
  /** Inverse orientations of all children: parent-major, `rotations` a parent. */
  readonly matrices: DeviceBuffer;
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
export type Samples = DenseSamples | CompressedSamples;

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

export interface WeightedSums extends FinePass {
  readonly samples: CompressedSamples;
  readonly runs: Runs;
  readonly firstRun: number;
  readonly runCount: number;
  /** Images without mask, and noise weights with the origin. */
  readonly unmasked_ik: DeviceBuffer;
  readonly sumWeights_ik: DeviceBuffer;
  readonly terms_ik: DeviceBuffer;
  readonly numerator_vk: DeviceBuffer;
  readonly weight_vk: DeviceBuffer;
  readonly total_v: DeviceBuffer;
  readonly orientation_v: DeviceBuffer;
}
