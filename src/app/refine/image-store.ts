import { dirname, isAbsolute, join } from "node:path";
import type { ParticleSet } from "../../em/particles.js";
import type { ImageSource } from "../../em/refinement.js";
import { UserError } from "../../errors.js";
import { readImageBatches } from "../../formats/batches.js";
import { firstNotFinite, splitKindSuffix } from "../../formats/mrc/index.js";
import type { Disk } from "../../formats/source.js";
import type { ImageName } from "../../formats/star/index.js";

/** Batches of images in memory at a time: read ahead, at work, and on their way. */
export const imagesInFlight = 3;
/** Batches that are read ahead. */
const ahead = 1;

/**
 * Particle images from their stacks, read ahead of the work; kept in memory after the first pass where all of them take no more than
 * `keepBytes`. Stacks are looked for from the working folder and from that of the STAR file.
 */
export class ImageStore implements ImageSource {
  private readonly kept: Float32Array | undefined;
  private readonly isKept: Uint8Array;
  /**
   * Images with pixels that are not finite, images that are constant, and images of which the background is not normalised: position in the
   * set.
   */
  readonly notFinite: number[] = [];
  readonly constant: number[] = [];
  readonly notNormalised: number[] = [];
  /** Standard deviation of the background of each image; 0 where there is none, or it was not read. */
  readonly deviation: Float64Array;
  private readonly background: Uint32Array;

  private constructor(
    private readonly disk: Disk,
    private readonly set: ParticleSet,
    private readonly names: readonly ImageName[],
    keepBytes: number,
    radius: number,
  ) {
    this.background = outside(set.box, radius);
    this.deviation = new Float64Array(set.count);
    const pixels = set.count * set.box ** 2;
    this.kept = ImageStore.keeps(set, keepBytes) ? new Float32Array(pixels) : undefined;
    this.isKept = new Uint8Array(set.count);
  }

  /**
   * `radius`: that of the particles in pixels; outside is background.
   * @throws UserError where stacks are missing
   */
  static async open(
    disk: Disk,
    set: ParticleSet,
    starFile: string,
    keepBytes: number,
    radius: number,
  ): Promise<ImageStore> {
    const names = await locateStacks(disk, set, starFile);
    return new ImageStore(disk, set, names, keepBytes, radius);
  }

  /** Whether all images stay in memory. */
  static keeps(set: ParticleSet, keepBytes: number): boolean {
    return 4 * set.count * set.box ** 2 <= keepBytes;
  }

  /** Host memory of images, bytes, with batches of `size`. */
  static bytes(set: ParticleSet, size: number, keepBytes: number): number {
    const all = ImageStore.keeps(set, keepBytes) ? 4 * set.count * set.box ** 2 : 0;
    return all + imagesInFlight * 4 * size * set.box ** 2;
  }

  async *batches(particles: readonly number[], size: number) {
    const { disk, set, kept, isKept } = this;
    const area = set.box ** 2;
    if (kept !== undefined && particles.every((p) => isKept[p] === 1)) {
      let gathered: Float32Array | undefined;
      for (let first = 0; first < particles.length; first += size) {
        const some = particles.slice(first, first + size);
        if (some.every((p, i) => p === some[0] + i)) {
          yield { particles: some, images: kept.subarray(some[0] * area, (some[0] + some.length) * area) };
          continue;
        }
        gathered ??= new Float32Array(Math.min(size, particles.length) * area);
        const images = gathered.subarray(0, some.length * area);
        for (const [i, p] of some.entries()) images.set(kept.subarray(p * area, (p + 1) * area), i * area);
        yield { particles: some, images };
      }
      return;
    }
    const names = particles.map((p) => this.names[p]);
    for await (const { first, count, pixels } of readImageBatches(names, (path) => disk.open(path), {
      batchSize: size,
      ahead,
      box: set.box,
    })) {
      const some = particles.slice(first, first + count);
      for (const [i, p] of some.entries()) {
        const image = pixels.subarray(i * area, (i + 1) * area);
        if (isKept[p] === 0) this.examine(p, image);
        isKept[p] = 1;
        kept?.set(image, p * area);
      }
      yield { particles: some, images: pixels };
    }
  }

  private examine(particle: number, image: Float32Array): void {
    const [first] = image;
    const finite = firstNotFinite(image) < 0;
    const constant = finite && image.every((value) => value === first);
    if (!finite) this.notFinite.push(particle);
    else if (constant) this.constant.push(particle);
    if (!finite || constant || this.background.length < 2) return;
    const [mean, deviation] = moments(image, this.background);
    this.deviation[particle] = deviation;
    if (!isNormalised(mean, deviation)) this.notNormalised.push(particle);
  }
}

/** Pixels of an image beyond a radius. */
function outside(box: number, radius: number): Uint32Array {
  const pixels: number[] = [];
  for (let y = 0; y < box; y++)
    for (let x = 0; x < box; x++)
      if ((x - box / 2) ** 2 + (y - box / 2) ** 2 > Math.round(radius) ** 2) pixels.push(y * box + x);
  return Uint32Array.from(pixels);
}

/** Mean and standard deviation of some pixels. */
function moments(image: Float32Array, pixels: Uint32Array): [number, number] {
  const shift = image[pixels[0]];
  let [sum, squares] = [0, 0];
  for (let n = 0; n < pixels.length; n++) {
    const difference = image[pixels[n]] - shift;
    sum += difference;
    squares += difference * difference;
  }
  const offset = sum / pixels.length;
  return [shift + offset, Math.sqrt(Math.max(0, squares - sum * offset) / (pixels.length - 1))];
}

/** RELION's test of a background that should have mean 0 and standard deviation 1. */
const isNormalised = (mean: number, deviation: number): boolean =>
  Math.abs(mean) <= 0.5 * deviation && deviation >= 0.5 && deviation <= 2;

/**
 * Names of the images with the paths of their stacks.
 * @throws UserError where stacks are missing
 */
export async function locateStacks(disk: Disk, set: ParticleSet, starFile: string): Promise<ImageName[]> {
  const folder = dirname(starFile);
  const located = new Map<string, string>();
  const missing: string[] = [];
  for (const { path } of set.images) {
    if (located.has(path)) continue;
    const { path: file } = splitKindSuffix(path);
    const beside = join(folder, file);
    const places = isAbsolute(file) ? [file] : [file, beside];
    let found: string | undefined;
    for (const place of places) if (found === undefined && (await disk.exists(place))) found = place;
    if (found === undefined) missing.push(path);
    located.set(path, path.replace(file, found ?? file));
  }
  if (missing.length > 0)
    throw new UserError(
      `${starFile}: ${missing.length} of ${located.size} stacks are not there, such as ${missing[0]}; run from the folder that the names are relative to, or put the stacks back`,
    );
  return set.images.map((name) => ({ ...name, path: located.get(name.path) as string }));
}
