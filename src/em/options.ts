import type { CoarseStrategy } from "../runtime/contract.js";

/** Options of a 3D classification, as `relion_refine` names them (without dashes and in camel case); lengths in Angstrom unless told. */
export interface RefineOptions {
  readonly K: number;
  readonly iter: number;
  readonly tau2Fudge: number;
  readonly particleDiameter: number;
  /** Pixels. */
  readonly maskEdge: number;
  readonly zeroMask: boolean;
  readonly flattenSolvent: boolean;
  /** Voxels 0 to 1 of a mask to flatten with instead of a sphere. */
  readonly solventMask?: ArrayLike<number>;
  /** 0: none. */
  readonly iniHigh: number;
  readonly firstIterCc: boolean;
  readonly alwaysCc: boolean;
  /** Initial sigma of origin offsets. */
  readonly offset: number;
  readonly oversampling: number;
  readonly healpixOrder: number;
  readonly psiStep?: number;
  /** Pixels. */
  readonly offsetRange: number;
  readonly offsetStep: number;
  readonly sym: string;
  readonly limitTilt?: number;
  readonly perturb: number;
  readonly ctf: boolean;
  readonly ctfCorrectedRef: boolean;
  readonly ctfIntactFirstPeak: boolean;
  readonly ctfPhaseFlipped: boolean;
  readonly onlyFlipPhases: boolean;
  readonly norm: boolean;
  readonly scale: boolean;
  readonly pad: number;
  readonly skipGridding: boolean;
  readonly incrSize: number;
  readonly coarseSize?: number;
  readonly adaptiveFraction: number;
  readonly maxSig?: number;
  readonly strictHighresExp?: number;
  readonly fixSigmaNoise: boolean;
  readonly fixSigmaOffset: boolean;
  readonly randomSeed: number;
  /** Add pixels and Angstrom in the squared offset of the translation prior, as RELION 3.1 to 5 do. */
  readonly relionOffsetPrior: boolean;
  readonly gsd: CoarseStrategy;
}
