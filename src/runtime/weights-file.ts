import { FormatError, UserError } from "../errors.js";
import { type ByteSink, type ByteSource, readRange } from "../formats/source.js";
import {
  type CompressedWeights,
  findBadWeight,
  indexFault,
  type WeightBytes,
  type WeightsIndex,
  weightsFault,
} from "./weights.js";

// The layout is in docs/weights.md. A little-endian machine is assumed.

const magic = new TextEncoder().encode("CTWEIGHT");
const headerBytes = 40;
const fieldByte = {
  version: 8,
  children: 12,
  valueBytes: 16,
  particles: 20,
  samples: 24,
  groups: 32,
} as const;

/** Values are read, checked and written this many bytes at a time. */
const chunkBytes = 1 << 22;

/** Whether bytes start like a weights file. */
export const isWeights = (head: Uint8Array): boolean => magic.every((byte, index) => head[index] === byte);

/** What a weights file holds, without the values. */
export interface WeightsHead extends WeightsIndex {
  readonly valueBytes: WeightBytes;
  /** Byte of the file where the values begin. */
  readonly valuesByte: number;
}

type Floats = Float32Array | Float64Array;

const bytesOf = (array: Uint32Array | Floats): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** First byte behind the two index arrays, and of the values behind their padding to 8 bytes. */
function valuePlace(particles: number, groups: number): { indexEnd: number; valuesByte: number } {
  const indexEnd = headerBytes + 4 * (particles + 1 + groups);
  return { indexEnd, valuesByte: Math.ceil(indexEnd / 8) * 8 };
}

/** An array of the right length, or an error that says what it takes. */
function allocate<T>(file: string, bytes: number, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new UserError(
      `${file}: ${bytes} bytes do not fit into the memory of this process; read the file on a machine with more`,
      { cause },
    );
  }
}

/**
 * Write weights of `particles = start_i.length - 1` particles. The caller commits the sink.
 * @throws RangeError when the weights break a rule of the layout; nothing is written then
 */
export async function writeWeights(weights: CompressedWeights, sink: ByteSink): Promise<void> {
  const fault = weightsFault(weights);
  if (fault !== undefined) throw new RangeError(`${sink.name}: weights: ${fault}`);
  const { children, samples, start_i, firstSample_g, values_gs } = weights;
  const particles = start_i.length - 1;
  const head = new DataView(new ArrayBuffer(headerBytes));
  new Uint8Array(head.buffer).set(magic);
  head.setUint32(fieldByte.version, 1, true);
  head.setUint32(fieldByte.children, children, true);
  head.setUint32(fieldByte.valueBytes, values_gs.BYTES_PER_ELEMENT, true);
  head.setUint32(fieldByte.particles, particles, true);
  head.setBigUint64(fieldByte.samples, BigInt(samples), true);
  head.setBigUint64(fieldByte.groups, BigInt(firstSample_g.length), true);
  const { indexEnd, valuesByte } = valuePlace(particles, firstSample_g.length);
  await sink.write(new Uint8Array(head.buffer));
  for (const bytes of [bytesOf(start_i), bytesOf(firstSample_g)]) await writeChunks(bytes, sink);
  await sink.write(new Uint8Array(valuesByte - indexEnd));
  await writeChunks(bytesOf(values_gs), sink);
}

async function writeChunks(bytes: Uint8Array, sink: ByteSink): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) await sink.write(bytes.subarray(at, at + chunkBytes));
}

async function readChunks(source: ByteSource, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const part = bytes.subarray(at, at + chunkBytes);
    const got = await source.readInto(part, offset + at);
    if (got < part.length) {
      const byte = offset + at + got;
      throw new FormatError(
        { file: source.name, byte },
        "ends while it is read",
        "Read it again once nothing writes to it",
      );
    }
  }
}

/** Header and index of a weights file, checked against the size of the file before anything is allocated. */
export async function readWeightsHead(source: ByteSource): Promise<WeightsHead> {
  const fail = (byte: number, problem: string, remedy?: string): never => {
    throw new FormatError({ file: source.name, byte }, problem, remedy);
  };
  const head = await readRange(source, 0, headerBytes);
  if (!isWeights(head)) fail(0, "is no weights file: it does not start with CTWEIGHT");
  if (head.length < headerBytes) fail(head.length, `truncated: a header has ${headerBytes} bytes`);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const field = (name: "version" | "children" | "valueBytes" | "particles") =>
    view.getUint32(fieldByte[name], true);
  if (field("version") !== 1)
    fail(fieldByte.version, `version ${field("version")} found, 1 expected`, "A newer CryoTile may read it");
  const children = field("children");
  if (children < 1) fail(fieldByte.children, "0 children a parent; at least 1 expected");
  const valueBytes = field("valueBytes");
  if (valueBytes !== 4 && valueBytes !== 8)
    return fail(fieldByte.valueBytes, `values of ${valueBytes} bytes; 4 or 8 expected`);
  const particles = field("particles");
  const samples = Number(view.getBigUint64(fieldByte.samples, true));
  if (samples > 2 ** 32)
    fail(fieldByte.samples, `${samples} samples a particle; 4-byte indices reach ${2 ** 32}`);
  const groups = Number(view.getBigUint64(fieldByte.groups, true));
  if (groups >= 2 ** 32) fail(fieldByte.groups, `${groups} groups; 4-byte starts reach ${2 ** 32 - 1}`);

  const { indexEnd, valuesByte } = valuePlace(particles, groups);
  const size = valuesByte + groups * children * valueBytes;
  if (source.size < size)
    fail(
      source.size,
      `truncated: ${particles} particles and ${groups} groups of ${children} values need ${size} bytes and the file has ${source.size}`,
    );
  if (source.size > size) fail(size, `has ${source.size - size} bytes behind the last value`);

  const [start_i, firstSample_g] = allocate(source.name, indexEnd - headerBytes, () => [
    new Uint32Array(particles + 1),
    new Uint32Array(groups),
  ]);
  await readChunks(source, bytesOf(start_i), headerBytes);
  const groupsByte = headerBytes + start_i.byteLength;
  await readChunks(source, bytesOf(firstSample_g), groupsByte);
  const padding = await readRange(source, indexEnd, valuesByte - indexEnd);
  if (padding.some((byte) => byte !== 0)) fail(indexEnd, "the padding before the values is not 0");

  const index = { children, samples, start_i, firstSample_g };
  const fault = indexFault(index);
  if (fault !== undefined) {
    const begin = { samples: fieldByte.samples, start_i: headerBytes, firstSample_g: groupsByte };
    fail(begin[fault.array] + 4 * fault.index, fault.problem);
  }
  return { ...index, valueBytes, valuesByte };
}

function refuseBadWeight(source: ByteSource, head: WeightsHead, values: Floats, first: number): void {
  const bad = findBadWeight(values);
  if (bad < 0) return;
  throw new FormatError(
    { file: source.name, byte: head.valuesByte + (first + bad) * head.valueBytes },
    `value ${first + bad} is ${values[bad]}, not a finite number of at least 0`,
  );
}

/**
 * Read a weights file, values as they were written (float32 or float64).
 * @throws FormatError naming file and byte for anything that `writeWeights` cannot have written
 */
export async function readWeights(source: ByteSource): Promise<CompressedWeights> {
  const head = await readWeightsHead(source);
  const { children, samples, start_i, firstSample_g, valueBytes } = head;
  const count = firstSample_g.length * children;
  const values_gs = allocate(source.name, count * valueBytes, () =>
    valueBytes === 4 ? new Float32Array(count) : new Float64Array(count),
  );
  await readChunks(source, bytesOf(values_gs), head.valuesByte);
  refuseBadWeight(source, head, values_gs, 0);
  return { children, samples, start_i, firstSample_g, values_gs };
}

/** Check the values of a file without keeping them. Throws `FormatError` as `readWeights` does. */
export async function checkWeights(source: ByteSource, head: WeightsHead): Promise<void> {
  const count = head.firstSample_g.length * head.children;
  const step = Math.min(count, chunkBytes / head.valueBytes);
  const scratch = head.valueBytes === 4 ? new Float32Array(step) : new Float64Array(step);
  for (let first = 0; first < count; first += step) {
    const values = scratch.subarray(0, Math.min(step, count - first));
    await readChunks(source, bytesOf(values), head.valuesByte + first * head.valueBytes);
    refuseBadWeight(source, head, values, first);
  }
}
