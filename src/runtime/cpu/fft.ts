import type { BufferDeclaration, DeviceBuffer, Fft } from "../contract.js";
import { UnsupportedError } from "../errors.js";
import { type AxisPlan, columnsOf, type Planned, planFft, product } from "../fft-plan.js";
import type { CpuDevice } from "./device.js";

interface CpuFft extends Fft {
  readonly planned: Planned;
}

/** Longest transform, or convolution that stands for one: its signals lie on a thread's stack. */
const longest = 2 ** 15;
/** Rows and lines of an item. Also in the kernels. */
const together = 8;

function planOf(shape: readonly number[], batch: number): Planned {
  const planned = planFft(shape, batch, shape[shape.length - 1]);
  for (const { n, chirp } of planned.axes.values())
    if ((chirp?.m ?? n) > longest)
      throw new UnsupportedError(`a transform of length ${n}; the cpu runtime goes up to ${longest / 2}`);
  return planned;
}

const buffersOf = ({ tableLength }: Planned): BufferDeclaration[] => [
  { kind: "complex", name: "fft tables", length: tableLength },
];

/** The buffers of a batch of real transforms. */
export const fftBuffers = (shape: readonly number[], batch: number): readonly BufferDeclaration[] =>
  buffersOf(planOf(shape, batch));

export function makeCpuFft(cpu: CpuDevice, shape: readonly number[], batch: number): Fft {
  const planned = planOf(shape, batch);
  const buffers = buffersOf(planned).map(({ kind, name, length }) => cpu.alloc(kind, name, length));
  let at = 0;
  for (const table of planned.tables) {
    cpu.words(buffers[0], at, table.length).set(table);
    at += table.length;
  }
  const fft: CpuFft = { shape, batch, buffers, planned };
  return fft;
}

/** Parameters of the kernels that say how lines of length n are transformed, and about how many nanoseconds eight of them take. */
function axisOf(cpu: CpuDevice, { planned, buffers }: CpuFft, n: number) {
  const { chirp, rootsAt } = planned.axes.get(n) as AxisPlan;
  const place = (at: number) => cpu.address(buffers[0], 2 * at);
  const m = chirp?.m ?? 0;
  return {
    params: {
      n,
      m,
      roots: place(chirp?.plan.rootsAt ?? rootsAt),
      chirp: chirp === undefined ? undefined : place(chirp.chirpAt),
      spectrum: chirp === undefined ? undefined : place(chirp.spectrumAt),
    },
    cost: m > 0 ? 100 * m : 50 * n,
  };
}

function sizesOf(fft: CpuFft) {
  const n = fft.shape[fft.shape.length - 1];
  return { n, columns: columnsOf(n), rows: (fft.batch * product(fft.shape)) / n };
}

export function forwardFft(cpu: CpuDevice, plan: Fft, values: DeviceBuffer, spectra: DeviceBuffer): void {
  const fft = plan as CpuFft;
  const { n, rows } = sizesOf(fft);
  const { params, cost } = axisOf(cpu, fft, n);
  const scale = 1 / product(fft.shape);
  cpu.run("fft_rows", Math.ceil(rows / together), cost, { ...params, values, spectra, rows, scale });
  outerAxes(cpu, fft, spectra, false);
}

export function inverseFft(cpu: CpuDevice, plan: Fft, spectra: DeviceBuffer, values: DeviceBuffer): void {
  const fft = plan as CpuFft;
  const { n, rows } = sizesOf(fft);
  const { params, cost } = axisOf(cpu, fft, n);
  outerAxes(cpu, fft, spectra, true);
  cpu.run("fft_rows_back", Math.ceil(rows / together), cost, { ...params, spectra, values, rows });
}

function outerAxes(cpu: CpuDevice, fft: CpuFft, data: DeviceBuffer, inverse: boolean): void {
  const { columns, rows } = sizesOf(fft);
  let inner = columns;
  for (const n of fft.shape.slice(0, -1).reverse()) {
    const lines = (rows * columns) / n;
    const { params, cost } = axisOf(cpu, fft, n);
    const own = { ...params, data, inner, lines, inverse: Number(inverse) };
    cpu.run("fft_lines", Math.ceil(lines / together), cost, own);
    inner *= n;
  }
}
