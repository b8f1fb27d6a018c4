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
const seeds = [
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

/**
 * Mutated MRC files, packed and not: the reader refuses them with a `UserError`, or gives the pixels that a naive reading of the same
 * header gives, and never makes more values than the file has bits for.
 */
export function fuzzMrc(options: { seconds: number; seed: number }): Promise<{ executions: number }> {
  return fuzzLoop("MRC", options, async (random) => {
    const plain = Uint8Array.from(seeds[random.below(seeds.length)] as Uint8Array);
    for (let edits = random.below(4); edits > 0; edits--)
      plain.set(words[random.below(words.length)] as Uint8Array, random.below(256) * 4);
    const cut = random.below(4) === 0 ? mutate(plain, random, words) : plain;
    const packed = random.below(8) === 0;
    const input = packed ? mutate(await pack(cut), random, words) : cut;
    try {
      const file = await openMrc(bytesSource(input, random.below(2) === 0 ? "input.mrcs" : "input.mrc"));
      const { header } = file;
      const [columns, rows, sections] = header.stored;
      const total = columns * rows * sections;
      if (!packed && total > input.length * 2) throw new Error(`${total} pixels from ${input.length} bytes`);
      const volume = await file.readVolume();
      await file.statistics();
      if (volume.length !== total) throw new Error(`${volume.length} values for ${total} pixels`);
      if (!packed) {
        const view = new DataView(input.buffer, input.byteOffset);
        const [width, height] = file.size;
        const at = [0, 0, 0];
        for (let index = 0; index < total; index++) {
          at[header.axes[0]] = index % columns;
          at[header.axes[1]] = Math.floor(index / columns) % rows;
          at[header.axes[2]] = Math.floor(index / columns / rows);
          const start = 1024 + header.extendedBytes;
          const expected = naivePixel(
            view,
            start,
            index,
            columns,
            header.mode,
            header.littleEndian,
            header.signedBytes,
          );
          const found = volume[at[0] + width * (at[1] + height * at[2])];
          if (!Object.is(found, Math.fround(expected)) && !(Number.isNaN(found) && Number.isNaN(expected)))
            throw new Error(`pixel ${index} is ${found}, naively ${expected}`);
        }
      }
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
    return input;
  });
}
