import { readParticleSet } from "../../../src/app/refine/inputs.js";
import type { ParticleSet } from "../../../src/em/particles.js";
import { readImageBatches } from "../../../src/formats/batches.js";
import { firstNotFinite, openMrc } from "../../../src/formats/mrc/index.js";
import { blobSource } from "../../../src/formats/source.js";
import { MemoryFolder } from "./folder.js";
import { type GivenFile, GivenFiles, JobDisk } from "./given-files.js";
import { previewed } from "./preview.js";
import { profileDiameter, radialProfile } from "./size.js";

/** A STAR file of particles among what was given. */
export interface FoundParticles {
  readonly path: string;
  readonly count: number;
  readonly box: number;
  /** Angstrom. */
  readonly pixelSize: number;
  /** kV; undefined where the STAR file does not tell. */
  readonly voltage?: number;
  /** Whether defocus is known. */
  readonly ctf: boolean;
  readonly stacks: number;
  readonly missing: readonly string[];
  /** Angstrom, from the images; undefined where they do not tell. */
  readonly diameter?: number;
  /** Some of the images, with mean 0 and deviation 1. */
  readonly preview?: Float32Array;
}

export interface FoundMap {
  readonly path: string;
  readonly box: number;
  readonly pixelSize: number;
}

/** What the visitor's files hold. */
export interface Survey {
  readonly particles: readonly FoundParticles[];
  readonly maps: readonly FoundMap[];
  /** Volumes that are no cubes, or do not tell their pixel size. */
  readonly otherVolumes: number;
  /** STAR files that hold no particles that can be used, and why. */
  readonly problems: readonly { readonly path: string; readonly message: string }[];
  readonly bytes: number;
}

const isNamed = ({ path }: FoundParticles): boolean => /particles[^/]*$/i.test(path);

/** What a refinement wrote at its end comes after all iterations. */
const iterationOf = ({ path }: FoundParticles): number =>
  Number(/_it(\d+)_/.exec(path)?.[1] ?? Number.MAX_SAFE_INTEGER);

/** Maps that are looked at, so that a folder of thousands (micrographs are called alike) is not read through. */
const mostMaps = 64;

export async function surveyFiles(given: readonly GivenFile[]): Promise<Survey> {
  const disk = new JobDisk(new MemoryFolder(), new GivenFiles(given));
  const particles: FoundParticles[] = [];
  const problems: { path: string; message: string }[] = [];
  for (const { path } of given.filter((each) => /\.star$/i.test(each.path))) {
    try {
      particles.push(await particlesOf(disk, path));
    } catch (error) {
      problems.push({ path, message: error instanceof Error ? error.message : String(error) });
    }
  }
  const maps: FoundMap[] = [];
  let otherVolumes = 0;
  const boxes = new Set(particles.map(({ box }) => box));
  const fits = ({ file }: GivenFile) => Number([...boxes].some((box) => mayHold(file.size, box)));
  for (const { path, file } of given
    .filter((each) => /\.(mrc|map|ccp4)$/i.test(each.path))
    .sort((a, b) => fits(b) - fits(a))
    .slice(0, mostMaps)) {
    const map = await mapOf(path, file);
    if (map === "other") otherVolumes++;
    else if (map !== undefined) maps.push(map);
  }
  return {
    // The file with stacks that are there, of these the one with the most particles, or the one that is called so, or the newest iteration.
    particles: particles.sort(
      (a, b) =>
        a.missing.length - b.missing.length ||
        b.count - a.count ||
        Number(isNamed(b)) - Number(isNamed(a)) ||
        iterationOf(b) - iterationOf(a),
    ),
    maps,
    otherVolumes,
    problems,
    bytes: given.reduce((sum, { file }) => sum + file.size, 0),
  };
}

async function particlesOf(disk: JobDisk, path: string): Promise<FoundParticles> {
  const set = await readParticleSet(disk, path);
  const stacks = [...new Set(set.images.map((image) => image.path))];
  const missing: string[] = [];
  for (const stack of stacks) if (!(await disk.exists(stack.replace(/:mrcs?$/, "")))) missing.push(stack);
  const seen = missing.length === 0 ? await lookAt(disk, set) : {};
  return {
    path,
    count: set.count,
    box: set.box,
    pixelSize: set.pixelSize,
    ...(set.optics.has("rlnVoltage") && { voltage: set.ctf[0].voltage }),
    ctf: set.particles.has("rlnDefocusU"),
    stacks: stacks.length,
    missing,
    ...seen,
  };
}

/** Images that tell the size of the particles. */
const looked = 400;

async function lookAt(
  disk: JobDisk,
  { images, box, pixelSize, count }: ParticleSet,
): Promise<Pick<FoundParticles, "diameter" | "preview">> {
  const step = Math.max(1, Math.floor(count / looked));
  const some = images.filter((_, p) => p % step === 0).slice(0, looked);
  const profile = radialProfile(box);
  let preview: Float32Array | undefined;
  for await (const { pixels } of readImageBatches(some, (path) => disk.open(path), { batchSize: 50, box })) {
    for (let at = 0; at < pixels.length; at += box ** 2) {
      const image = pixels.subarray(at, at + box ** 2);
      // One that is spoilt says nothing about the others.
      if (firstNotFinite(image) < 0) profile.add(image);
    }
    preview ??= standardised(pixels.slice(0, previewed * box ** 2));
  }
  const diameter = profileDiameter(profile.variances(), pixelSize);
  return { ...(diameter !== undefined && { diameter }), ...(preview !== undefined && { preview }) };
}

/** Values with mean 0 and standard deviation 1, but for those that are no numbers. */
function standardised(values: Float32Array): Float32Array {
  const finite = values.filter(Number.isFinite);
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  const square = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / finite.length;
  return values.map((value) => (value - mean) / Math.sqrt(square || 1));
}

/** Whether a file has the size of a map, with at most so many bytes of extended header. */
function mayHold(bytes: number, box: number, extended = 2 ** 16): boolean {
  const rest = [1, 2, 4].map((voxel) => bytes - 1024 - voxel * box ** 3);
  return rest.some((extra) => extra >= 0 && extra <= extended);
}

async function mapOf(path: string, file: File): Promise<FoundMap | "other" | undefined> {
  try {
    const mrc = await openMrc(blobSource(file, path));
    await mrc.close();
    const { width, height, count, kind, pixelSize } = mrc;
    if (kind !== "volume" || count === 1) return undefined;
    if (width !== height || width !== count || pixelSize === undefined) return "other";
    return { path, box: width, pixelSize: pixelSize[0] };
  } catch {
    return undefined;
  }
}
