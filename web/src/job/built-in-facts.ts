import type { SimulationPlan } from "../../../src/simulator/particles.js";
import { inputFolder } from "./given-files.js";
import type { Choices } from "./words.js";

/** The set that the page makes for a first visit. */
export const builtIn = {
  symmetry: "D2",
  /** Angstrom. */
  startResolution: 30,
  diameter: 170,
  plan: {
    seed: 1,
    count: 1000,
    box: 64,
    pixelSize: 3.54,
    optics: [{ name: "opticsGroup1", voltage: 300, sphericalAberration: 2.7, amplitudeContrast: 0.1 }],
    classWeights: [1],
    continuous: false,
    micrographs: 20,
    defocus: [10000, 25000],
    astigmatism: 500,
    bFactor: 0,
    phaseShift: 0,
    applyCtf: true,
    offsetSigma: 4,
    scaleSigma: 0.05,
    snr: 0.1,
    colouredShare: 0.1,
    correlationLength: 20,
    diameter: 170,
  } satisfies SimulationPlan,
} as const;

/** What a first visit refines with. */
export const builtInChoices: Choices = {
  particles: `${inputFolder}/particles.star`,
  reference: `${inputFolder}/ref_lp${builtIn.startResolution}.mrc`,
  diameter: builtIn.diameter,
  symmetry: builtIn.symmetry,
  iterations: 9,
  halves: true,
  classes: 1,
  startResolution: builtIn.startResolution,
  firstByCorrelation: true,
  ctf: true,
  ctfCorrected: true,
  healpixOrder: 1,
  seed: 1,
};
