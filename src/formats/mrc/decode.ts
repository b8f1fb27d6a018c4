import { halfTable } from "./float16.js";
import { type MrcHeader, rowBytes } from "./header.js";

const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Whether stored pixels are float32 in the order of this machine, so that they can be read in place. */
export const isNativeFloat32 = (header: MrcHeader): boolean =>
  header.mode === 2 && header.littleEndian === hostIsLittleEndian;

function swap(bytes: Uint8Array, width: number): void {
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

/**
 * Stored rows to float32 values. `raw` holds whole rows, starts at a multiple of 4 bytes of its buffer, and may be changed;
 * `out` takes one value a pixel.
 */
export function decodeRows(header: MrcHeader, raw: Uint8Array, out: Float32Array): void {
  const { mode } = header;
  const width = mode === 2 ? 4 : mode === 0 || mode === 101 ? 1 : 2;
  if (width > 1 && header.littleEndian !== hostIsLittleEndian) swap(raw, width);
  const words = () => new Uint16Array(raw.buffer, raw.byteOffset, raw.length / 2);
  if (mode === 2) out.set(new Float32Array(raw.buffer, raw.byteOffset, raw.length / 4));
  else if (mode === 12) {
    const values = halfTable();
    const halves = words();
    for (let i = 0; i < halves.length; i++) out[i] = values[halves[i]];
  } else if (mode === 6) out.set(words());
  else if (mode === 1) out.set(new Int16Array(raw.buffer, raw.byteOffset, raw.length / 2));
  else if (mode === 0)
    out.set(header.signedBytes ? new Int8Array(raw.buffer, raw.byteOffset, raw.length) : raw);
  else decodeNibbles(header, raw, out);
}

/** Two pixels a byte, the first in the low bits; rows start at whole bytes. */
function decodeNibbles(header: MrcHeader, raw: Uint8Array, out: Float32Array): void {
  const columns = header.stored[0];
  const stride = rowBytes(header);
  for (let row = 0; row * stride < raw.length; row++) {
    for (let x = 0; x < columns; x++) {
      const byte = raw[row * stride + (x >> 1)];
      out[row * columns + x] = x & 1 ? byte >> 4 : byte & 15;
    }
  }
}
