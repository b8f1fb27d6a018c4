import { gunzipSync } from "node:zlib";
import { UserError } from "../../src/errors.js";
import { openMrc } from "../../src/formats/mrc/index.js";
import { bytesSource } from "../../src/formats/source.js";
import { fuzzLoop, mutate } from "./mutate.js";

/** An MRC file made field by field, without the writer under test. */
export function makeMrc(options: {
  size: [number, number, number];
  mode: number;
  little?: boolean;
  axes?: [number, number, number];
  extended?: Uint8Array;
  spaceGroup?: number;
  data: Uint8Array;
  edit?: (view: DataView) => void;
}): Uint8Array {
  const { size, mode, little = true, axes = [1, 2, 3], extended = new Uint8Array(), data } = options;
  const bytes = new Uint8Array(1024 + extended.length + data.length);
  const view = new DataView(bytes.buffer);
  [...size, mode].forEach((value, i) => {
    view.setInt32(i * 4, value, little);
  });
  size.forEach((value, i) => {
    view.setInt32(28 + i * 4, value, little);
    view.setFloat32(40 + i * 4, value * 1.5, little);
    view.setInt32(64 + i * 4, axes[i], little);
  });
  view.setInt32(88, options.spaceGroup ?? 1, little);
  view.setInt32(92, extended.length, little);
  bytes.set(new TextEncoder().encode("MAP "), 208);
  bytes.set(little ? [0x44, 0x44] : [0x11, 0x11], 212);
  options.edit?.(view);
  bytes.set(extended, 1024);
  bytes.set(data, 1024 + extended.length);
  return bytes;
}

/** A second, naive reading of one pixel. */
export function naivePixel(
  view: DataView,
  start: number,
  index: number,
  columns: number,
  mode: number,
  little: boolean,
  signed: boolean,
): number {
  if (mode === 2) return view.getFloat32(start + index * 4, little);
  if (mode === 1) return view.getInt16(start + index * 2, little);
  if (mode === 6) return view.getUint16(start + index * 2, little);
  if (mode === 0) return signed ? view.getInt8(start + index) : view.getUint8(start + index);
  if (mode === 101) {
    const [row, x] = [Math.floor(index / columns), index % columns];
    return (view.getUint8(start + row * Math.ceil(columns / 2) + (x >> 1)) >> (x % 2 === 0 ? 0 : 4)) & 15;
  }
  const bits = view.getUint16(start + index * 2, little);
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction / 1024 : 1 + fraction / 1024) * 2 ** (Math.max(1, exponent) - 15);
}

const noise = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 73 + (i >> 3) * 11) & 255);

/** Small files of different modes, byte orders and axes. */
export const seeds: readonly Uint8Array[] = [
  makeMrc({ size: [4, 3, 2], mode: 2, data: noise(96) }),
  makeMrc({ size: [5, 2, 2], mode: 12, little: false, data: noise(40) }),
  makeMrc({ size: [3, 2, 1], mode: 101, data: noise(4) }),
  makeMrc({
    size: [2, 2, 3],
    mode: 0,
    axes: [3, 1, 2],
    extended: new TextEncoder().encode("X,  Y,  Z".padEnd(80)),
    data: noise(12),
  }),
];

/** `seeds[0]`, packed by bzip2 1.0.8. */
export const bzippedSeed =
  "QlpoOTFBWSZTWcdREsIAACT///5siSJMkSRLdq9aRJEmSJIkiXLFo0iTJEkSRJkiWLRpoACUHAA0AAAAA0DQADQNGgZAMRkaYCEQk9TQAAAAAAAAAAAAAAAARicJ8KMGp0pRlIaBwAEBoxjEAgQoCCDKMRlTMZnGGjTq17CAiSvXsAsz4b+PQPiQYAGRKWDNRTCnJjU8YKlavYshWndu5dhPL1/BhxZMuYNqHn06pomwTaKLu38OPIYcHmP069u/jyQSV6LM+m/TjzkEUaitJNT+LuSKcKEhjqIlhA==";
const bzipped = Uint8Array.from(atob(bzippedSeed), (letter) => letter.charCodeAt(0));

const words = [0, 1, -1, 2, 4, 12, 80, 401, 0x7fffffff, -0x80000000, 1146047817].flatMap((value) =>
  [true, false].map((little) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, value, little);
    return bytes;
  }),
);

async function pack(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A second, naive reading of a whole file, header included: the pixels by x, y, z, and where they end. */
function naiveVolume(bytes: Uint8Array): { values: Float32Array; size: number[]; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fits = (little: boolean) =>
    [0, 4].every((at) => view.getInt32(at, little) > 0 && view.getInt32(at, little) < 65536) &&
    view.getUint32(12, little) <= 101 &&
    view.getUint32(64, little) <= 3;
  const stamp = bytes[212];
  const little =
    stamp === 0x44
      ? fits(true) || !fits(false)
      : stamp === 0x11
        ? !fits(false) && fits(true)
        : fits(true) || !fits(false);
  const int = (word: number) => view.getInt32(word * 4 - 4, little);
  const [columns, rows, sections] = [int(1), int(2), int(3)];
  const axes = int(17) === 0 ? [0, 1, 2] : [int(17) - 1, int(18) - 1, int(19) - 1];
  const signed = int(39) !== 1146047817 || int(40) % 2 !== 0;
  const size = [0, 0, 0];
  for (const [i, axis] of axes.entries()) size[axis] = [columns, rows, sections][i] as number;
  const values = new Float32Array(columns * rows * sections);
  const at = [0, 0, 0];
  for (let index = 0; index < values.length; index++) {
    at[axes[0]] = index % columns;
    at[axes[1]] = Math.floor(index / columns) % rows;
    at[axes[2]] = Math.floor(index / columns / rows);
    values[at[0] + size[0] * (at[1] + size[1] * at[2])] = naivePixel(
      view,
      1024 + int(24),
      index,
      columns,
      int(4),
      little,
      signed,
    );
  }
  const bits = { 0: 8, 1: 16, 2: 32, 6: 16, 12: 16, 101: 4 }[int(4)] as number;
  return { values, size, end: 1024 + int(24) + Math.ceil((columns * bits) / 8) * rows * sections };
}

/** The plain bytes of an input that was accepted, by other means than the reader's. */
function unpackedByOthers(input: Uint8Array): Uint8Array {
  if (input[0] === 0x1f && input[1] === 0x8b) return gunzipSync(input);
  // Packed by bzip2 with check sums: what is accepted can only be the seed.
  return input[0] === 0x42 && input[1] === 0x5a && input[2] === 0x68 ? (seeds[0] as Uint8Array) : input;
}

/**
 * Mutated MRC files, packed and not: the reader refuses them with a `UserError`, or gives the pixels that a naive reading of the same
 * bytes gives, and never makes more values than the file has room for (two in a byte). What was not mutated is read.
 */
export function fuzzMrc(options: { seconds: number; seed: number }): Promise<{ executions: number }> {
  return fuzzLoop("MRC", options, async (random) => {
    const plain = Uint8Array.from(seeds[random.below(seeds.length)] as Uint8Array);
    const edits = random.below(4);
    for (let n = 0; n < edits; n++)
      plain.set(words[random.below(words.length)] as Uint8Array, random.below(256) * 4);
    const isCut = random.below(4) === 0;
    const cut = isCut ? mutate(plain, random, words) : plain;
    const way = random.below(16);
    const input =
      way === 0
        ? mutate(bzipped, random, words)
        : way === 1
          ? mutate(await pack(cut), random, words)
          : way === 2
            ? await pack(cut)
            : cut;
    try {
      const file = await openMrc(bytesSource(input, random.below(2) === 0 ? "input.mrcs" : "input.mrc"));
      const bytes = unpackedByOthers(input);
      const isPacked = bytes !== input;
      const total = file.size.reduce((product, extent) => product * extent, 1);
      if (total < 1 || total > bytes.length * 2)
        throw new Error(`${total} pixels from ${bytes.length} bytes`);
      const volume = await file.readVolume();
      const naive = naiveVolume(bytes);
      if (isPacked && naive.end !== bytes.length)
        throw new Error(`${bytes.length} unpacked bytes, naively ${naive.end}`);
      if (file.size.join() !== naive.size.join())
        throw new Error(`size ${file.size.join(" x ")}, naively ${naive.size.join(" x ")}`);
      if (volume.length !== total) throw new Error(`${volume.length} values for ${total} pixels`);
      for (const [index, value] of volume.entries())
        if (!Object.is(value, naive.values[index]))
          throw new Error(`pixel ${index} is ${value}, naively ${naive.values[index]}`);
      const { notFinite } = await file.statistics();
      const expected = naive.values.filter((value) => !Number.isFinite(value)).length;
      if (notFinite !== expected) throw new Error(`${notFinite} non-finite pixels, naively ${expected}`);
      if (file.header.axes[2] === 2) {
        const first = random.below(file.count);
        const image = await file.readImages(first, 1);
        const area = file.width * file.height;
        if (image.some((value, i) => !Object.is(value, volume[first * area + i])))
          throw new Error(`image ${first} differs from its section`);
      }
    } catch (error) {
      const isIntact = edits === 0 && !isCut && way > 1;
      if (isIntact || !(error instanceof UserError)) throw error;
    }
    return input;
  });
}
