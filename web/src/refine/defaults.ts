import { sphereFile } from "../job/given-files.js";
import type { FoundMap, FoundParticles } from "../job/survey.js";
import type { Choices } from "../job/words.js";

/** What the visitor decides on; the rest of the choices comes from the files. */
export type SetupChoices = Omit<Choices, "particles" | "seed">;

/** Of a map that was given, Angstrom: features of domains, which hold for another map of the same molecule too. */
const usualStart = 40;
/** RELION's default of a classification. */
const usualIterations = 25;
/** Where several are asked for. */
const usualClasses = 3;
/** Pixels that a mask's edge takes on both sides. */
const maskEdges = 10;

/** What depends on the map to start from. A ball has no features: only its size is kept. */
export const startFor = (
  { pixelSize }: FoundParticles,
  reference: string,
  diameter: number,
): Pick<SetupChoices, "reference" | "startResolution"> => ({
  reference,
  startResolution: Math.max(
    Math.ceil(4 * pixelSize),
    reference === sphereFile ? Math.round(diameter / 3) : usualStart,
  ),
});

/** Choices that suit most data: what the particles and maps tell, and what is usual. */
export function defaultsFor(particles: FoundParticles, maps: readonly FoundMap[]): SetupChoices {
  const reference =
    maps.find(({ path }) => /ref|start|init/i.test(path))?.path ?? maps[0]?.path ?? sphereFile;
  const width = particles.box * particles.pixelSize;
  const diameter = particles.diameter ?? Math.floor(width - maskEdges * particles.pixelSize);
  return {
    ...startFor(particles, reference, diameter),
    diameter,
    symmetry: "C1",
    iterations: usualIterations,
    halves: true,
    classes: usualClasses,
    firstByCorrelation: true,
    ctf: particles.ctf,
    ctfCorrected: true,
    healpixOrder: 2,
  };
}
