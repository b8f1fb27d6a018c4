import type { Arena, Scope } from "./arena.js";
import type * as args from "./operands.js";
import type { BufferKind, DeviceBuffer, Fft, RuntimeLayout } from "./operands.js";

export * from "./operands.js";

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
  readonly memory: Pick<Arena, "top" | "peak" | "held" | "state">;
  /** An accumulator takes what was downloaded from one, as it is. */
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
  shiftImages(a: args.ShiftImages): Promise<void>;
  /** Soft circle or sphere, in place: m v + (1 - m) background; the background is `noise` or the mean weighted by 1 - m. Pixels. */
  softMask(a: args.SoftMask): Promise<void>;
  /** power_is = sum of |F|^2 over shells 0 .. box / 2 of half transforms; Friedel mates on x = 0 count once or twice. */
  shellPower(a: args.ShellPower): Promise<void>;
  /** Crop half transforms to a pixel set and move their phase origin to the centre pixel. */
  packPixels(a: args.PackPixels): Promise<void>;
  /** ctf_ik from `ctfLength` numbers a particle (`ctfRow`). */
  ctf(a: args.Ctf): Promise<void>;
  /** out_ik = table[group_i][shell of k], the origin set to 0 on request. */
  spreadShells(a: args.SpreadShells): Promise<void>;

  // Reference
  /** The map in the middle of a zero cube, divided by sinc^2(r / padded) (`correct`). */
  padMap(a: args.PadMap): Promise<void>;
  /** The centred half array of a padded transform, scaled, 0 beyond `maxShell` (and inside `least`), as number `slot` of the projector. */
  makeProjector(a: args.MakeProjector): Promise<void>;
  /** Central slices by trilinear interpolation at inverse orientations (`matrices`, nine numbers each). */
  projectSlices(a: args.ProjectSlices): Promise<void>;

  /** Inverse orientations of candidates: transposed Rz(psi) x direction. */
  listOrientations(a: args.ListOrientations): Promise<void>;

  // Expectation. diff2 is the squared difference less the constant 1/2 sum_k w |X|^2 of its particle, which cancels in the weights.
  /** constant_i = 1/2 sum_k w_ik |X_ik|^2 */
  imageConstants(a: args.ImageConstants): Promise<void>;
  /** diff2_iot of every orientation and translation. `scratch` holds `coarseScratch` numbers. */
  diff2Coarse(a: args.Diff2Coarse): Promise<void>;
  /** Minus the normalised cross-correlation (first iteration), all pixels alike: `batch.weights_ik` is not used. */
  crossCorrelation(a: args.CrossCorrelation): Promise<void>;
  /** diff2_gc of the children of the kept parents only. */
  diff2Fine(a: args.Diff2Fine): Promise<void>;
  /**
   * Log priors of candidates: those of direction, in-plane angle and class added, `logZero` where the class is forbidden; and the first coarse
   * sample of each, (class x candidates + candidate) x translations.
   */
  listCandidates(a: args.ListCandidates): Promise<void>;
  /**
   * Scores to weights, in place: exp(L - max L), L = -scale x score + log priors. Scores that are not finite get weight 0.
   * `logMax_i` = max L, `sum_i` = sum of weights (0: the particle failed), `best_i` = first sample of weight 1, counted in its particle.
   */
  weightsFromDiff2(a: args.WeightsFromDiff2): Promise<void>;
  /** The smallest of the weights that hold `fraction` of the sum, at most `cap` of them; `count_i` how many, ties at the end left out. */
  selectSignificant(a: args.SelectSignificant): Promise<void>;
  /**
   * Compressed layout of the parents whose weight reaches the threshold: `start_i`, `firstSample_g`, and runs of groups of one particle and
   * orientation: `runStart_i`, `runGroup_r` (first group). Where totals exceed the capacities, only what fits is written.
   */
  compactWeights(a: args.CompactWeights): Promise<void>;
  /**
   * What `diff2Coarse` (or `crossCorrelation`), `weightsFromDiff2`, `selectSignificant` and `compactWeights` leave, without the scores, and the
   * same set of samples (docs/screen.md); where `layout.screens`. More samples than there is room for: their number, or a larger one, stands at
   * the end of `start_i`. `report` tells how it went.
   */
  screenCoarse?(a: args.ScreenCoarse): Promise<void>;
  /** `padMap`, `forwardFft` and `makeProjector` in one, without the padded cube; where `layout.paddedBuffers` says so. */
  mapToProjector?(a: args.MapToProjector): Promise<void>;
  /** `insertData`, `inverseFft` and `cropMap` in one, likewise. */
  dataToMap?(a: args.DataToMap): Promise<void>;
  /** Weights below the threshold to 0, the others divided by the sum, in place. */
  normaliseWeights(a: args.NormaliseWeights): Promise<void>;
  /** moments_i4 = sums of w, w x, w y, w (x^2 + y^2) over normalised samples; (x, y) the child translations, pairs, parent-major. */
  translationMoments(a: args.TranslationMoments): Promise<void>;
  /** total_v = sum of the normalised weights of every view: a run (particle and parent orientation) and one of its child orientations. */
  viewTotals(a: args.ViewTotals): Promise<void>;
  /**
   * Sums over the samples of the listed views: adds (sum w Re F X*, sum w |F|^2) to `terms_cik` of the view's class, F = CTF x slice and X
   * the masked image, and to rows of `numerator_vk` CTF w_k sum w X, X the image without mask, of `weight_vk` CTF^2 w_k total_v, both with `viewCtf_ik`. Views that
   * are merged into one row are added in order.
   */
  weightedSums(a: args.WeightedSums): Promise<void>;
  /** sums_cis3 = sums over shells 0 .. size / 2 of both terms and of |X|^2 (masked image). */
  shellTerms(a: args.ShellTerms): Promise<void>;

  // Maximisation, on centred half arrays
  /** Add views to an accumulator by trilinear spreading. `unit` is the step of fixed-point runtimes; 2^62 units must hold every sum. */
  backproject(a: args.Backproject): Promise<void>;
  /** Accumulator to numbers, with the Friedel mates of the plane x = 0 added to each other. */
  finishAccumulator(a: args.FinishAccumulator): Promise<void>;
  /** out = in + in at R r for every operator but the identity (nine numbers each); the sum is not divided. */
  symmetrise(a: args.Symmetrise): Promise<void>;
  /** sums_s4 = sum w, sum w^2, count of w >= threshold_s, count, over elements inside the sphere; shells rounded or cut to integers. */
  shellStatistics(a: args.ShellStatistics): Promise<void>;
  /** sums_s4 = sum of Re a b*, |a|^2, |b|^2, count over shells of half transforms of a cube (or square) or of centred half arrays. */
  shellProducts(a: args.ShellProducts): Promise<void>;
  /** Mean of both half sets inside a radius (squared, in elements), written to both. */
  joinHalves(a: args.JoinHalves): Promise<void>;
  /** data / weight on the grid without padding: elements that round to the same frequency are added. */
  downsample(a: args.Downsample): Promise<void>;
  /** weight = (weight + prior_s) / norm; prior_s < 0 stands for 1 / (0.001 weight). Shells under `minShell` get no prior. */
  addPrior(a: args.AddPrior): Promise<void>;
  /** One gridding step begins: grid = estimate x weight in the order of an odd FFT (side 2 radius + 1). */
  griddingProduct(a: args.GriddingProduct): Promise<void>;
  /** values_zyx *= kernel(|index| x scale), a table of equal steps, 0 beyond its end. */
  griddingKernel(a: args.GriddingKernel): Promise<void>;
  /** One gridding step ends: estimate /= max(1e-6, |grid|) inside the sphere. */
  griddingUpdate(a: args.GriddingUpdate): Promise<void>;
  /** estimate = 1 / max(weight, floor_s) by integer shell, the last one reused beyond; 1 where that is 0. */
  inverseWeight(a: args.InverseWeight): Promise<void>;
  /** Half transform of a `paddedBox` cube from data x estimate, centred by sign, 0 elsewhere. */
  insertData(a: args.InsertData): Promise<void>;
  /** The middle of a padded cube times `scale`. */
  cropMap(a: args.CropMap): Promise<void>;
  /** map /= sinc^2(r / paddedBox), in place. */
  correctGridding(a: args.CorrectGridding): Promise<void>;
  /** spectrum *= raised cosine from `low` to `high` (elements from the origin), in place; cube or square. */
  lowPass(a: args.LowPass): Promise<void>;
}

export interface Capabilities {
  /** What the device calls itself. */
  readonly device: string;
  /** Whether it is a processor that plays a graphics card. */
  readonly software: boolean;
  /** Most bytes of one buffer. */
  readonly maxBufferBytes: number;
  /** Bytes of the arena, and of the pieces that it consists of: no buffer crosses from one to the next. */
  readonly arenaBytes: number;
  readonly slabs: readonly number[];
  readonly workgroupBytes: number;
  readonly workgroupInvocations: number;
  readonly float16: boolean;
  readonly float64: boolean;
  readonly subgroups: boolean;
  /** By what transforms are computed and why, where there is a choice. */
  readonly transforms?: string;
}
