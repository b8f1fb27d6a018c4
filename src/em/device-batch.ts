import type { DeviceBuffer, LogPriors, ParticleBatch, PixelSet, Runtime } from "../runtime/contract.js";
import { put } from "../runtime/tables.js";
import type { ExpectationBatch } from "./expectation.js";
import type { HostBatch } from "./host-batch.js";
import { prepareImages } from "./images.js";
import type { IterationInput } from "./iteration.js";

/** Pixels of the three passes of an iteration; those of the sums may be those of the fine pass. */
export interface IterationPixels {
  readonly coarse: PixelSet;
  readonly fine: PixelSet;
  readonly sums: PixelSet;
}

/** What the batches of an iteration share on the device. */
export interface BatchTables {
  readonly pixels: IterationPixels;
  /** 1 / sigma2 by group and shell 0 .. box / 2. */
  readonly inverseNoise_gs: DeviceBuffer;
  /** Images of all particles, [particle][y][x], where they are on the device. */
  readonly images?: DeviceBuffer | undefined;
  /** Log priors of orientations, where those are the same for all particles; room for those of a batch's candidates. */
  readonly priors?: DeviceBuffer | undefined;
  readonly priorRoom: number;
}

/** Images, CTFs, weights and priors of a batch on the device, in the scope that is open; and the power of its images by shell. */
export async function deviceBatch(
  runtime: Runtime,
  { options, set: { box, pixelSize } }: IterationInput,
  tables: BatchTables,
  host: HostBatch,
): Promise<{ readonly batch: ExpectationBatch; readonly power_is: DeviceBuffer }> {
  const { count, noise } = host;
  const shells = box / 2 + 1;
  const group_i = put(runtime, "index", "groups", host.group_i);
  const parameters = put(runtime, "real", "ctf parameters", host.ctf);
  const power_is = runtime.alloc("real", "image power", count * shells);
  const noiseWeights = (pixels: PixelSet, zeroOrigin: boolean, out_ik: DeviceBuffer) =>
    runtime.spreadShells({
      table_gs: tables.inverseNoise_gs,
      shells,
      group_i,
      count,
      pixels,
      zeroOrigin,
      out_ik,
    });
  const batchOf = async (pixels: PixelSet): Promise<ParticleBatch> => {
    const ctf_ik = runtime.alloc("real", "ctf", count * pixels.count);
    await runtime.ctf({ parameters, count, pixels, ctf_ik });
    const weights_ik = runtime.alloc("real", "noise weights", count * pixels.count);
    await noiseWeights(pixels, true, weights_ik);
    const images_ik = runtime.alloc("complex", "images", count * pixels.count);
    return { count, pixels, ctf_ik, weights_ik, images_ik };
  };
  const coarse = await batchOf(tables.pixels.coarse);
  const fine = await batchOf(tables.pixels.fine);
  const sums = tables.pixels.sums === tables.pixels.fine ? fine : await batchOf(tables.pixels.sums);
  const { pixels } = sums;
  const viewCtf_ik =
    host.viewCtf === undefined ? sums.ctf_ik : runtime.alloc("real", "view ctf", count * pixels.count);
  if (host.viewCtf !== undefined)
    await runtime.ctf({
      parameters: put(runtime, "real", "view ctf parameters", host.viewCtf),
      count,
      pixels,
      ctf_ik: viewCtf_ik,
    });
  const unmasked_ik = runtime.alloc("complex", "images without mask", count * pixels.count);
  const sumWeights_ik = runtime.alloc("real", "noise weights of sums", count * pixels.count);
  await noiseWeights(pixels, false, sumWeights_ik);
  await prepareImages(runtime, {
    images: rawImages(runtime, host, tables),
    count,
    box,
    moves_i3: put(runtime, "index", "image moves", host.moves_i3),
    factor_i: put(runtime, "real", "norm factors", host.normFactor_i),
    mask: {
      radius: options.particleDiameter / (2 * pixelSize),
      width: options.maskEdge,
      ...(noise === undefined ? {} : { noise: put(runtime, "real", "noise images", noise) }),
    },
    masked: [...new Set([coarse, fine, sums])].map((batch) => ({
      pixels: batch.pixels,
      out: batch.images_ik,
    })),
    unmasked: { pixels, out: unmasked_ik },
    power_is,
  });
  const priors = {
    ...orientationPriors(runtime, host, tables),
    translation_it: put(runtime, "real", "translation priors", host.translation_it),
  };
  return { batch: { coarse, fine, sums, viewCtf_ik, unmasked_ik, sumWeights_ik, priors }, power_is };
}

function rawImages(runtime: Runtime, { images }: HostBatch, held: BatchTables): DeviceBuffer {
  if (images === undefined) {
    if (held.images === undefined) throw new Error("a batch without images");
    return held.images;
  }
  return put(runtime, "real", "raw images", images);
}

/** Log priors of all particles, of each, or room for those of candidates. */
function orientationPriors(
  runtime: Runtime,
  { orientation_io }: HostBatch,
  { priors, priorRoom }: BatchTables,
): Pick<LogPriors, "orientation_o" | "perParticle"> {
  if (priors !== undefined) return { orientation_o: priors, perParticle: false };
  const name = "orientation priors";
  return orientation_io === undefined
    ? { orientation_o: runtime.alloc("real", name, priorRoom), perParticle: false }
    : { orientation_o: put(runtime, "real", name, orientation_io), perParticle: true };
}
