import { shape } from "../../../../src/app/small-case/case.js";
import { Measure } from "../../shell/ui.js";
import { sampleOf } from "../model/gsd.js";
import { Matrix, signed, type ViewProps } from "../parts.js";
import type { Prepared } from "../teach.worker.js";
import { cellSample, columnNames, rowNames } from "./table.js";

const { particles, orientations, translations } = shape;
const particleNames = Array.from({ length: particles }, (_, i) => String(i + 1));

export function ProductView({ state, update, all }: ViewProps & { readonly all: Prepared }) {
  const { constant_i, cross_iot, diff2_iot, energy_io } = all.differences;
  const most = Math.max(...constant_i, ...cross_iot.map(Math.abs), ...energy_io);
  const colour = (value: number) => signed(value / most);
  const { i, o, t } = state;
  const choose = (row: number, j: number) =>
    update({ o: row, i: Math.floor(j / translations), t: j % translations });
  const table = { rows: rowNames, colour, rowClass: "teach-slice", columnClass: "teach-image" };
  const wide = {
    ...table,
    columns: columnNames,
    chosen: [o, i * translations + t] as const,
    onChoose: choose,
  };
  return (
    <div class="teach-stack">
      <div class="teach-margins">
        <Matrix
          {...table}
          caption="energy [orientation, particle]"
          columns={particleNames}
          value={(row, column) => energy_io[column * orientations + row]}
          chosen={[o, i]}
        />
        <Matrix
          {...table}
          caption="constant"
          rows={["all"]}
          columns={particleNames}
          value={(_, column) => constant_i[column]}
          chosen={[0, i]}
        />
      </div>
      <Matrix
        {...wide}
        caption="cross: slices [6 × 64] times images [64 × 12]"
        value={(row, j) => cross_iot[cellSample(row, j)]}
      />
      <Matrix {...wide} caption="diff2 = energy − cross" value={(row, j) => diff2_iot[cellSample(row, j)]} />
      <ProductNumbers all={all} sample={sampleOf(i, o, t)} i={i} o={o} />
      <p class="small quiet">
        RELION computes orientations × translations of one particle at a time; the paper takes particles ×
        orientations together, and the product takes all of them. The kernel makes {all.tiles.gemm.side} ×{" "}
        {all.tiles.gemm.side} sums a workgroup, {all.tiles.gemm.depth} pixels a part, in{" "}
        {all.tiles.gemm.sharedBytes} bytes.
      </p>
    </div>
  );
}

function ProductNumbers({
  all,
  sample,
  i,
  o,
}: {
  readonly all: Prepared;
  readonly sample: number;
  readonly i: number;
  readonly o: number;
}) {
  const { constant_i, cross_iot, diff2_iot, energy_io } = all.differences;
  return (
    <dl class="teach-line">
      <Measure name="energy" value={energy_io[i * orientations + o].toFixed(2)} />
      <Measure name="− cross" value={(-cross_iot[sample]).toFixed(2)} />
      <Measure name="= diff2, what is stored" value={diff2_iot[sample].toFixed(2)} />
      <Measure name="constant, left out" value={constant_i[i].toFixed(2)} />
    </dl>
  );
}
