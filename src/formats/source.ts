/** Bytes with random access: one interface over browser `Blob`s, in-memory bytes and (in `node.ts`) open files. */
export interface ByteSource {
  /** Name used in error messages; a path where there is one. */
  readonly name: string;
  /** Size in bytes; exact beyond 2^32. */
  readonly size: number;
  /**
   * Fill `target` from byte `offset` on. Returns the number of bytes read, which is less than `target.length` only
   * where the source ends.
   */
  readInto(target: Uint8Array, offset: number): Promise<number>;
  /** Release what the source holds; reading afterwards is an error. Closing twice is harmless. */
  close(): Promise<void>;
}

/** Bytes written front to back; earlier bytes may be patched before `commit`. */
export interface ByteSink {
  readonly name: string;
  /** Append; the sink does not keep a reference to `bytes` once the promise is resolved. */
  write(bytes: Uint8Array): Promise<void>;
  /** Overwrite bytes that were already written. */
  patch(bytes: Uint8Array, offset: number): Promise<void>;
  /** Make the result visible under its final name. Before this nothing exists there, or what was there is intact. */
  commit(): Promise<void>;
  /** Give up and remove what was written. */
  abort(): Promise<void>;
}

/** Files by their path: those of a machine, or those that a page holds. */
export interface Disk {
  /** @throws UserError that names the path and the reason */
  open(path: string): Promise<ByteSource>;
  /** A file that appears, or replaces what is there, when it is complete. */
  create(path: string): Promise<ByteSink>;
  exists(path: string): Promise<boolean>;
}

/** Read `length` bytes at `offset`, fewer where the source ends. */
export async function readRange(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
  const available = Math.max(0, Math.min(length, source.size - offset));
  const bytes = new Uint8Array(available);
  const got = await source.readInto(bytes, offset);
  return got === available ? bytes : bytes.subarray(0, got);
}

/** A source over a browser `Blob` or `File`. */
export function blobSource(blob: Blob, name = blob instanceof File ? blob.name : "blob"): ByteSource {
  return {
    name,
    size: blob.size,
    async readInto(target, offset) {
      const part = new Uint8Array(await blob.slice(offset, offset + target.length).arrayBuffer());
      target.set(part);
      return part.length;
    },
    async close() {},
  };
}

/** A source over bytes in memory. The bytes are not copied. */
export function bytesSource(bytes: Uint8Array, name = "memory"): ByteSource {
  return {
    name,
    size: bytes.length,
    async readInto(target, offset) {
      const part = bytes.subarray(offset, offset + target.length);
      target.set(part);
      return part.length;
    },
    async close() {},
  };
}

/** A sink that collects bytes in memory; `bytes()` gives them after `commit`. */
export function memorySink(name = "memory"): ByteSink & { bytes(): Uint8Array } {
  let buffer = new Uint8Array(1024);
  let length = 0;
  return {
    name,
    async write(bytes) {
      if (length + bytes.length > buffer.length) {
        const larger = new Uint8Array(Math.max(buffer.length * 2, length + bytes.length));
        larger.set(buffer.subarray(0, length));
        buffer = larger;
      }
      buffer.set(bytes, length);
      length += bytes.length;
    },
    async patch(bytes, offset) {
      if (offset + bytes.length > length) throw new RangeError(`${name}: patch beyond what was written`);
      buffer.set(bytes, offset);
    },
    async commit() {},
    async abort() {
      length = 0;
    },
    bytes: () => buffer.slice(0, length),
  };
}
