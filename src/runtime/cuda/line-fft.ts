import type { BufferDeclaration, DeviceBuffer, Fft } from "../contract.js";
import { columnsOf, product } from "../fft-plan.js";
import { fftBuffers, kernelOperations, makeFft } from "../gpu/index.js";
import type { CudaDevice } from "./device.js";
import {
  type LinePlan,
  type LineTables,
  lineParams,
  planLines,
  rowLength,
  tableBuffers,
  tileOf,
  transformedLength,
} from "./line-plan.js";
import type { Transforms } from "./transforms.js";

interface LineFft extends Fft {
  readonly plan: LineTables;
  readonly tables: DeviceBuffer;
  readonly orders: DeviceBuffer;
}

/** What a run says where it takes the kernels of this package. */
export const toldOfKernels = "kernels of CryoTile (CRYOTILE_CUFFT=find takes cuFFT)";

/**
 * Transforms whose lines stay in shared memory: one launch an axis, in place, without work buffers. Arrays with an axis that is too long for it
 * are transformed a radix at a time, in global memory.
 */
export class LineTransforms implements Transforms {
  readonly told = toldOfKernels;
  private readonly elementBytes: number;

  constructor(private readonly cuda: CudaDevice) {
    this.elementBytes = cuda.elementBytes.complex;
  }

  fftBuffers(shape: readonly number[], batch: number): readonly BufferDeclaration[] {
    if (!this.fits(shape)) return fftBuffers(shape, batch);
    return tableBuffers(planLines(shape));
  }

  makeFft(shape: readonly number[], batch: number): Fft {
    const { cuda } = this;
    if (!this.fits(shape)) return makeFft(cuda, shape, batch);
    const plan = planLines(shape);
    const buffers = tableBuffers(plan).map(({ kind, name, length }) => cuda.alloc(kind, name, length));
    const [tables, orders] = buffers;
    cuda.upload(tables, plan.tables, 0);
    cuda.upload(orders, plan.orders, 0);
    const fft: LineFft = { shape, batch, buffers, plan, tables, orders };
    return fft;
  }

  async forward(fft: Fft, values: DeviceBuffer, spectra: DeviceBuffer): Promise<void> {
    if (!("plan" in fft)) return kernelOperations.forwardFft(this.cuda, fft, values, spectra);
    const own = fft as LineFft;
    await this.rows("fft_rows", own, { values, spectra }, { scale: 1 / product(fft.shape) });
    await this.outerAxes(own, spectra, false);
  }

  async inverse(fft: Fft, spectra: DeviceBuffer, values: DeviceBuffer): Promise<void> {
    if (!("plan" in fft)) return kernelOperations.inverseFft(this.cuda, fft, spectra, values);
    const own = fft as LineFft;
    await this.outerAxes(own, spectra, true);
    await this.rows("fft_rows_back", own, { values, spectra }, {});
  }

  private fits(shape: readonly number[]): boolean {
    const width = shape[shape.length - 1];
    return (
      this.tileOf(rowLength(width), true) !== undefined &&
      shape.slice(0, -1).every((n) => this.tileOf(n, false) !== undefined)
    );
  }

  private tileOf(n: number, skewed: boolean) {
    return tileOf(transformedLength(n), this.elementBytes, skewed);
  }

  private launch(
    kernel: string,
    fft: LineFft,
    line: LinePlan,
    skewed: boolean,
    groups: (lanes: number) => number,
    params: Readonly<Record<string, number>>,
    buffers: Readonly<Record<string, DeviceBuffer>>,
  ): Promise<void> {
    const tile = this.tileOf(line.n, skewed);
    if (tile === undefined) throw new RangeError(`lines of ${line.n} points do not fit shared memory`);
    return this.cuda.run(kernel, {
      over: { groups: groups(2 ** tile.lanesLog) },
      cost: 1,
      shared: tile.bytes,
      params: { ...params, ...lineParams(line, tile) },
      buffers: { ...buffers, tables: fft.tables, orders: fft.orders },
    });
  }

  private rows(
    kernel: string,
    fft: LineFft,
    buffers: Readonly<Record<string, DeviceBuffer>>,
    params: Readonly<Record<string, number>>,
  ): Promise<void> {
    const width = fft.shape[fft.shape.length - 1];
    const rows = (fft.batch * product(fft.shape)) / width;
    const line = fft.plan.lines.get(rowLength(width)) as LinePlan;
    return this.launch(
      kernel,
      fft,
      line,
      true,
      (lanes) => Math.ceil(rows / lanes),
      { ...params, rows, width, halves_at: fft.plan.halvesAt },
      buffers,
    );
  }

  private async outerAxes(fft: LineFft, data: DeviceBuffer, inverse: boolean): Promise<void> {
    const width = fft.shape[fft.shape.length - 1];
    const total = ((fft.batch * product(fft.shape)) / width) * columnsOf(width);
    let inner = columnsOf(width);
    for (const n of fft.shape.slice(0, -1).toReversed()) {
      const line = fft.plan.lines.get(n) as LinePlan;
      const tiles = (lanes: number) => Math.ceil(inner / lanes);
      const { lanesLog = 0 } = this.tileOf(n, false) ?? {};
      await this.launch(
        "fft_lines",
        fft,
        line,
        false,
        (lanes) => (total / (n * inner)) * tiles(lanes),
        { inner, tiles: tiles(2 ** lanesLog), inverse: Number(inverse) },
        { data },
      );
      inner *= n;
    }
  }
}
