import type { Disk } from "../../../src/formats/source.js";
import { pointGroup } from "../../../src/geometry/symmetry.js";
import { type Dataset, writeDataset } from "../../../src/simulator/dataset.js";
import { modelDensity } from "../../../src/simulator/density.js";
import { proceduralMolecule } from "../../../src/simulator/molecule.js";
import { ParticleRenderer, type SimulationPlan, signalScale } from "../../../src/simulator/particles.js";
import { renderChunk, renderHere } from "../../../src/simulator/render.js";
import { sliceSource } from "../../../src/simulator/slices.js";
import { builtIn } from "./built-in-facts.js";
import { inputFolder } from "./given-files.js";

const density = ({ seed, box, pixelSize }: SimulationPlan): Float32Array =>
  modelDensity(proceduralMolecule(pointGroup(builtIn.symmetry), seed), box, pixelSize, 2 * pixelSize);

/** The first `count` images, box x box values each. */
export function someImages(count: number): Float32Array {
  const { plan } = builtIn;
  const sources = [sliceSource(density(plan), plan.box)];
  const renderer = new ParticleRenderer(plan, sources, signalScale(plan, sources));
  return renderChunk(renderer, plan.box, { first: 0, count });
}

/** Particles of a molecule that never was, with a blurred map to start from. */
export function simulate(
  disk: Disk,
  plan: SimulationPlan,
  onProgress: (done: number, total: number) => void,
): Promise<Dataset> {
  return writeDataset(plan, [density(plan)], {
    disk,
    folder: inputFolder,
    render: renderHere,
    mode: 2,
    stackSize: plan.count,
    startResolution: builtIn.startResolution,
    overwrite: true,
    onProgress,
  });
}
