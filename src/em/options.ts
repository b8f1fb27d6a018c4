import type { CoarseStrategy } from "../runtime/contract.js";

/** Options of a 3D classification or refinement, named as `relion_refine` names them; lengths in Angstrom unless told. */
export interface RefineOptions {
  readonly K: number;
  readonly iter: number;
  readonly tau2Fudge: number;
  readonly particleDiameter: number;
  /** Pixels. */
  readonly maskEdge: number;
  readonly zeroMask: boolean;
  readonly flattenSolvent: boolean;
  /** Voxels 0 to 1 of a mask to flatten with instead of a sphere; inside the second one the map becomes its own mean. */
  readonly solventMask?: ArrayLike<number>;
  readonly solventMask2?: ArrayLike<number>;
  /** FSC inside the solvent mask, corrected by phase randomisation (Chen et al. 2013, Ultramicroscopy 135:24). */
  readonly solventCorrectFsc: boolean;
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
  /** Degrees: searches around the angles that particles come with. */
  readonly sigmaRot?: number;
  readonly sigmaTilt?: number;
  readonly sigmaPsi?: number;
  readonly bimodalPsi: boolean;
  readonly skipAlign: boolean;
  readonly skipRotate: boolean;
  readonly skipMaximize: boolean;
  readonly allowCoarserSampling: boolean;
  readonly fastSubsets: boolean;
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
  /** Pixels. */
  readonly coarseSize?: number;
  readonly adaptiveFraction: number;
  readonly maxSig?: number;
  readonly strictHighresExp?: number;
  readonly strictLowresExp?: number;
  readonly fixSigmaNoise: boolean;
  readonly fixSigmaOffset: boolean;
  /** Automated refinement of two half sets. */
  readonly autoRefine: boolean;
  /** Up to this resolution the half sets share their data; 0 or less: they do not. */
  readonly lowResolJoinHalves: number;
  readonly autoLocalHealpixOrder: number;
  readonly autoIgnoreAngles: boolean;
  readonly autoResolAngles: boolean;
  readonly autoIterMax: number;
  readonly forceConverge: boolean;
  readonly randomSeed: number;
  /** For comparisons: add pixels and Angstrom in the translation prior, divide the mean image of all particles by twice a half set. */
  readonly relionQuirks: boolean;
  readonly gsd: CoarseStrategy;
}

/** Options as the method takes them: particles that keep their orientations are neither sampled more finely nor perturbed. */
export const methodOptions = (options: RefineOptions): RefineOptions =>
  options.skipAlign || options.skipRotate ? { ...options, oversampling: 0, perturb: 0 } : options;
