import { forEachPixel, shellOf } from "../geometry/fourier.js";
import type { DeviceBuffer, PixelSet, Runtime } from "../runtime/contract.js";
import { maskScratch } from "../runtime/tables.js";

/** A soft circle around the particle, pixels. */
export interface ParticleMask {
  readonly radius: number;
  readonly width: number;
  /** Noise images that fill what is outside; without them the background's mean does. */
  readonly noise?: DeviceBuffer;
}

export interface PrepareImages {
  /** Images as read, these and maybe others: real [image][y][x]. */
  readonly images: DeviceBuffer;
  readonly count: number;
  readonly box: number;
  /** Which image, and the whole pixels by which its content moves (x, y); and factors of the normalisation. */
  readonly moves_i3: DeviceBuffer;
  readonly factor_i: DeviceBuffer;
  readonly mask: ParticleMask;
  /** Pixel sets to fill from the masked images, and from the images without mask. */
  readonly masked: readonly { readonly pixels: PixelSet; readonly out: DeviceBuffer }[];
  readonly unmasked?: { readonly pixels: PixelSet; readonly out: DeviceBuffer };
  /** Power of the masked images by shell, Friedel mates once: [i][box / 2 + 1]. */
  readonly power_is?: DeviceBuffer;
}

/**
 * Images to Fourier pixels: moved by the rounded old offset, normalised, transformed, masked and transformed again, cropped and centred
 * (Scheres 2012, J Struct Biol 180:519). Work buffers come from the scope that is open.
 */
export async function prepareImages(runtime: Runtime, a: PrepareImages): Promise<void> {
  const { count, box, mask } = a;
  const shape = [box, box];
  const moved = runtime.alloc("real", "moved images", count * box * box);
  const spectra = runtime.alloc("complex", "image transforms", count * box * (Math.floor(box / 2) + 1));
  const scratch = runtime.alloc("real", "mask sums", maskScratch(shape, count));
  const fft = runtime.makeFft(shape, count);
  await runtime.shiftImages({ ...a, out: moved });
  if (a.unmasked !== undefined) {
    await runtime.forwardFft(fft, moved, spectra);
    await runtime.packPixels({ spectra, box, count, pixels: a.unmasked.pixels, packed_ik: a.unmasked.out });
  }
  await runtime.softMask({ values: moved, shape, count, ...mask, scratch });
  await runtime.forwardFft(fft, moved, spectra);
  if (a.power_is !== undefined)
    await runtime.shellPower({ spectra, box, count, friedel: "once", power_is: a.power_is });
  for (const { pixels, out } of a.masked)
    await runtime.packPixels({ spectra, box, count, pixels, packed_ik: out });
}

/** Elements of each shell 0 .. box / 2 of a half transform, both Friedel mates of x = 0 counted. */
export function shellElements(box: number): Float64Array {
  const counts = new Float64Array(Math.floor(box / 2) + 1);
  forEachPixel(box, box, (x, y) => {
    const shell = shellOf(x, y);
    if (shell < counts.length) counts[shell]++;
  });
  return counts;
}

/**
 * Noise spectra before the first iteration: half the mean power of the images of each group, less half the power of the mean image of all
 * groups, a component and pixel. Shells that come out negative take the one before, or the next positive one.
 */
export class InitialNoise {
  private readonly sums: Float64Array[];
  private readonly members: number[];
  private readonly mean: Float64Array;
  private total = 0;

  constructor(
    private readonly runtime: Runtime,
    private readonly box: number,
    groups: number,
    /** Applied with the background's mean; undefined leaves the images as they are. */
    private readonly mask: ParticleMask | undefined,
  ) {
    this.sums = Array.from({ length: groups }, () => new Float64Array(Math.floor(box / 2) + 1));
    this.members = new Array<number>(groups).fill(0);
    this.mean = new Float64Array(box * box);
  }

  /** Add images [i][y][x] with the group of each. */
  async add(images: Float32Array, group_i: ArrayLike<number>): Promise<void> {
    const size = this.box * this.box;
    const { mean } = this;
    const power = await this.powers(images, group_i.length);
    const shells = Math.floor(this.box / 2) + 1;
    for (let i = 0; i < group_i.length; i++) {
      for (let s = 0; s < shells; s++) this.sums[group_i[i]][s] += power[i * shells + s];
      const image = images.subarray(i * size, (i + 1) * size);
      for (let at = 0; at < size; at++) mean[at] += image[at];
      this.members[group_i[i]]++;
      this.total++;
    }
  }

  /** sigma2 by group and shell. `meanShare` is the part of the mean image's power that a group leaves out. */
  async finish(meanShare: (group: number) => number = () => 1): Promise<Float64Array[]> {
    const elements = shellElements(this.box);
    const ofMean = await this.powers(
      this.mean.map((sum) => sum / this.total),
      1,
    );
    const all = elements.map((_, s) => this.sums.reduce((total, sum) => total + sum[s], 0));
    return this.sums.map((sum, group) => {
      // A group without particles in a half set takes the mean of all.
      const share = meanShare(group);
      const [own, members] = this.members[group] > 0 ? [sum, this.members[group]] : [all, this.total];
      const sigma2 = own.map((power, s) => (power / members - share * ofMean[s]) / (2 * elements[s]));
      for (let s = 0; s < sigma2.length; s++) {
        if (sigma2[s] >= 0) continue;
        const next = sigma2.slice(s).find((value) => value > 0) ?? 0;
        sigma2[s] = s > 0 && sigma2[s - 1] > 0 ? sigma2[s - 1] : next;
      }
      return sigma2;
    });
  }

  /** Power of images by shell: [i][s]. The mask is linear, so that of the mean is the mean of the masked images. */
  private async powers(images: ArrayLike<number>, count: number): Promise<ArrayLike<number>> {
    const { runtime, box, mask } = this;
    const shape = [box, box];
    runtime.push("job");
    try {
      const values = runtime.alloc("real", "images", count * box * box);
      runtime.upload(values, images);
      if (mask !== undefined) {
        const scratch = runtime.alloc("real", "mask sums", maskScratch(shape, count));
        await runtime.softMask({ values, shape, count, ...mask, scratch });
      }
      const spectra = runtime.alloc("complex", "image transforms", count * box * (Math.floor(box / 2) + 1));
      await runtime.forwardFft(runtime.makeFft(shape, count), values, spectra);
      const power_is = runtime.alloc("real", "powers", count * (Math.floor(box / 2) + 1));
      await runtime.shellPower({ spectra, box, count, friedel: "twice", power_is });
      return await runtime.download(power_is);
    } finally {
      runtime.pop("job");
    }
  }
}
