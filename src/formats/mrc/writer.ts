import { UserError } from "../../errors.js";
import type { ByteSink } from "../source.js";
import { toHalf } from "./float16.js";
import { headerBytes } from "./header.js";
import { Moments, type PixelStatistics } from "./moments.js";
import type { MrcKind } from "./reader.js";

export interface CreateMrcOptions {
  readonly kind: MrcKind;
  readonly width: number;
  readonly height: number;
  /** Images of a stack, sections of a volume. */
  readonly count: number;
  /** 2: float32, 12: float16. */
  readonly mode: 2 | 12;
  /** Angstrom a pixel. */
  readonly pixelSize: number;
  /** Position of the first pixel in Angstrom along x, y, z. Default 0, 0, 0. */
  readonly origin?: readonly [number, number, number];
  /** Up to 80 ASCII characters. */
  readonly label?: string;
  /** Those of all pixels, where they are known; else they are taken on the way. */
  readonly statistics?: PixelStatistics;
}

/** An MRC file that is being written image by image (section by section). */
export class MrcWriter {
  private written = 0;
  private readonly moments = new Moments();

  constructor(
    private readonly sink: ByteSink,
    private readonly options: CreateMrcOptions,
  ) {}

  /**
   * Append one or more whole images, `width * height` values each. Throws `UserError` for values that float16 cannot hold and
   * `RangeError` for more images than were promised; nothing is written then.
   */
  async write(pixels: Float32Array): Promise<void> {
    const { width, height, count, mode } = this.options;
    const images = pixels.length / (width * height);
    if (!Number.isInteger(images) || this.written + images > count)
      throw new RangeError(
        `${this.sink.name}: ${pixels.length} values do not continue a stack of ${count} images of ${width} x ${height}`,
      );
    const bytes =
      mode === 2 ? new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength) : this.halves(pixels);
    const writing = this.sink.write(bytes);
    if (this.options.statistics === undefined) this.moments.add(pixels);
    await writing;
    this.written += images;
  }

  /** Complete the header and commit the sink. When images are missing the sink is aborted and a `RangeError` thrown. */
  async finish(): Promise<void> {
    const { count } = this.options;
    if (this.written !== count) {
      await this.sink.abort();
      throw new RangeError(`${this.sink.name}: ${this.written} of ${count} images were written`);
    }
    const { minimum, maximum, mean, rms } = this.options.statistics ?? this.moments.result();
    // MRC2014 marks statistics that are not known by a maximum below the minimum, a mean below both and a negative rms.
    const known = !Number.isNaN(mean);
    await this.sink.patch(floatBytes(...(known ? [minimum, maximum, mean] : [0, -1, -2])), 76);
    await this.sink.patch(floatBytes(known ? rms : -1), 216);
    await this.sink.commit();
  }

  /** Give up: nothing appears under the name of the file. */
  abort(): Promise<void> {
    return this.sink.abort();
  }

  private halves(pixels: Float32Array): Uint8Array {
    const { width, height } = this.options;
    const out = new Uint16Array(pixels.length);
    for (let i = 0; i < pixels.length; i++) {
      out[i] = toHalf(pixels[i]);
      if ((out[i] & 0x7fff) === 0x7c00 && Number.isFinite(pixels[i]))
        throw new UserError(
          `${this.sink.name}: image ${this.written + Math.floor(i / (width * height)) + 1} holds ${pixels[i]}, which float16 (up to 65,504) cannot; write float32`,
        );
    }
    return new Uint8Array(out.buffer);
  }
}

function floatBytes(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (const [index, value] of values.entries()) view.setFloat32(index * 4, value, true);
  return new Uint8Array(view.buffer);
}

/**
 * Start an MRC file with the header that RELION writes (little endian, axes 1 2 3, start 0, space group 0; stacks: MZ 1, cell length
 * 0 along z), but for the label and the format version, which MRC2014 wants as 20140. The statistics in the header are set by
 * `finish`: of the values given, before rounding to float16 and without non-finite ones. A little-endian machine is assumed, as
 * everywhere in WebAssembly and WebGPU.
 */
export async function createMrc(sink: ByteSink, options: CreateMrcOptions): Promise<MrcWriter> {
  const { width, height, count, mode, pixelSize, kind, origin = [0, 0, 0], label = "CryoTile" } = options;
  for (const [name, size] of Object.entries({ width, height, count }))
    if (!Number.isSafeInteger(size) || size < 1 || size > 0x7fffffff)
      throw new RangeError(`${sink.name}: ${name} is ${size}; a whole number from 1 to 2^31-1 was expected`);
  if (!(Number.isFinite(pixelSize) && pixelSize > 0))
    throw new RangeError(`${sink.name}: the pixel size is ${pixelSize}; a positive number was expected`);
  const view = new DataView(new ArrayBuffer(headerBytes));
  const ints = (word: number, ...values: number[]) => {
    for (const [index, value] of values.entries()) view.setInt32((word - 1 + index) * 4, value, true);
  };
  const floats = (word: number, ...values: number[]) => {
    for (const [index, value] of values.entries()) view.setFloat32((word - 1 + index) * 4, value, true);
  };
  ints(1, width, height, count, mode);
  ints(8, width, height, kind === "stack" ? 1 : count);
  floats(11, width * pixelSize, height * pixelSize, kind === "stack" ? 0 : count * pixelSize, 90, 90, 90);
  ints(17, 1, 2, 3);
  ints(28, 20140);
  floats(50, ...origin);
  const header = new Uint8Array(view.buffer);
  header.set(new TextEncoder().encode("MAP "), 208);
  header.set([0x44, 0x41, 0, 0], 212);
  ints(56, 1);
  header.set(new TextEncoder().encode(label).subarray(0, 80), 224);
  await sink.write(header);
  return new MrcWriter(sink, options);
}
