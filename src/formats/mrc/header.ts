import { FormatError } from "../../errors.js";

/** Pixel types: 0 int8 (or uint8), 1 int16, 2 float32, 6 uint16, 12 float16, 101 two 4-bit values a byte. */
export type MrcMode = 0 | 1 | 2 | 6 | 12 | 101;

export const headerBytes = 1024;

const bitsOfMode: Record<MrcMode, number> = { 0: 8, 1: 16, 2: 32, 6: 16, 12: 16, 101: 4 };
const refusedModes: Record<number, string> = { 3: "complex 16-bit integers", 4: "complex 32-bit floats" };

/** The fields of an MRC2014 header (Cheng et al. 2015, J. Struct. Biol. 192:146) as numbers and text. */
export interface MrcHeader {
  /** Columns, rows and sections as stored. */
  readonly stored: readonly [number, number, number];
  readonly mode: MrcMode;
  /** First column, row and section. */
  readonly start: readonly [number, number, number];
  /** Intervals along the unit cell axes x, y, z. */
  readonly intervals: readonly [number, number, number];
  /** Unit cell lengths in Angstrom, along x, y, z. */
  readonly cell: readonly [number, number, number];
  readonly cellAngles: readonly [number, number, number];
  /** Which axis (0 x, 1 y, 2 z) columns, rows and sections run along. */
  readonly axes: readonly [number, number, number];
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly rms: number;
  readonly spaceGroup: number;
  readonly extendedBytes: number;
  readonly extendedType: string;
  readonly origin: readonly [number, number, number];
  readonly littleEndian: boolean;
  /** Whether the "MAP " id is there; it is missing in files from before 2000. */
  readonly hasId: boolean;
  /** Mode 0 holds signed bytes (MRC2014) or, in old IMOD files, unsigned ones. */
  readonly signedBytes: boolean;
  readonly labels: readonly string[];
}

/** Bytes of one stored row; rows of 4-bit pixels are padded to whole bytes. */
export const rowBytes = (header: MrcHeader): number =>
  Math.ceil((header.stored[0] * bitsOfMode[header.mode]) / 8);

/** Bytes of header, extended header and pixels. */
export const expectedBytes = (header: MrcHeader): number =>
  headerBytes + header.extendedBytes + rowBytes(header) * header.stored[1] * header.stored[2];

const imodStamp = 1146047817;

/**
 * Parse and check the first 1,024 bytes. Sizes are checked for being possible, not against the file. Throws `FormatError` that
 * names the byte of the field.
 */
export function parseHeader(bytes: Uint8Array, file: string): MrcHeader {
  const fail = (byte: number, problem: string, remedy?: string): never => {
    throw new FormatError({ file, byte }, problem, remedy);
  };
  if (bytes.length < headerBytes)
    fail(
      bytes.length,
      `${bytes.length} bytes are too few for an MRC header of ${headerBytes}: the file is truncated or no MRC file`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const littleEndian = byteOrder(view);
  const int = (word: number) => view.getInt32((word - 1) * 4, littleEndian);
  const float = (word: number) => view.getFloat32((word - 1) * 4, littleEndian);
  const ints = (word: number) => [int(word), int(word + 1), int(word + 2)] as const;
  const floats = (word: number) => [float(word), float(word + 1), float(word + 2)] as const;

  const hasId = text(bytes, 208, 3) === "MAP";
  const stored = ints(1);
  for (const [index, name] of ["NX", "NY", "NZ"].entries()) {
    const size = stored[index] as number;
    if (size < 1) fail(index * 4, `${name} is ${size}: this is no MRC file, or its header is damaged`);
  }
  const mode = int(4);
  if (!(mode in bitsOfMode)) {
    const known = refusedModes[mode];
    fail(
      12,
      `mode ${mode}${known === undefined ? "" : ` (${known})`} is not read; modes 0, 1, 2, 6, 12 and 101 are`,
      known === undefined && !hasId ? "is it an MRC file?" : undefined,
    );
  }
  if (!Number.isSafeInteger(stored[0] * stored[1] * stored[2] * 4))
    fail(0, `${stored.join(" x ")} pixels are impossible: the header is damaged`);
  const extendedBytes = int(24);
  if (extendedBytes < 0) fail(92, `NSYMBT (bytes of the extended header) is ${extendedBytes}`);
  const axes = ints(17);
  const unset = axes.every((axis) => axis === 0);
  if (!unset && [...axes].sort().join() !== "1,2,3")
    fail(64, `MAPC, MAPR, MAPS are ${axes.join(", ")}; an order of 1, 2, 3 was expected`);
  const isImod = int(39) === imodStamp;
  return {
    stored,
    mode: mode as MrcMode,
    start: ints(5),
    intervals: ints(8),
    cell: floats(11),
    cellAngles: floats(14),
    axes: unset ? [0, 1, 2] : [axes[0] - 1, axes[1] - 1, axes[2] - 1],
    minimum: float(20),
    maximum: float(21),
    mean: float(22),
    rms: float(55),
    spaceGroup: int(23),
    extendedBytes,
    extendedType: text(bytes, 104, 4).trim(),
    origin: floats(50),
    littleEndian,
    hasId,
    signedBytes: !isImod || (int(40) & 1) === 1,
    labels: Array.from({ length: Math.min(10, Math.max(0, int(56))) }, (_, i) =>
      text(bytes, 224 + i * 80, 80).trim(),
    ),
  };
}

/**
 * Little endian? By the machine stamp; where it is missing or contradicts the rest, by the order that makes columns, rows, mode and
 * axes plausible.
 */
function byteOrder(view: DataView): boolean {
  const plausible = (little: boolean) => {
    const [columns, rows, mode, axis] = [0, 4, 12, 64].map((byte) => view.getInt32(byte, little));
    const isSize = (size: number) => size > 0 && size < 0x10000;
    return isSize(columns) && isSize(rows) && mode >= 0 && mode <= 101 && axis >= 0 && axis <= 3;
  };
  const stamp = view.getUint8(212);
  const stamped = stamp === 0x44 ? true : stamp === 0x11 ? false : undefined;
  if (stamped !== undefined && (plausible(stamped) || !plausible(!stamped))) return stamped;
  return plausible(true) || !plausible(false);
}

const text = (bytes: Uint8Array, start: number, length: number) => {
  const end = bytes.subarray(start, start + length).indexOf(0);
  return String.fromCharCode(...bytes.subarray(start, end < 0 ? start + length : start + end));
};
