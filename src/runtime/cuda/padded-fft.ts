import type { BufferDeclaration, DataToMap, DeviceBuffer, MapToProjector } from "../operands.js";
import { centredLength, sphereLimit } from "../tables.js";
import type { CudaDevice } from "./device.js";
import {
  type LinePlan,
  type LineTables,
  lineParams,
  planLines,
  tableBuffers,
  tileOf,
  transformedLength,
} from "./line-plan.js";

/** A cube of `paddedBox`, of which the middle `box` and the frequencies up to `radius` count. */
interface Sizes {
  readonly box: number;
  readonly paddedBox: number;
  readonly radius: number;
}

/**
 * Transforms between a map and the centred array of its padded cube. Axis by axis only the lines that hold something go in, and only the
 * frequencies that are wanted come out: the cube itself is never there.
 */
export class PaddedTransforms {
  private readonly plans = new Map<number, LineTables>();

  constructor(private readonly cuda: CudaDevice) {}

  /** Tables, then what is left of the cube after rows, and after rows and columns. Undefined where lines do not fit shared memory. */
  buffers(box: number, paddedBox: number, radius: number): readonly BufferDeclaration[] | undefined {
    if (paddedBox % 2 !== 0 || this.tileOf(paddedBox, false) === undefined) return undefined;
    if (this.tileOf(paddedBox / 2, true) === undefined) return undefined;
    const complex = (name: string, length: number) => ({ kind: "complex" as const, name, length });
    return [
      ...tableBuffers(this.planOf(paddedBox)),
      complex("padded rows", box * box * (radius + 1)),
      complex("padded columns", box * (2 * radius + 1) * (radius + 1)),
    ];
  }

  async mapToProjector(a: MapToProjector): Promise<void> {
    const { map, box, paddedBox, projector, slot, work, least = 0, correct } = a;
    const { radius } = projector;
    const sizes = { box, paddedBox, radius };
    const [tables, orders, rows, columns] = this.prepare(work, paddedBox);
    await this.rows("padded_rows", sizes, { correct: Number(correct) }, { map, out: rows, tables, orders });
    const back = {
      inverse: 0,
      least_r2: least,
      limit: sphereLimit(projector),
      scale: a.scale / paddedBox ** 3,
    };
    const alongY = { ...back, centred: 0, to_at: 0 };
    await this.lines(sizes, box, radius + 1, alongY, { from: rows, to: columns, tables, orders });
    const alongZ = { ...back, centred: 1, to_at: slot * centredLength(projector) };
    const inner = (2 * radius + 1) * (radius + 1);
    await this.lines(sizes, 1, inner, alongZ, { from: columns, to: projector.data, tables, orders });
  }

  async dataToMap(a: DataToMap): Promise<void> {
    const { map, box, paddedBox, geometry, data, estimate, work, scale } = a;
    const { radius } = geometry;
    const sizes = { box, paddedBox, radius };
    const [tables, orders, rows, columns] = this.prepare(work, paddedBox);
    const along = { inverse: 1, least_r2: 0, limit: radius * radius, scale: 1, to_at: 0 };
    const inner = (2 * radius + 1) * (radius + 1);
    const all = { from: data, to: columns, estimate, tables, orders };
    await this.lines(sizes, 1, inner, { ...along, centred: 1 }, all);
    const rest = { from: columns, to: rows, tables, orders };
    await this.lines(sizes, box, radius + 1, { ...along, centred: 0 }, rest);
    await this.rows("padded_rows_back", sizes, { scale }, { columns: rows, map, tables, orders });
  }

  private prepare(work: readonly DeviceBuffer[], paddedBox: number): readonly DeviceBuffer[] {
    const plan = this.planOf(paddedBox);
    this.cuda.upload(work[0], plan.tables, 0);
    this.cuda.upload(work[1], plan.orders, 0);
    return work;
  }

  private planOf(paddedBox: number): LineTables {
    const plan = this.plans.get(paddedBox) ?? planLines([paddedBox, paddedBox]);
    this.plans.set(paddedBox, plan);
    return plan;
  }

  private tileOf(n: number, skewed: boolean) {
    return tileOf(transformedLength(n), this.cuda.elementBytes.complex, skewed);
  }

  private lineOf(n: number, paddedBox: number, skewed: boolean) {
    const { lines, halvesAt } = this.planOf(paddedBox);
    const tile = this.tileOf(n, skewed);
    if (tile === undefined) throw new RangeError(`lines of ${n} points do not fit shared memory`);
    return { line: lines.get(n) as LinePlan, tile, halvesAt };
  }

  private rows(
    kernel: string,
    { box, paddedBox, radius }: Sizes,
    params: Readonly<Record<string, number>>,
    buffers: Readonly<Record<string, DeviceBuffer>>,
  ): Promise<void> {
    const { line, tile, halvesAt } = this.lineOf(paddedBox / 2, paddedBox, true);
    const rows = box * box;
    return this.cuda.run(kernel, {
      over: { groups: Math.ceil(rows / 2 ** tile.lanesLog) },
      cost: 1,
      shared: tile.bytes,
      params: {
        ...params,
        rows,
        box,
        padded_box: paddedBox,
        radius,
        halves_at: halvesAt,
        ...lineParams(line, tile),
      },
      buffers,
    });
  }

  private lines(
    { box, paddedBox, radius }: Sizes,
    outer: number,
    inner: number,
    params: Readonly<Record<string, number>>,
    buffers: Readonly<Record<string, DeviceBuffer>>,
  ): Promise<void> {
    const { line, tile } = this.lineOf(paddedBox, paddedBox, false);
    const tiles = Math.ceil(inner / 2 ** tile.lanesLog);
    const margin = paddedBox / 2 - Math.floor(box / 2);
    return this.cuda.run("padded_lines", {
      over: { groups: outer * tiles },
      cost: 1,
      shared: tile.bytes,
      params: { ...params, inner, tiles, box, margin, radius, ...lineParams(line, tile) },
      buffers: { estimate: undefined, ...buffers },
    });
  }
}
