import { FormatError, UserError } from "../errors.js";
import type { CtfParameters } from "../geometry/ctf.js";
import { type EulerAngles, matrixToEuler } from "../geometry/euler.js";
import { axisRotation } from "../geometry/symmetry.js";
import { nearest } from "../text.js";
import { type ByteSource, readRange } from "./source.js";

/** One field of a structured NumPy array: `width` values a row. */
export interface CsField {
  readonly name: string;
  /** NumPy type code without the byte order: f4, i8, u4, S12, U3, b1. */
  readonly type: string;
  readonly width: number;
}

type Column = Float64Array | BigInt64Array | BigUint64Array | string[];

/** A cryoSPARC `.cs` file: a one-dimensional structured NumPy array, column by column. */
export class CsTable {
  constructor(
    readonly file: string,
    readonly rowCount: number,
    readonly fields: readonly CsField[],
    private readonly columns: ReadonlyMap<string, Column>,
  ) {}

  has(name: string): boolean {
    return this.columns.has(name);
  }

  /** `rowCount * width` values of a field. 64-bit integers are rounded beyond 2^53: see `integers`. */
  numbers(name: string): Float64Array {
    const column = this.column(name);
    if (column instanceof Float64Array) return column;
    if (Array.isArray(column))
      throw new UserError(`${this.file}: ${name} holds text where numbers were expected`);
    return Float64Array.from(column, Number);
  }

  /** `rowCount * width` exact values of a field of 64-bit integers, such as `uid`. */
  integers(name: string): BigInt64Array | BigUint64Array {
    const column = this.column(name);
    if (column instanceof BigInt64Array || column instanceof BigUint64Array) return column;
    throw new UserError(`${this.file}: ${name} does not hold 64-bit integers`);
  }

  strings(name: string): string[] {
    return Array.from<number | bigint | string, string>(this.column(name), String);
  }

  private column(name: string): Column {
    const column = this.columns.get(name);
    if (column !== undefined) return column;
    const near = nearest(name, [...this.columns.keys()]);
    throw new UserError(
      `${this.file}: has no field ${name}${near === undefined ? "" : `; the nearest one is ${near}`}`,
    );
  }
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Whether bytes start like a NumPy file. */
export const isNumpy = (head: Uint8Array): boolean => magic.every((byte, index) => head[index] === byte);

interface Layout extends CsField {
  readonly little: boolean;
  readonly itemBytes: number;
}

/** Read a `.cs` (structured `.npy`) file. Throws `FormatError` for other arrays and damaged files. */
export async function readCs(source: ByteSource): Promise<CsTable> {
  const file = source.name;
  const fail = (problem: string, byte = 0): never => {
    throw new FormatError({ file, byte }, problem);
  };
  const head = await readRange(source, 0, 12);
  if (!isNumpy(head)) fail("is no NumPy file: it does not start with \\x93NUMPY");
  const version = head[6];
  if (version < 1 || version > 3) fail(`NumPy format version ${version} is not read; 1 to 3 are`, 6);
  const view = new DataView(head.buffer, head.byteOffset);
  const lengthBytes = version === 1 ? 2 : 4;
  if (head.length < 8 + lengthBytes) fail("ends inside its header", head.length);
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = 8 + lengthBytes + headerLength;
  if (start > source.size) fail(`claims a header of ${headerLength} bytes and has ${source.size} in all`, 8);
  const header = new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(
    await readRange(source, 8 + lengthBytes, headerLength),
  );
  const { layouts, rows } = parseDescription(header, fail);
  if (layouts.length === 0) fail("describes no fields");
  const rowBytes = layouts.reduce((sum, field) => sum + field.itemBytes * field.width, 0);
  if (start + rows * rowBytes > source.size)
    fail(
      `truncated: ${rows} rows of ${rowBytes} bytes need ${start + rows * rowBytes} bytes and the file has ${source.size}`,
      source.size,
    );

  const bytes = await readRange(source, start, rows * rowBytes);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const columns = new Map<string, Column>();
  let offset = 0;
  for (const field of layouts) {
    const at = (n: number) =>
      Math.floor(n / field.width) * rowBytes + offset + (n % field.width) * field.itemBytes;
    const total = rows * field.width;
    const { little, type } = field;
    const column: Column =
      type[0] === "S" || type[0] === "U"
        ? Array.from({ length: total }, (_, n) => readText(data, at(n), field))
        : type === "i8"
          ? BigInt64Array.from({ length: total }, (_, n) => data.getBigInt64(at(n), little))
          : type === "u8"
            ? BigUint64Array.from({ length: total }, (_, n) => data.getBigUint64(at(n), little))
            : Float64Array.from({ length: total }, (_, n) => readNumber(data, at(n), field));
    columns.set(field.name, column);
    offset += field.itemBytes * field.width;
  }
  return new CsTable(file, rows, layouts, columns);
}

function readText(data: DataView, at: number, { type, itemBytes, little }: Layout): string {
  const step = type[0] === "U" ? 4 : 1;
  let length = itemBytes;
  const codeAt = (offset: number) =>
    step === 4 ? data.getUint32(at + offset, little) : data.getUint8(at + offset);
  while (length > 0 && codeAt(length - step) === 0) length -= step;
  if (step === 1) return new TextDecoder().decode(new Uint8Array(data.buffer, data.byteOffset + at, length));
  let text = "";
  for (let i = 0; i < length; i += step) text += String.fromCodePoint(Math.min(codeAt(i), 0x10ffff));
  return text;
}

function readNumber(data: DataView, at: number, { type, little }: Layout): number {
  switch (type) {
    case "f4":
      return data.getFloat32(at, little);
    case "f8":
      return data.getFloat64(at, little);
    case "i1":
      return data.getInt8(at);
    case "i2":
      return data.getInt16(at, little);
    case "i4":
      return data.getInt32(at, little);
    case "u2":
      return data.getUint16(at, little);
    case "u4":
      return data.getUint32(at, little);
    default:
      return data.getUint8(at);
  }
}

/** The Python literal of a NumPy header: `{'descr': [('name', '<f4', (3,)), ...], 'fortran_order': False, 'shape': (7,), }`. */
function parseDescription(
  header: string,
  fail: (problem: string) => never,
): { layouts: Layout[]; rows: number } {
  const shape = /'shape'\s*:\s*\(\s*(\d+)\s*,?\s*\)/.exec(header);
  if (shape === null) return fail("is no one-dimensional NumPy array");
  const list = /'descr'\s*:\s*\[(.*)\]/s.exec(header);
  if (list === null) return fail("is a plain NumPy array, not a structured one as cryoSPARC writes");
  const layouts: Layout[] = [];
  const entry =
    /\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*,\s*'([<>|=]?)([a-zA-Z])(\d*)'\s*(?:,\s*\(([\d,\s]*)\)\s*)?\)/gy;
  const separator = /\s*,?\s*/gy;
  const body = list[1] as string;
  for (let at = 0; at < body.trimEnd().length; ) {
    entry.lastIndex = at;
    const match = entry.exec(body);
    if (match === null) return fail(`the field description "${body.slice(at, at + 40)}" is not understood`);
    const [, single, double, order, code, digits, dimensions] = match;
    const type = `${code}${digits}`;
    const isText = code === "S" || code === "U";
    if (!isText && !/^(f[48]|[iu][1248]|b1)$/.test(type))
      return fail(`field ${single ?? double} has type ${type}, which is not read`);
    const width = (dimensions ?? "")
      .split(",")
      .filter((n) => n.trim() !== "")
      .reduce((product, n) => product * Number(n), 1);
    const itemBytes = Number(digits) * (code === "U" ? 4 : 1);
    if (width < 1 || itemBytes < 1 || !Number.isSafeInteger(width * itemBytes))
      return fail(`field ${single ?? double} has an impossible shape or no bytes`);
    layouts.push({ name: single ?? (double as string), type, width, little: order !== ">", itemBytes });
    separator.lastIndex = entry.lastIndex;
    separator.exec(body);
    at = separator.lastIndex;
  }
  return { layouts, rows: Number(shape[1]) };
}

/** A particle of a `.cs` file in RELION's terms: degrees, Angstrom, image number from 0. */
export interface CsParticle {
  readonly imagePath: string;
  readonly imageIndex: number;
  readonly rot: number;
  readonly tilt: number;
  readonly psi: number;
  readonly originX: number;
  readonly originY: number;
  readonly ctf?: CtfParameters;
}

/** The Euler angles of a cryoSPARC pose: the inverse of the rotation about the vector by its length in radians. */
function poseAngles(pose: Float64Array): EulerAngles {
  const angle = Math.hypot(...pose);
  if (angle === 0) return { rot: 0, tilt: 0, psi: 0 };
  return matrixToEuler(axisRotation([pose[0], pose[1], pose[2]], -angle));
}

/**
 * Poses, CTF and image paths of the particles. cryoSPARC stores a pose as an axis-angle vector; the transpose of its rotation
 * matrix is RELION's Euler matrix, the convention that pyem and cryoDRGN convert by. Shifts are in pixels; without an alignment poses are 0. A leading
 * `>` of image paths (cryoSPARC's mark for its own data base) is removed.
 */
export function csParticles(table: CsTable): CsParticle[] {
  const path = table.strings("blob/path").map((text) => text.replace(/^>/, ""));
  const index = table.numbers("blob/idx");
  const prefix = ["alignments3D", "alignments2D"].find(
    (name) => table.has(`${name}/pose`) && table.has(`${name}/shift`),
  );
  const pose = prefix === "alignments3D" ? table.numbers("alignments3D/pose") : undefined;
  const planar = prefix === "alignments2D" ? table.numbers("alignments2D/pose") : undefined;
  const shift = prefix === undefined ? undefined : table.numbers(`${prefix}/shift`);
  const pixel =
    prefix !== undefined && table.has(`${prefix}/psize_A`)
      ? table.numbers(`${prefix}/psize_A`)
      : table.has("blob/psize_A")
        ? table.numbers("blob/psize_A")
        : undefined;
  const hasCtf = table.has("ctf/df1_A");
  const ctf = (name: string, row: number) => table.numbers(`ctf/${name}`)[row];
  const degrees = (radians: number) => (radians * 180) / Math.PI;
  return path.map((imagePath, row) => {
    const euler =
      pose !== undefined
        ? poseAngles(pose.subarray(row * 3, row * 3 + 3))
        : { rot: 0, tilt: 0, psi: planar === undefined ? 0 : degrees(planar[row]) };
    if (shift !== undefined && pixel === undefined)
      throw new UserError(`${table.file}: has shifts in pixels but no pixel size (blob/psize_A)`);
    return {
      imagePath,
      imageIndex: index[row],
      ...euler,
      originX: shift === undefined || pixel === undefined ? 0 : shift[row * 2] * pixel[row],
      originY: shift === undefined || pixel === undefined ? 0 : shift[row * 2 + 1] * pixel[row],
      ...(hasCtf && {
        ctf: {
          voltage: ctf("accel_kv", row),
          sphericalAberration: ctf("cs_mm", row),
          amplitudeContrast: ctf("amp_contrast", row),
          defocusU: ctf("df1_A", row),
          defocusV: ctf("df2_A", row),
          defocusAngle: degrees(ctf("df_angle_rad", row)),
          phaseShift: table.has("ctf/phase_shift_rad") ? degrees(ctf("phase_shift_rad", row)) : 0,
        },
      }),
    };
  });
}
