import { FormatError } from "../errors.js";
import { type ByteSource, bytesSource, readRange } from "./source.js";

type Packing = "gzip" | "bzip2";

/** How a file is packed, by its first bytes; undefined for one that is not. */
function packingOf(head: Uint8Array): Packing | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if (head[0] === 0x42 && head[1] === 0x5a && head[2] === 0x68) return "bzip2";
  return undefined;
}

/** Collects unpacked bytes and learns from the first of them how many there must be. */
class Collector {
  private buffer = new Uint8Array(1 << 16);
  private length = 0;
  private wanted = Number.POSITIVE_INFINITY;

  constructor(
    private readonly headBytes: number,
    private readonly sizeOf: (head: Uint8Array) => number,
  ) {}

  /** Take bytes; true once there are enough. */
  add(bytes: Uint8Array): boolean {
    if (this.length + bytes.length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + bytes.length));
      larger.set(this.buffer.subarray(0, this.length));
      this.buffer = larger;
    }
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
    if (this.wanted === Number.POSITIVE_INFINITY && this.length >= this.headBytes)
      this.wanted = this.sizeOf(this.buffer.subarray(0, this.headBytes));
    return this.length >= this.wanted;
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, Math.min(this.length, this.wanted));
  }
}

async function gunzip(source: ByteSource, collector: Collector): Promise<void> {
  let offset = 0;
  const packed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const chunk = (await readRange(source, offset, 1 << 18)) as Uint8Array<ArrayBuffer>;
      offset += chunk.length;
      if (chunk.length > 0) controller.enqueue(chunk);
      else controller.close();
    },
  });
  const reader = packed.pipeThrough(new DecompressionStream("gzip")).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (collector.add(value)) {
      await reader.cancel().catch(() => {});
      return;
    }
  }
}

const enough = Symbol("enough");

async function bunzip2(source: ByteSource, collector: Collector): Promise<void> {
  // The decoder needs Node's Buffer; browsers get the `buffer` package under the same name.
  if (globalThis.Buffer === undefined)
    (globalThis as { Buffer?: unknown }).Buffer = (await import("buffer/index.js")).Buffer;
  const { default: bunzip } = await import("seek-bzip");
  const packed = await readRange(source, 0, source.size);
  const pending = new Uint8Array(1 << 16);
  let length = 0;
  const output = {
    writeByte(byte: number) {
      pending[length++] = byte;
      if (length < pending.length) return;
      length = 0;
      if (collector.add(pending)) throw enough;
    },
  };
  try {
    bunzip.decode(globalThis.Buffer.from(packed.buffer, packed.byteOffset, packed.length), output);
  } catch (error) {
    if (error !== enough) throw error;
    return;
  }
  collector.add(pending.subarray(0, length));
}

/**
 * A source over the unpacked bytes of a gzip or bzip2 file (told by its first bytes); any other source is returned as it is. The
 * unpacked bytes are held in memory. `sizeOf` gets the first `headBytes` unpacked bytes and tells how many are wanted; it may
 * throw, and nothing beyond that number is unpacked, so that a small file cannot grow without end.
 */
export async function unpacked(
  source: ByteSource,
  headBytes: number,
  sizeOf: (head: Uint8Array) => number,
): Promise<ByteSource> {
  const packing = packingOf(await readRange(source, 0, 3));
  if (packing === undefined) return source;
  const collector = new Collector(headBytes, sizeOf);
  try {
    await (packing === "gzip" ? gunzip : bunzip2)(source, collector);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FormatError(
      { file: source.name },
      `the ${packing} data is damaged or cut off (${reason})`,
      "copy the file again",
    );
  }
  await source.close();
  return bytesSource(collector.bytes(), source.name);
}
