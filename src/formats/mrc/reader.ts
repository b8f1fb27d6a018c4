import { FormatError, UserError } from "../../errors.js";
import { unpacked } from "../compression.js";
import { type ByteSource, readRange } from "../source.js";
import { decodeRows, orderFloats } from "./decode.js";
import { expectedBytes, headerBytes, type MrcHeader, type MrcMode, parseHeader, rowBytes } from "./header.js";
import { Moments, type PixelStatistics } from "./moments.js";

/** Two-dimensional images one after another, or one map. */
export type MrcKind = "stack" | "volume";

export interface OpenMrcOptions {
  /** What the file is; by default its name (`.mrcs`) and then its header decide. */
  readonly kind?: MrcKind;
  /** Packed files are unpacked into memory up to this size. Default 4 GiB - 1. */
  readonly maxUnpackedBytes?: number;
  /** Throw `FormatError` for images with NaN or infinite pixels; by default they are returned as they are. */
  readonly refuseNonFinite?: boolean;
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
    private readonly refuseNonFinite: boolean,
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
    const target = out ?? floats(count * pixels, this.name);
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
    const stored = floats(columns * rows * sections, this.name);
    await this.readSections(0, sections, stored);
    if (axes.join() === "0,1,2") return stored;
    const out = floats(stored.length, this.name);
    const [width, height] = this.size;
    const strideOf = [1, width, width * height];
    const [dc, dr, ds] = axes.map((axis) => strideOf[axis]) as [number, number, number];
    let from = 0;
    for (let s = 0; s < sections; s++)
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < columns; c++) out[c * dc + r * dr + s * ds] = stored[from++];
    return out;
  }

  /** Reads every pixel, a few MB at a time. */
  async statistics(): Promise<PixelStatistics> {
    const [columns, rows, sections] = this.header.stored;
    const batch = Math.max(1, Math.min(rows * sections, Math.floor(chunkBytes / 4 / columns)));
    const values = new Float32Array(batch * columns);
    const moments = new Moments();
    for (let row = 0; row < rows * sections; row += batch) {
      const count = Math.min(batch, rows * sections - row);
      await this.readRows(row, count, values);
      moments.add(values.subarray(0, count * columns));
    }
    return moments.result();
  }

  close(): Promise<void> {
    return this.source.close();
  }

  private async readSections(first: number, count: number, out: Float32Array): Promise<void> {
    const [columns, rows] = this.header.stored;
    await this.readRows(first * rows, count * rows, out);
    if (!this.refuseNonFinite) return;
    for (let i = 0; i < count * rows * columns; i++)
      if (!Number.isFinite(out[i])) {
        const image = first + Math.floor(i / (rows * columns));
        throw new FormatError(
          { file: this.name },
          `image ${image + 1} has a pixel that is ${out[i]} (column ${(i % columns) + 1}, row ${(Math.floor(i / columns) % rows) + 1})`,
          "remove the image or make it again",
        );
      }
  }

  /** Rows `first` to `first + rows - 1`, counted through all sections. */
  private async readRows(first: number, rows: number, out: Float32Array): Promise<void> {
    const { header } = this;
    const columns = header.stored[0];
    const stride = rowBytes(header);
    const start = headerBytes + header.extendedBytes + first * stride;
    if (header.mode === 2) {
      await this.fill(new Uint8Array(out.buffer, out.byteOffset, rows * stride), start);
      orderFloats(header, out.subarray(0, rows * columns));
      return;
    }
    const step = Math.max(1, Math.floor(chunkBytes / stride));
    const raw = new Uint8Array(Math.min(step, rows) * stride);
    for (let row = 0; row < rows; row += step) {
      const part = raw.subarray(0, Math.min(step, rows - row) * stride);
      await this.fill(part, start + row * stride);
      decodeRows(header, part, out.subarray(row * columns));
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

/** An array of `length` values; `UserError` where the machine does not give that much memory at once. */
function floats(length: number, file: string): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(length);
  } catch (cause) {
    throw new UserError(
      `${file}: ${length} values (${(length / 2 ** 28).toFixed(1)} GiB) do not fit into one array here; read fewer images at once`,
      { cause },
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

/** A path as RELION takes it, where `:mrc` or `:mrcs` behind the name of a file says what the file is. */
export function splitKindSuffix(path: string): { path: string; kind?: MrcKind } {
  const match = /^(.+):mrc(s?)$/.exec(path);
  if (match === null) return { path };
  return { path: match[1] as string, kind: match[2] === "s" ? "stack" : "volume" };
}

function kindOf(header: MrcHeader, name: string): MrcKind {
  const { path, kind } = splitKindSuffix(name);
  if (kind !== undefined) return kind;
  if (/\.(mrcs|st)(\.gz|\.bz2)?$/i.test(path)) return "stack";
  return header.spaceGroup === 0 && header.intervals[2] === 1 && header.stored[2] > 1 ? "stack" : "volume";
}

/** The text records of 80 characters that some programs keep symmetry operators in; other lines are left out. */
async function readSymmetry(source: ByteSource, header: MrcHeader): Promise<string[]> {
  const { spaceGroup, extendedBytes, extendedType } = header;
  if (spaceGroup < 1 || extendedBytes % 80 !== 0 || !["", "CCP4", "MRCO"].includes(extendedType)) return [];
  const bytes = await readRange(source, headerBytes, Math.min(extendedBytes, 80 * 1024));
  const text = new TextDecoder("latin1").decode(bytes).replaceAll("\0", " ");
  return Array.from({ length: text.length / 80 }, (_, i) => text.slice(i * 80, i * 80 + 80).trim()).filter(
    (line) => /^[-+*xyz0-9/, .]+$/i.test(line),
  );
}

async function openPlain(source: ByteSource, options: OpenMrcOptions): Promise<MrcFile> {
  const plain = await unpacked(source, {
    headBytes: headerBytes,
    sizeOf: (head) => expectedBytes(parseHeader(head, source.name)),
    limit: options.maxUnpackedBytes ?? 2 ** 32 - 1,
  });
  const header = parseHeader(await readRange(plain, 0, headerBytes), source.name);
  const expected = expectedBytes(header);
  if (plain.size < expected) {
    const extended =
      header.extendedBytes > 0 ? ` behind ${header.extendedBytes} bytes of extended header` : "";
    throw new FormatError(
      { file: source.name, byte: plain.size },
      `truncated: ${header.stored.join(" x ")} pixels of mode ${header.mode}${extended} need ${expected} bytes and the file has ${plain.size}`,
      "copy it again",
    );
  }
  if (header.spaceGroup === 401)
    throw new FormatError(
      { file: source.name, byte: 88 },
      "is a stack of volumes (space group 401), which is not read",
      "split it into volumes",
    );
  return new MrcFile(
    plain,
    header,
    options.kind ?? kindOf(header, source.name),
    await readSymmetry(plain, header),
    options.refuseNonFinite ?? false,
  );
}

/**
 * Open an MRC, MRCS or MAP file, packed with gzip or bzip2 or not. The header is checked against the size of the file before anything
 * is allocated. Throws `FormatError` for anything that cannot be read as it stands. The source belongs to the result, whose `close`
 * closes it; it is closed at once when this throws.
 */
export async function openMrc(source: ByteSource, options: OpenMrcOptions = {}): Promise<MrcFile> {
  try {
    return await openPlain(source, options);
  } catch (error) {
    await source.close();
    throw error;
  }
}
