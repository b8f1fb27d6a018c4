import { FormatError, UserError } from "../errors.js";
import { type ByteSource, bytesSource, readRange } from "./source.js";

type Packing = "gzip" | "bzip2";

/** Deflate cannot shrink data more than this (RFC 1951: 258 bytes in two bits). */
const deflateRatio = 1032;

const packedChunk = 1 << 16;

/** How a file is packed, by its first bytes; undefined for one that is not. */
function packingOf(head: Uint8Array): Packing | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if (head[0] === 0x42 && head[1] === 0x5a && head[2] === 0x68) return "bzip2";
  return undefined;
}

/** What the unpacked bytes must be. */
export interface UnpackedSize {
  /** Bytes at the start that tell the size. */
  readonly headBytes: number;
  /** The exact size, from the first `headBytes` bytes; may throw. */
  readonly sizeOf: (head: Uint8Array) => number;
  /** Largest size that is unpacked into memory. */
  readonly limit: number;
}

/** Collects unpacked bytes, learns from the first of them how many there must be, and refuses more. */
class Collector {
  private buffer = new Uint8Array(1 << 16);
  private length = 0;
  private wanted: number | undefined;

  constructor(
    private readonly source: ByteSource,
    private readonly packing: Packing,
    private readonly size: UnpackedSize,
  ) {}

  add(bytes: Uint8Array): void {
    const length = this.length + bytes.length;
    if (this.wanted !== undefined && length > this.wanted) this.refuseMore();
    if (length > this.buffer.length) {
      const room = Math.max(
        length,
        Math.min(this.buffer.length * 2, this.wanted ?? Number.POSITIVE_INFINITY),
      );
      const larger = new Uint8Array(room);
      larger.set(this.buffer.subarray(0, this.length));
      this.buffer = larger;
    }
    this.buffer.set(bytes, this.length);
    this.length = length;
    if (this.wanted === undefined && length >= this.size.headBytes) {
      this.wanted = this.checkedSize(this.size.sizeOf(this.buffer.subarray(0, this.size.headBytes)));
      if (length > this.wanted) this.refuseMore();
    }
  }

  bytes(): Uint8Array {
    if (this.wanted !== undefined && this.length < this.wanted)
      throw new FormatError(
        { file: this.source.name },
        `truncated: unpacks to ${this.length} bytes and its header asks for ${this.wanted}`,
        "copy the file again",
      );
    return this.buffer.subarray(0, this.length);
  }

  private checkedSize(wanted: number): number {
    const { name, size } = this.source;
    if (wanted > this.size.limit)
      throw new FormatError(
        { file: name },
        `unpacks to ${wanted} bytes and at most ${this.size.limit} are unpacked in memory`,
        "unpack it first (gunzip, bunzip2)",
      );
    if (this.packing === "gzip" && wanted > size * deflateRatio)
      throw new FormatError(
        { file: name },
        `truncated: its header asks for ${wanted} bytes, which ${size} bytes of gzip data cannot hold`,
        "copy the file again",
      );
    return wanted;
  }

  private refuseMore(): never {
    throw new FormatError(
      { file: this.source.name },
      `unpacks to more than the ${this.wanted} bytes that its header asks for`,
    );
  }
}

async function gunzip(source: ByteSource, collector: Collector): Promise<void> {
  const stream = new DecompressionStream("gzip");
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  let stopped = false;
  let failure: unknown;
  // Each write is awaited: Node's stream takes whatever a pipe offers, which would be the whole file at once.
  const feed = async () => {
    for (let offset = 0; offset < source.size && !stopped; offset += packedChunk)
      await writer.write((await readRange(source, offset, packedChunk)) as Uint8Array<ArrayBuffer>);
    await writer.close();
  };
  const fed = feed().catch((error) => {
    failure ??= error;
    return writer.abort(error).catch(() => {});
  });
  try {
    // To the very end, where the check sum is.
    for (let part = await reader.read(); !part.done; part = await reader.read()) collector.add(part.value);
  } catch (error) {
    throw failure ?? error;
  } finally {
    stopped = true;
    await reader.cancel().catch(() => {});
    await writer.abort().catch(() => {});
    await fed;
  }
}

async function bunzip2(source: ByteSource, collector: Collector, limit: number): Promise<void> {
  if (source.size > limit)
    throw new FormatError(
      { file: source.name },
      `${source.size} bytes of bzip2 data are more than the ${limit} that are unpacked in memory`,
      "unpack it first (bunzip2)",
    );
  // The decoder needs Node's Buffer; browsers get the `buffer` package under the same name.
  if (globalThis.Buffer === undefined)
    (globalThis as { Buffer?: unknown }).Buffer = (await import("buffer/index.js")).Buffer;
  const { default: bunzip } = await import("seek-bzip");
  // Its third parameter continues with the next stream, as in the files of parallel packers.
  const decode: (input: Uint8Array, output: { writeByte(byte: number): void }, streams: boolean) => unknown =
    bunzip.decode;
  const packed = await readRange(source, 0, source.size);
  const pending = new Uint8Array(1 << 16);
  let length = 0;
  const output = {
    writeByte(byte: number) {
      pending[length++] = byte;
      if (length < pending.length) return;
      length = 0;
      collector.add(pending);
    },
  };
  decode(globalThis.Buffer.from(packed.buffer, packed.byteOffset, packed.length), output, true);
  collector.add(pending.subarray(0, length));
}

/**
 * A source over the unpacked bytes of a gzip or bzip2 file (told by its first bytes); any other source is returned as it is. The
 * unpacked bytes are held in memory and their check sums are verified. Throws `FormatError` when there are more or fewer bytes than
 * `size.sizeOf` asks for or more than `size.limit`; unpacking stops as soon as that is clear, so that a small file cannot grow
 * without end.
 */
export async function unpacked(source: ByteSource, size: UnpackedSize): Promise<ByteSource> {
  const packing = packingOf(await readRange(source, 0, 3));
  if (packing === undefined) return source;
  const collector = new Collector(source, packing, size);
  let bytes: Uint8Array;
  try {
    if (packing === "gzip") await gunzip(source, collector);
    else await bunzip2(source, collector, size.limit);
    bytes = collector.bytes();
  } catch (error) {
    if (error instanceof UserError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FormatError(
      { file: source.name },
      `the ${packing} data is damaged or cut off (${reason})`,
      "copy the file again",
    );
  }
  await source.close();
  return bytesSource(bytes, source.name);
}
