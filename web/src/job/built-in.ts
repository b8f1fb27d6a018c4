import type { Disk } from "../../../src/formats/source.js";
import { pointGroup } from "../../../src/geometry/symmetry.js";
import { type Dataset, writeDataset } from "../../../src/simulator/dataset.js";
import { modelDensity } from "../../../src/simulator/density.js";
import { proceduralMolecule } from "../../../src/simulator/molecule.js";
import type { SimulationPlan } from "../../../src/simulator/particles.js";
import { renderHere } from "../../../src/simulator/render.js";
import { inputFolder } from "./given-files.js";

/** The set that the page makes for a first visit. */
export const builtIn = {
  symmetry: "D2",
  /** Angstrom. */
  startResolution: 30,
  diameter: 170,
  plan: {
    seed: 1,
    count: 600,
    box: 64,
    pixelSize: 3.54,
    optics: [{ name: "opticsGroup1", voltage: 300, sphericalAberration: 2.7, amplitudeContrast: 0.1 }],
    classWeights: [1],
    continuous: false,
    micrographs: 12,
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

/** Particles of a molecule that never was, with a blurred map to start from. */
export function simulate(
  disk: Disk,
  plan: SimulationPlan,
  onProgress: (done: number, total: number) => void,
): Promise<Dataset> {
  const { symmetry, startResolution } = builtIn;
  const molecule = proceduralMolecule(pointGroup(symmetry), plan.seed);
  const map = modelDensity(molecule, plan.box, plan.pixelSize, 2 * plan.pixelSize);
  return writeDataset(plan, [map], {
    disk,
    folder: inputFolder,
    render: renderHere,
    mode: 2,
    stackSize: plan.count,
    startResolution,
    overwrite: true,
    onProgress,
  });
}
