import { halfTable } from "./float16.js";
import { type MrcHeader, rowBytes } from "./header.js";

const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

const isForeign = (header: MrcHeader): boolean => header.littleEndian !== hostIsLittleEndian;

/** Put float32 pixels that were read in place (mode 2) into the byte order of this machine. */
export function orderFloats(header: MrcHeader, pixels: Float32Array): void {
  if (!isForeign(header)) return;
  const words = new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    words[i] = (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
  }
}

/**
 * Stored rows of any mode but 2 to float32 values. `raw` holds whole rows, starts at a multiple of 2 bytes of its buffer, and may be
 * changed; `out` takes one value a pixel.
 */
export function decodeRows(header: MrcHeader, raw: Uint8Array, out: Float32Array): void {
  const { mode } = header;
  if (mode === 101) decodeNibbles(header, raw, out);
  else if (mode === 0)
    out.set(header.signedBytes ? new Int8Array(raw.buffer, raw.byteOffset, raw.length) : raw);
  else {
    const words = new Uint16Array(raw.buffer, raw.byteOffset, raw.length / 2);
    if (isForeign(header))
      for (let i = 0; i < words.length; i++) words[i] = (words[i] << 8) | (words[i] >>> 8);
    if (mode === 12) {
      const values = halfTable();
      for (let i = 0; i < words.length; i++) out[i] = values[words[i]];
    } else out.set(mode === 1 ? new Int16Array(raw.buffer, raw.byteOffset, words.length) : words);
  }
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
