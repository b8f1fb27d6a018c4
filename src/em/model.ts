import type { RadialSsnr } from "./ssnr.js";

/** One reference and what is known of it. */
export interface ClassModel {
  /** box^3 voxels. */
  map: Float32Array | Float64Array;
  /** Share of the particles. */
  weight: number;
  /** Share of the particles by direction; sums to `weight`. */
  directions: Float64Array;
  radial: RadialSsnr & { readonly fsc: Float64Array };
  orientability: Float64Array;
  /** Degrees and Angstrom; 999 where they were not estimated. */
  accuracyRotations: number;
  accuracyTranslations: number;
  /** Angstrom. */
  estimatedResolution: number;
  completeness: number;
}

/** The model of an iteration: `run_itNNN_model.star` and the maps. */
export interface Model {
  readonly box: number;
  /** Angstrom. */
  readonly pixelSize: number;
  readonly padding: number;
  classes: ClassModel[];
  /** sigma2 of the noise by group and shell. */
  noise: Float64Array[];
  /** Intensity scale by group. */
  scale: Float64Array;
  averageNorm: number;
  /** Angstrom. */
  sigmaOffset: number;
  logLikelihood: number;
  averagePmax: number;
  /** 1 / Angstrom. */
  currentResolution: number;
  currentSize: number;
  /** Whether slices times CTF are compared with images: false only before the first reconstruction of such references. */
  ctfCorrected: boolean;
}
