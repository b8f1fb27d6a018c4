import { UserError } from "../../errors.js";
import type { ByteSink } from "../source.js";
import { toHalf } from "./float16.js";
import { headerBytes } from "./header.js";
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
  readonly label?: string;
}

/** An MRC file that is being written image by image (section by section). */
export class MrcWriter {
  private written = 0;
  private minimum = Number.POSITIVE_INFINITY;
  private maximum = Number.NEGATIVE_INFINITY;
  private sum = 0;
  private squares = 0;

  constructor(
    private readonly sink: ByteSink,
    private readonly options: CreateMrcOptions,
  ) {}

  /** Append one or more whole images, `width * height` values each. Throws `UserError` for values that float16 cannot hold. */
  async write(pixels: Float32Array): Promise<void> {
    const { width, height, count, mode } = this.options;
    const images = pixels.length / (width * height);
    if (!Number.isInteger(images) || this.written + images > count)
      throw new RangeError(
        `${this.sink.name}: ${pixels.length} values do not continue a stack of ${count} images of ${width} x ${height}`,
      );
    for (const value of pixels) {
      if (value < this.minimum) this.minimum = value;
      if (value > this.maximum) this.maximum = value;
      this.sum += value;
      this.squares += value * value;
    }
    await this.sink.write(
      mode === 2 ? new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength) : this.halves(pixels),
    );
    this.written += images;
  }

  /** Complete the header and commit the sink. Throws when images are missing. */
  async finish(): Promise<void> {
    const { width, height, count } = this.options;
    if (this.written !== count)
      throw new RangeError(`${this.sink.name}: ${this.written} of ${count} images were written`);
    const n = width * height * count;
    const mean = this.sum / n;
    const rms = Math.sqrt(Math.max(0, this.squares / n - mean * mean));
    const view = new DataView(new ArrayBuffer(12));
    for (const [index, value] of [this.minimum, this.maximum, mean].entries())
      view.setFloat32(index * 4, value, true);
    await this.sink.patch(new Uint8Array(view.buffer), 76);
    view.setFloat32(0, rms, true);
    await this.sink.patch(new Uint8Array(view.buffer, 0, 4), 216);
    await this.sink.commit();
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

/**
 * Start an MRC file with the header that RELION writes (little endian, axes 1 2 3, start and origin 0; stacks: MZ 1, cell length 0
 * along z). The statistics in the header are set by `finish`. A little-endian machine is assumed, as everywhere in WebAssembly
 * and WebGPU.
 */
export async function createMrc(sink: ByteSink, options: CreateMrcOptions): Promise<MrcWriter> {
  const { width, height, count, mode, pixelSize, kind } = options;
  for (const [name, size] of Object.entries({ width, height, count }))
    if (!Number.isSafeInteger(size) || size < 1 || size > 0x7fffffff)
      throw new RangeError(`${sink.name}: ${name} is ${size}; a whole number from 1 to 2^31-1 was expected`);
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
  const label = options.label ?? "CryoTile";
  const header = new Uint8Array(view.buffer);
  header.set(new TextEncoder().encode("MAP "), 208);
  header.set([0x44, 0x41, 0, 0], 212);
  ints(28, 20140);
  ints(56, 1);
  header.set(new TextEncoder().encode(label).subarray(0, 80), 224);
  await sink.write(header);
  return new MrcWriter(sink, options);
}
