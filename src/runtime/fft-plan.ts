import { fftPlan } from "../geometry/fft.js";

/** A transform of one length: radices of its passes, or the length of Bluestein's convolution. */
export interface AxisPlan {
  readonly n: number;
  readonly radices: readonly number[];
  readonly rootsAt: number;
  readonly chirp?: {
    readonly m: number;
    readonly chirpAt: number;
    readonly spectrumAt: number;
    readonly plan: AxisPlan;
  };
}

/** Tables and sizes of a batch of real transforms. */
export interface Planned {
  readonly tables: readonly Float64Array[];
  readonly tableLength: number;
  readonly scratchLength: number;
  readonly workLength: number;
  /** Plans of lines of length n, by n, and where the roots of a length are. */
  readonly axes: ReadonlyMap<number, AxisPlan>;
  readonly rootsAt: ReadonlyMap<number, number>;
}

/** Complex numbers of Bluestein's work arrays at a time. */
const workTarget = 2 ** 22;

function radicesOf(n: number): number[] | undefined {
  const found: number[] = [];
  let rest = n;
  for (const radix of [4, 2, 3, 5, 7, 11, 13]) for (; rest % radix === 0; rest /= radix) found.push(radix);
  return rest === 1 ? found : undefined;
}

export const product = (shape: readonly number[]) => shape.reduce((all, n) => all * n, 1);
export const columnsOf = (width: number) => Math.floor(width / 2) + 1;

/** Plans of transforms of `batch` arrays whose real rows become complex rows of length `row`. */
export function planFft(shape: readonly number[], batch: number, row: number): Planned {
  const width = shape[shape.length - 1];
  const rows = (batch * product(shape)) / width;
  const tables: Float64Array[] = [];
  let tableLength = 0;
  const add = (table: Float64Array) => {
    tables.push(table);
    tableLength += table.length / 2;
    return tableLength - table.length / 2;
  };
  const rootsAt = new Map<number, number>();
  const roots = (n: number): number => {
    const known = rootsAt.get(n);
    if (known !== undefined) return known;
    const table = new Float64Array(2 * n);
    for (let j = 0; j < n; j++) {
      table[2 * j] = Math.cos((2 * Math.PI * j) / n);
      table[2 * j + 1] = -Math.sin((2 * Math.PI * j) / n);
    }
    const at = add(table);
    rootsAt.set(n, at);
    return at;
  };
  let workLength = 0;
  const axisPlan = (n: number, lines: number): AxisPlan => {
    const radices = radicesOf(n);
    if (radices !== undefined) return { n, radices, rootsAt: roots(n) };
    let m = 1;
    while (m < 2 * n - 1) m *= 2;
    workLength = Math.max(workLength, m * Math.min(lines, Math.ceil(workTarget / m)));
    const re = new Float64Array(m);
    const im = new Float64Array(m);
    const chirp = new Float64Array(2 * n);
    for (let j = 0; j < n; j++) {
      const angle = (Math.PI * ((j * j) % (2 * n))) / n;
      chirp[2 * j] = Math.cos(angle);
      chirp[2 * j + 1] = -Math.sin(angle);
      re[j] = re[(m - j) % m] = Math.cos(angle);
      im[j] = im[(m - j) % m] = Math.sin(angle);
    }
    fftPlan(m).forward(re, im);
    const spectrum = new Float64Array(2 * m);
    for (let k = 0; k < m; k++) {
      spectrum[2 * k] = re[k];
      spectrum[2 * k + 1] = im[k];
    }
    const plan = axisPlan(m, lines);
    return { n, radices: [], rootsAt: 0, chirp: { m, chirpAt: add(chirp), spectrumAt: add(spectrum), plan } };
  };
  const axes = new Map<number, AxisPlan>();
  const plan = (n: number, lines: number) => {
    if (!axes.has(n)) axes.set(n, axisPlan(n, lines));
  };
  plan(row, rows);
  if (row !== width) roots(width);
  for (const n of shape.slice(0, -1)) plan(n, ((rows * columnsOf(width)) / n) | 0);
  const scratchLength = rows * Math.max(row, columnsOf(width));
  return { tables, tableLength, scratchLength, workLength, axes, rootsAt };
}
