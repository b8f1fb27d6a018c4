import { fftPlan } from "../../geometry/fft.js";
import type { BufferDeclaration } from "../contract.js";

/** How lines of a length are transformed in the shared memory of a block (native/cuda/kernels/common/line_fft.cuh). */
export interface LinePlan {
  /** Length of the lines, and of what is transformed: the same, or that of Bluestein's convolution. */
  readonly n: number;
  readonly m: number;
  /** Of the passes over m, in their order. */
  readonly radices: readonly number[];
  // Where tables of complex numbers begin, and the order of frequencies.
  readonly rootsAt: number;
  readonly orderAt: number;
  readonly chirpAt: number;
  readonly spectrumAt: number;
}

/** Tables of the transforms of a shape. */
export interface LineTables {
  readonly tables: Float64Array;
  readonly orders: Uint32Array;
  /** Plans by length; the last axis by the complex length of its rows. */
  readonly lines: ReadonlyMap<number, LinePlan>;
  /** Where the roots of the last axis begin that untangle rows of even width. */
  readonly halvesAt: number;
}

/** Length of the complex rows that stand for real rows. */
export const rowLength = (width: number): number => (width % 2 === 0 ? width / 2 : width);

/** Radices of a length; undefined where it has a prime factor beyond 13. */
export function radicesOf(n: number): number[] | undefined {
  const found: number[] = [];
  let rest = n;
  // As many eights as leave no two.
  for (; (rest % 8 === 0 && rest % 16 !== 0) || rest % 32 === 0; rest /= 8) found.push(8);
  for (const radix of [4, 2, 3, 5, 7, 11, 13]) for (; rest % radix === 0; rest /= radix) found.push(radix);
  return rest === 1 ? found : undefined;
}

/** Where each frequency is after the passes of decimation in frequency. */
function orderOf(m: number, radices: readonly number[]): Uint32Array {
  return Uint32Array.from({ length: m }, (_, frequency) => {
    let rest = frequency;
    let part = m;
    let at = 0;
    for (const radix of radices) {
      part /= radix;
      at += (rest % radix) * part;
      rest = Math.floor(rest / radix);
    }
    return at;
  });
}

/** The length of a convolution of at least `least` that takes the fewest reads and writes of shared memory. */
function convolutionLength(least: number): number {
  let best = 0;
  let lowest = Number.POSITIVE_INFINITY;
  for (let m = least; m < 2 * least; m++) {
    const radices = radicesOf(m);
    if (radices === undefined || radices.some((radix) => radix > 7)) continue;
    const cost = m * (radices.length + 1);
    if (cost < lowest) [best, lowest] = [m, cost];
  }
  return best;
}

/** Length of what is transformed for lines of a length. */
export const transformedLength = (n: number): number =>
  radicesOf(n) === undefined ? convolutionLength(2 * n - 1) : n;

/** Tables for arrays of a shape. */
export function planLines(shape: readonly number[]): LineTables {
  const width = shape[shape.length - 1];
  const tables: number[] = [];
  const orders: number[] = [];
  const rootTables = new Map<number, number>();
  const roots = (n: number): number => {
    const known = rootTables.get(n);
    if (known !== undefined) return known;
    const at = tables.length / 2;
    for (let j = 0; j < n; j++)
      tables.push(Math.cos((2 * Math.PI * j) / n), -Math.sin((2 * Math.PI * j) / n));
    rootTables.set(n, at);
    return at;
  };
  const lines = new Map<number, LinePlan>();
  for (const n of [...shape.slice(0, -1), rowLength(width)]) {
    if (lines.has(n)) continue;
    const m = transformedLength(n);
    const radices = radicesOf(m) ?? [];
    const order = orderOf(m, radices);
    const plan = { n, m, radices, rootsAt: roots(m), orderAt: orders.length };
    if (m === n) {
      orders.push(...order);
      lines.set(n, { ...plan, chirpAt: 0, spectrumAt: 0 });
      continue;
    }
    const chirpAt = tables.length / 2;
    const re = new Float64Array(m);
    const im = new Float64Array(m);
    for (let j = 0; j < n; j++) {
      // Squares modulo 2 n keep the digits of the angle.
      const angle = (Math.PI * ((j * j) % (2 * n))) / n;
      tables.push(Math.cos(angle), -Math.sin(angle));
      re[j] = re[(m - j) % m] = Math.cos(angle);
      im[j] = im[(m - j) % m] = Math.sin(angle);
    }
    fftPlan(m).forward(re, im);
    const spectrum = new Float64Array(2 * m);
    for (let k = 0; k < m; k++) {
      spectrum[2 * order[k]] = re[k] / m;
      spectrum[2 * order[k] + 1] = im[k] / m;
    }
    const spectrumAt = tables.length / 2;
    tables.push(...spectrum);
    lines.set(n, { ...plan, chirpAt, spectrumAt });
  }
  const halvesAt = width % 2 === 0 ? roots(width) : 0;
  return {
    tables: Float64Array.from(tables),
    orders: Uint32Array.from(orders.length === 0 ? [0] : orders),
    lines,
    halvesAt,
  };
}

/** Shared memory that lines may take, and that leaves room for other blocks. */
const mostShared = 96 * 1024;
const goodShared = 48 * 1024;
/** Bytes of neighbouring lines that memory gives at once, at least and better. */
const leastRun = 32;
const goodRun = 64;

export interface Tile {
  /** Lines side by side: 2^lanesLog. */
  readonly lanesLog: number;
  /** From an element of a line to the next. */
  readonly pitch: number;
  readonly bytes: number;
}

/** Parameters of a kernel about the lines that it transforms. */
export const lineParams = (
  { n, m, radices, rootsAt, orderAt, chirpAt, spectrumAt }: LinePlan,
  { pitch, lanesLog }: Tile,
): Readonly<Record<string, number>> => ({
  n,
  m,
  radices: radices.reduceRight((packed, radix) => 16 * packed + radix, 0),
  pitch,
  lanes_log: lanesLog,
  roots_at: rootsAt,
  order_at: orderAt,
  chirp_at: chirpAt,
  spectrum_at: spectrumAt,
});

/** Buffers of the tables. */
export const tableBuffers = ({ tables, orders }: LineTables): BufferDeclaration[] => [
  { kind: "complex", name: "fft tables", length: tables.length / 2 },
  { kind: "index", name: "fft order", length: orders.length },
];

/**
 * The tile of lines that a block has: as many as leave room for other blocks, or fewer than `goodRun` of them as far as they fit. Undefined
 * where lines are too long: beyond 3,072 points, for lines that are not rows. Skewed tiles, for rows, which threads run along, have gaps after
 * each element of all lines and after 16 of them.
 */
export function tileOf(m: number, elementBytes: number, skewed: boolean): Tile | undefined {
  const tiles = [5, 4, 3, 2, 1, 0].map((lanesLog) => {
    const pitch = 2 ** lanesLog + Number(skewed);
    const bytes = (m * pitch + (skewed ? Math.ceil(m / 16) : 0)) * elementBytes;
    return { lanesLog, pitch, bytes, run: 2 ** lanesLog * elementBytes };
  });
  return (
    tiles.find(({ bytes, run }) => bytes <= goodShared && run >= goodRun) ??
    tiles.find(({ bytes, run }) => bytes <= mostShared && run <= goodRun && (skewed || run >= leastRun))
  );
}
