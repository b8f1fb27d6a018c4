import type { BufferDeclaration, DeviceBuffer, Fft } from "../contract.js";
import { type AxisPlan, columnsOf, type Planned, planFft, product } from "../fft-plan.js";
import type { KernelDevice } from "./device.js";
import { threads } from "./launch.js";

interface PlannedFft extends Fft {
  readonly planned: Planned;
  readonly tables: DeviceBuffer;
  readonly scratch: readonly [DeviceBuffer, DeviceBuffer];
  readonly work: readonly [DeviceBuffer, DeviceBuffer] | undefined;
}

/** Length of the complex rows that stand for real rows. */
const rowLength = (width: number) => (width % 2 === 0 ? width / 2 : width);

const planOf = (shape: readonly number[], batch: number) =>
  planFft(shape, batch, rowLength(shape[shape.length - 1]));

/** The buffers of a batch of real transforms, in the order of their allocation. */
export function fftBuffers(shape: readonly number[], batch: number): readonly BufferDeclaration[] {
  return buffersOf(planOf(shape, batch));
}

function buffersOf({ tableLength, scratchLength, workLength }: Planned): BufferDeclaration[] {
  const buffer = (name: string, length: number) => ({
    kind: "complex" as const,
    name: `fft ${name}`,
    length,
  });
  return [
    buffer("tables", tableLength),
    buffer("scratch a", scratchLength),
    buffer("scratch b", scratchLength),
    ...(workLength > 0 ? [buffer("work a", workLength), buffer("work b", workLength)] : []),
  ];
}

export function makeFft(gpu: KernelDevice, shape: readonly number[], batch: number): Fft {
  const planned = planOf(shape, batch);
  const buffers = buffersOf(planned).map(({ kind, name, length }) => gpu.alloc(kind, name, length));
  let at = 0;
  for (const table of planned.tables) {
    gpu.upload(buffers[0], table, at);
    at += table.length;
  }
  const fft: PlannedFft = {
    shape,
    batch,
    buffers,
    planned,
    tables: buffers[0],
    scratch: [buffers[1], buffers[2]],
    work: buffers.length > 3 ? [buffers[3], buffers[4]] : undefined,
  };
  return fft;
}

const copyComplex = (gpu: KernelDevice, source: DeviceBuffer, to: DeviceBuffer, count: number) =>
  gpu.copy(source, to, count * gpu.elementBytes.complex);

/** Passes over `from`, alternating between the scratch arrays; returns where the result is. `from` is left as it is. */
async function passes(
  gpu: KernelDevice,
  fft: PlannedFft,
  axis: AxisPlan,
  from: DeviceBuffer,
  scratch: readonly [DeviceBuffer, DeviceBuffer],
  total: number,
  inner: number,
  inverse: boolean,
): Promise<DeviceBuffer> {
  let source = from;
  let stride = inner;
  let length = axis.n;
  for (const radix of axis.radices) {
    const to = source === scratch[0] ? scratch[1] : scratch[0];
    const groups = length / radix;
    await threads(
      gpu,
      "fft_pass",
      total / radix,
      {
        n: axis.n,
        inner,
        radix,
        stride,
        groups,
        step: axis.n / length,
        roots_at: axis.rootsAt,
        inverse: Number(inverse),
      },
      { source, to, roots: fft.tables },
      radix,
    );
    source = to;
    stride *= radix;
    length = groups;
  }
  return source;
}

/** Transform lines of [outer][n][inner] of `data` (n x inner x outer = total), in place. */
async function transformAxis(
  gpu: KernelDevice,
  fft: PlannedFft,
  data: DeviceBuffer,
  n: number,
  inner: number,
  total: number,
  inverse: boolean,
): Promise<void> {
  const axis = fft.planned.axes.get(n) as AxisPlan;
  if (axis.chirp !== undefined) return chirpAxis(gpu, fft, axis, data, inner, total, inverse);
  const result = await passes(gpu, fft, axis, data, fft.scratch, total, inner, inverse);
  if (result !== data) await copyComplex(gpu, result, data, total);
}

async function chirpAxis(
  gpu: KernelDevice,
  fft: PlannedFft,
  { n, chirp }: AxisPlan,
  data: DeviceBuffer,
  inner: number,
  total: number,
  inverse: boolean,
): Promise<void> {
  if (chirp === undefined || fft.work === undefined) throw new Error(`no chirp for length ${n}`);
  const { m, chirpAt, spectrumAt, plan } = chirp;
  const most = Math.floor(fft.planned.workLength / m);
  for (let first = 0; first < total / n; first += most) {
    const lines = Math.min(most, total / n - first);
    const params = {
      n,
      m,
      inner,
      first_line: first,
      line_count: lines,
      chirp_at: chirpAt,
      spectrum_at: spectrumAt,
      inverse: Number(inverse),
    };
    const stage = (number: number, work: DeviceBuffer) =>
      threads(
        gpu,
        "fft_chirp",
        m * lines,
        { ...params, stage: number },
        { lines: data, work, tables: fft.tables },
      );
    await stage(0, fft.work[0]);
    let work = await passes(gpu, fft, plan, fft.work[0], fft.work, m * lines, lines, false);
    await stage(1, work);
    work = await passes(gpu, fft, plan, work, fft.work, m * lines, lines, true);
    await stage(2, work);
  }
}

/** Sizes of a plan's rows, and the plan of the complex rows that stand for them. */
function rowsOf(plan: Fft) {
  const fft = plan as PlannedFft;
  const { shape, batch } = fft;
  const n = shape[shape.length - 1];
  const length = rowLength(n);
  const axis = fft.planned.axes.get(length) as AxisPlan;
  return { fft, shape, n, columns: columnsOf(n), rows: (batch * product(shape)) / n, length, axis };
}

export async function forwardFft(
  gpu: KernelDevice,
  plan: Fft,
  values: DeviceBuffer,
  spectra: DeviceBuffer,
): Promise<void> {
  const { fft, shape, n, columns, rows, length, axis } = rowsOf(plan);
  let complexRows = values;
  if (n % 2 === 1) {
    [complexRows] = fft.scratch;
    await threads(gpu, "fft_real_in", rows * n, {}, { values, rows: complexRows });
  }
  if (axis.chirp === undefined)
    complexRows = await passes(gpu, fft, axis, complexRows, fft.scratch, rows * length, 1, false);
  else {
    if (complexRows === values) {
      [complexRows] = fft.scratch;
      await copyComplex(gpu, values, complexRows, rows * length);
    }
    await chirpAxis(gpu, fft, axis, complexRows, 1, rows * length, false);
  }
  await threads(
    gpu,
    "fft_untangle",
    rows * columns,
    { n, roots_at: fft.planned.rootsAt.get(n) ?? 0, scale: 1 / product(shape) },
    { rows: complexRows, spectra, roots: fft.tables },
  );
  await outerAxes(gpu, fft, spectra, columns, rows * columns, false);
}

export async function inverseFft(
  gpu: KernelDevice,
  plan: Fft,
  spectra: DeviceBuffer,
  values: DeviceBuffer,
): Promise<void> {
  const { fft, n, columns, rows, length, axis } = rowsOf(plan);
  await outerAxes(gpu, fft, spectra, columns, rows * columns, true);
  const [first] = fft.scratch;
  await threads(
    gpu,
    "fft_tangle",
    rows * length,
    { n, roots_at: fft.planned.rootsAt.get(n) ?? 0 },
    { spectra, rows: first, roots: fft.tables },
  );
  let complexRows = first;
  if (axis.chirp === undefined)
    complexRows = await passes(gpu, fft, axis, first, fft.scratch, rows * length, 1, true);
  else await chirpAxis(gpu, fft, axis, first, 1, rows * length, true);
  if (n % 2 === 1) await threads(gpu, "fft_real_out", rows * n, {}, { rows: complexRows, values });
  else await copyComplex(gpu, complexRows, values, rows * length);
}

async function outerAxes(
  gpu: KernelDevice,
  fft: PlannedFft,
  spectra: DeviceBuffer,
  columns: number,
  total: number,
  inverse: boolean,
): Promise<void> {
  let inner = columns;
  for (const n of fft.shape.slice(0, -1).reverse()) {
    await transformAxis(gpu, fft, spectra, n, inner, total, inverse);
    inner *= n;
  }
}
