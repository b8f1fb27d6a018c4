import { dirname, isAbsolute, join } from "node:path";
import { methodOptions, type RefineOptions } from "../../em/options.js";
import { type ParticleSet, particleSet } from "../../em/particles.js";
import { UserError } from "../../errors.js";
import { openMrc, splitKindSuffix } from "../../formats/mrc/index.js";
import type { Disk } from "../../formats/source.js";
import { hasOpticsGroups, parseImageName, upgradeParticles } from "../../formats/star/index.js";
import { angularStep } from "../../geometry/sampling.js";
import { pointGroup } from "../../geometry/symmetry.js";
import type { GivenOptions, RefineArguments, RefineFiles } from "./arguments.js";
import { readCube, readStarFile } from "./resume.js";

/** Particles of a STAR file of RELION 3.0 or later. */
export async function readParticleSet(disk: Disk, path: string): Promise<ParticleSet> {
  const file = await readStarFile(disk, path);
  if (hasOpticsGroups(file)) return particleSet(file);
  return particleSet(
    await upgradeParticles(file, async (name) => {
      const { path: stack } = splitKindSuffix(parseImageName(name).path);
      const beside = join(dirname(path), stack);
      const isBeside = !isAbsolute(stack) && !(await disk.exists(stack)) && (await disk.exists(beside));
      const image = await openMrc(await disk.open(isBeside ? beside : stack), { kind: "stack" });
      await image.close();
      return { size: image.width, dimensionality: 2 };
    }),
  );
}

const sizeTolerance = 0.001;

/**
 * The references of `--ref`: a map, or a STAR file that lists maps (rlnReferenceImage).
 * @throws UserError where box or pixel size differ from those of the particles.
 */
export async function readReferences(
  disk: Disk,
  path: string,
  { box, pixelSize }: ParticleSet,
  { refAngpix, trustRefSize }: Pick<RefineArguments, "refAngpix" | "trustRefSize">,
  K: number,
): Promise<Float32Array[]> {
  const names = path.endsWith(".star")
    ? (await readStarFile(disk, path)).blocks
        .find((block) => block.has("rlnReferenceImage"))
        ?.strings("rlnReferenceImage")
    : [path];
  if (names === undefined) throw new UserError(`${path}: has no column rlnReferenceImage`);
  if (names.length > 1 && names.length !== K)
    throw new UserError(`${path}: lists ${names.length} references for --K ${K}`);
  const maps: Float32Array[] = [];
  for (const name of names) {
    const found = await readCube(disk, name);
    const size = refAngpix ?? found.pixelSize;
    if (size === undefined || !(size > 0))
      throw new UserError(`${name}: the header has no pixel size; give it with --ref_angpix`);
    if (trustRefSize ? false : found.box !== box)
      throw new UserError(
        `${name}: a box of ${found.box} voxels, the particles have ${box} pixels; resample the map (relion_image_handler --new_box ${box} --rescale_angpix ${pixelSize})`,
      );
    if (found.box !== box)
      throw new UserError(
        `${name}: --trust_ref_size with another box (${found.box}, particles ${box}) is not done here`,
      );
    if (!trustRefSize && Math.abs(size - pixelSize) > sizeTolerance)
      throw new UserError(
        `${name}: a pixel size of ${size} A, the particles have ${pixelSize} A; correct the header, give --ref_angpix ${pixelSize}, or --trust_ref_size`,
      );
    maps.push(found.map);
  }
  return maps;
}

/** Bytes of the orientations of a search that tables on the host may take, and translations of a search. */
const mostOrientationBytes = 2 ** 33;
const mostTranslations = 1e5;

/** @throws UserError for a search that no memory holds, before its tables are made. */
function checkSearch(options: GivenOptions): void {
  const { healpixOrder, oversampling, psiStep, offsetRange, offsetStep } = options;
  const { sigmaRot = 0, sigmaTilt = 0, sigmaPsi = 0 } = options;
  const translations = Math.PI * (offsetRange / offsetStep) ** 2;
  if (translations > mostTranslations)
    throw new UserError(
      `--offset_range ${offsetRange} in steps of ${offsetStep}: ${translations.toFixed(0)} translations, at most ${mostTranslations} can be searched; use a smaller range or a larger --offset_step`,
    );
  const directions = (12 * 4 ** healpixOrder) / pointGroup(options.sym).operators.length;
  const orientations = (directions * 360) / (psiStep ?? angularStep(healpixOrder));
  const bytes = 72 * orientations * 8 ** oversampling;
  if (sigmaRot + sigmaTilt + sigmaPsi === 0 && bytes > mostOrientationBytes)
    throw new UserError(
      `--healpix_order ${healpixOrder} with --oversampling ${oversampling}: ${orientations.toFixed(0)} orientations are too many for a search of all of them; use a lower --healpix_order, or search locally with --sigma_ang`,
    );
}

/** Options with what comes from files and from the particles' size. */
export async function completeOptions(
  disk: Disk,
  given: GivenOptions,
  files: Pick<RefineFiles, "solventMask" | "solventMask2">,
  { box, pixelSize }: ParticleSet,
): Promise<RefineOptions> {
  checkSearch(given);
  const mask = async (path: string | undefined) => {
    if (path === undefined || path === "None") return undefined;
    const { map, box: side } = await readCube(disk, path);
    if (side !== box)
      throw new UserError(`${path}: a mask of ${side} voxels, the particles have ${box} pixels`);
    if (map.some((value) => value < 0 || value > 1))
      throw new UserError(`${path}: a mask has values from 0 to 1; this one does not`);
    return map;
  };
  const solventMask = await mask(files.solventMask);
  const solventMask2 = await mask(files.solventMask2);
  const particleDiameter = given.particleDiameter ?? (box - given.maskEdge) * pixelSize;
  if (particleDiameter > box * pixelSize)
    throw new UserError(
      `--particle_diameter ${particleDiameter}: the box is ${(box * pixelSize).toFixed(1)} A wide`,
    );
  if (given.iniHigh > 0 && given.iniHigh < 2 * pixelSize)
    throw new UserError(`--ini_high ${given.iniHigh}: beyond Nyquist, ${(2 * pixelSize).toFixed(2)} A`);
  return methodOptions({
    ...given,
    particleDiameter,
    ...(solventMask === undefined ? {} : { solventMask }),
    ...(solventMask2 === undefined ? {} : { solventMask2 }),
  });
}

/** Angstrom; measured defocus of single-particle data lies between. */
const usualDefocus = [2000, 30000] as const;

/** What looks wrong about the particles and can be told before any image is read. */
export function particleWarnings(set: ParticleSet, options: RefineOptions): string[] {
  const warnings: string[] = [];
  if (!options.ctf) return warnings;
  const defocus = Float64Array.from(set.ctf, ({ defocusU, defocusV }) => (defocusU + defocusV) / 2).sort();
  const middle = defocus[defocus.length >> 1];
  if (middle < usualDefocus[0] || middle > usualDefocus[1])
    warnings.push(
      `implausible defocus: half of the particles have more than ${middle.toFixed(0)} A, usual are ${usualDefocus.join(" to ")} A; check the CTF estimation`,
    );
  const voltage = 1000 * set.ctf[0].voltage;
  const wavelength = 12.2643247 / Math.sqrt(voltage * (1 + voltage * 0.978466e-6));
  const spread = (wavelength * middle) / (2 * set.pixelSize);
  if (spread > (set.box * set.pixelSize) / 2)
    warnings.push(
      `the CTF oscillates faster than the box can hold: at defocus ${middle.toFixed(0)} A the finest detail is spread over ${spread.toFixed(0)} A, the box reaches ${((set.box * set.pixelSize) / 2).toFixed(0)} A; larger boxes are needed, or the defocus is wrong`,
    );
  return warnings;
}
