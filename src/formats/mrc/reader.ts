import { FormatError, UserError } from "../../errors.js";
import { unpacked } from "../compression.js";
import { type ByteSource, readRange } from "../source.js";
import { decodeRows, isNativeFloat32 } from "./decode.js";
import {
  expectedBytes,
  headerBytes,
  type MrcHeader,
  type MrcMode,
  parseHeader,
  rowBytes,
  sectionBytes,
} from "./header.js";

/** Two-dimensional images one after another, or one map. */
export type MrcKind = "stack" | "volume";

/** Moments of the pixels. `rms` is the standard deviation; non-finite pixels are counted and left out of the rest. */
export interface PixelStatistics {
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly rms: number;
  readonly notFinite: number;
}

export interface OpenMrcOptions {
  /** What the file is; by default its name (`.mrcs`) and then its header decide. */
  readonly kind?: MrcKind;
  /** Packed files are unpacked into memory up to this size. Default 4 GiB - 1. */
  readonly maxUnpackedBytes?: number;
}

const chunkBytes = 1 << 22;

/** An MRC file that is open for reading. Values are float32, x fastest, then y, then z (or the image of a stack). */
export class MrcFile {
  constructor(
    private readonly source: ByteSource,
    readonly header: MrcHeader,
    readonly kind: MrcKind,
    /** Symmetry records of the extended header (maps of crystallographers and of EMDB). */
    readonly symmetryRecords: readonly string[],
  ) {}

  get name(): string {
    return this.source.name;
  }

  get mode(): MrcMode {
    return this.header.mode;
  }

  /** Pixels along x, y and z, after the axes were put in order. */
  get size(): [number, number, number] {
    const size: [number, number, number] = [0, 0, 0];
    for (const [index, axis] of this.header.axes.entries()) size[axis] = this.header.stored[index];
    return size;
  }

  get width(): number {
    return this.size[0];
  }

  get height(): number {
    return this.size[1];
  }

  /** Images of a stack, sections of a volume. */
  get count(): number {
    return this.size[2];
  }

  /** Angstrom a pixel along x, y and z; undefined where the header does not say. */
  get pixelSize(): [number, number, number] | undefined {
    const { cell, intervals } = this.header;
    const size = cell.map((length, axis) => length / intervals[axis]) as [number, number, number];
    const known = (value: number) => Number.isFinite(value) && value > 0;
    if (!known(size[0]) || !known(size[1])) return undefined;
    return known(size[2]) && this.kind === "volume" ? size : [size[0], size[1], size[0]];
  }

  /** Bytes behind the last pixel that the header does not account for. */
  get trailingBytes(): number {
    return this.source.size - expectedBytes(this.header);
  }

  /**
   * Images (or sections) `first` to `first + count - 1`, `count * width * height` values, into `out` where it is given. Reads
   * nothing else of the file, unless its axes are permuted in a way that scatters an image, which is refused.
   */
  async readImages(first: number, count: number, out?: Float32Array): Promise<Float32Array> {
    const total = this.header.stored[2];
    if (
      !Number.isSafeInteger(first) ||
      !Number.isSafeInteger(count) ||
      first < 0 ||
      count < 0 ||
      first + count > total
    )
      throw new UserError(
        `${this.name}: images ${first + 1} to ${first + count} asked for; the file has ${total}`,
      );
    if (this.header.axes[2] !== 2)
      throw new UserError(
        `${this.name}: its sections do not run along z, so single images cannot be read; read it as a volume`,
      );
    const pixels = this.header.stored[0] * this.header.stored[1];
    const target = out ?? new Float32Array(count * pixels);
    if (target.length < count * pixels)
      throw new RangeError(`${this.name}: ${count * pixels} values do not fit an array of ${target.length}`);
    await this.readSections(first, count, target);
    if (this.header.axes[0] === 1) {
      for (let image = 0; image < count; image++)
        transposeInPlace(target.subarray(image * pixels, (image + 1) * pixels), this.header.stored[0]);
    }
    return target;
  }

  /** All values, axes in order x, y, z. */
  async readVolume(): Promise<Float32Array> {
    const [columns, rows, sections] = this.header.stored;
    const { axes } = this.header;
    const stored = new Float32Array(columns * rows * sections);
    await this.readSections(0, sections, stored);
    if (axes.join() === "0,1,2") return stored;
    const out = new Float32Array(stored.length);
    const [width, height] = this.size;
    const strideOf = [1, width, width * height];
    const [dc, dr, ds] = axes.map((axis) => strideOf[axis]) as [number, number, number];
    let from = 0;
    for (let s = 0; s < sections; s++)
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < columns; c++) out[c * dc + r * dr + s * ds] = stored[from++];
    return out;
  }

  /** Reads every pixel. */
  async statistics(): Promise<PixelStatistics> {
    const pixels = this.header.stored[0] * this.header.stored[1];
    const batch = Math.max(1, Math.floor(chunkBytes / 4 / pixels));
    const values = new Float32Array(batch * pixels);
    let [minimum, maximum, sum, squares, finite, all] = [
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0,
      0,
      0,
      0,
    ];
    for (let first = 0; first < this.header.stored[2]; first += batch) {
      const count = Math.min(batch, this.header.stored[2] - first);
      await this.readSections(first, count, values);
      for (let i = 0; i < count * pixels; i++) {
        const value = values[i];
        if (!Number.isFinite(value)) continue;
        if (value < minimum) minimum = value;
        if (value > maximum) maximum = value;
        sum += value;
        squares += value * value;
        finite++;
      }
      all += count * pixels;
    }
    if (finite === 0)
      return { minimum: Number.NaN, maximum: Number.NaN, mean: Number.NaN, rms: Number.NaN, notFinite: all };
    const mean = sum / finite;
    return {
      minimum,
      maximum,
      mean,
      rms: Math.sqrt(Math.max(0, squares / finite - mean * mean)),
      notFinite: all - finite,
    };
  }

  close(): Promise<void> {
    return this.source.close();
  }

  private async readSections(first: number, count: number, out: Float32Array): Promise<void> {
    const { header } = this;
    const pixels = header.stored[0] * header.stored[1];
    const start = headerBytes + header.extendedBytes + first * sectionBytes(header);
    if (isNativeFloat32(header)) {
      await this.fill(new Uint8Array(out.buffer, out.byteOffset, count * pixels * 4), start);
      return;
    }
    const stride = rowBytes(header);
    const rows = count * header.stored[1];
    const step = Math.max(1, Math.floor(chunkBytes / stride));
    const raw = new Uint8Array(Math.min(step, rows) * stride);
    for (let row = 0; row < rows; row += step) {
      const part = raw.subarray(0, Math.min(step, rows - row) * stride);
      await this.fill(part, start + row * stride);
      decodeRows(header, part, out.subarray(row * header.stored[0]));
    }
  }

  private async fill(target: Uint8Array, offset: number): Promise<void> {
    const got = await this.source.readInto(target, offset);
    if (got < target.length)
      throw new FormatError(
        { file: this.name, byte: offset + got },
        "the file ended while it was read: it changed since it was opened",
      );
  }
}

/** Turn rows of `columns` values into columns. */
function transposeInPlace(values: Float32Array, columns: number): void {
  const rows = values.length / columns;
  const copy = values.slice();
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) values[c * rows + r] = copy[r * columns + c];
}

function kindOf(header: MrcHeader, name: string): MrcKind {
  const suffix = /:(mrcs?)$/.exec(name)?.[1];
  if (suffix !== undefined) return suffix === "mrcs" ? "stack" : "volume";
  if (/\.(mrcs|st)(\.gz|\.bz2)?$/i.test(name)) return "stack";
  return header.spaceGroup === 0 && header.intervals[2] === 1 && header.stored[2] > 1 ? "stack" : "volume";
}

/**
 * Open an MRC, MRCS or MAP file, packed with gzip or bzip2 or not. The header is checked against the size of the file before anything
 * is allocated. Throws `FormatError` for anything that cannot be read as it stands.
 */
export async function openMrc(source: ByteSource, options: OpenMrcOptions = {}): Promise<MrcFile> {
  const limit = options.maxUnpackedBytes ?? 2 ** 32 - 1;
  const plain = await unpacked(source, headerBytes, (head) => {
    const expected = expectedBytes(parseHeader(head, source.name));
    if (expected > limit)
      throw new FormatError(
        { file: source.name },
        `unpacks to ${expected} bytes and at most ${limit} are unpacked in memory`,
        "unpack it first (gunzip, bunzip2)",
      );
    return expected;
  });
  const header = parseHeader(await readRange(plain, 0, headerBytes), source.name);
  const expected = expectedBytes(header);
  if (plain.size < expected)
    throw new FormatError(
      { file: source.name, byte: plain.size },
      `truncated: ${header.stored.join(" x ")} pixels of mode ${header.mode} need ${expected} bytes and the file has ${plain.size}`,
      "copy it again",
    );
  if (header.spaceGroup === 401)
    throw new FormatError(
      { file: source.name, byte: 88 },
      "is a stack of volumes (space group 401), which is not read",
      "split it into volumes",
    );
  const records =
    header.spaceGroup > 0 &&
    header.extendedBytes % 80 === 0 &&
    ["", "CCP4", "MRCO"].includes(header.extendedType);
  const extended = records
    ? await readRange(plain, headerBytes, Math.min(header.extendedBytes, 1 << 20))
    : new Uint8Array();
  const symmetry = Array.from({ length: extended.length / 80 }, (_, i) =>
    new TextDecoder("latin1")
      .decode(extended.subarray(i * 80, i * 80 + 80))
      .replaceAll("\0", " ")
      .trim(),
  ).filter((line) => /^[-+*xyz0-9/, .]+$/i.test(line));
  return new MrcFile(plain, header, options.kind ?? kindOf(header, source.name), symmetry);
}
