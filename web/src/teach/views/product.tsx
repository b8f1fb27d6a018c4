import { useMemo } from "preact/hooks";
import { Measure } from "../../shell/ui.js";
import { sampleOf } from "../model/gsd.js";
import { Matrix, Measures, signed, type ViewProps } from "../parts.js";
import { PictureGrid, signedScale, stepOf } from "../picture.js";
import type { Prepared } from "../teach.worker.js";
import { From, fill, number, words } from "../text.js";
import { cellSample, columnNames, columnOf, numbers, poseOfColumn, poseText } from "./names.js";
import { particleStarts } from "./table.js";

type Props = ViewProps & { readonly all: Prepared };

export function ProductView(props: Props) {
  const { state, all } = props;
  const { shape } = all.data;
  const { constant_i, cross_iot, diff2_iot, energy_io } = all.differences;
  const { i, o, t } = state;
  const sample = sampleOf(shape, i, o, t);
  const { side, depth, sharedBytes } = all.tiles.gemm;
  const text = words.product;
  return (
    <div class="teach-stack">
      {all.data.name === "tiny" ? <Tables {...props} /> : <Pictures {...props} />}
      <Measures origin="reference">
        <Measure name={text.energy} value={number(energy_io[i * shape.orientations + o])} />
        <Measure name={text.lessCross} value={number(-cross_iot[sample])} />
        <Measure name={text.stored} value={number(diff2_iot[sample])} />
        <Measure name={text.leftOut} value={number(constant_i[i])} />
      </Measures>
      <p class="small quiet">
        {fill(text.who, { side, depth, bytes: sharedBytes })} <From origin="kernel" />
      </p>
    </div>
  );
}

const productSizes = ({ particles, orientations, translations, pixels }: Prepared["data"]["shape"]) => ({
  rows: orientations,
  inner: 2 * pixels,
  columns: particles * translations,
});

/** All values in numbers. */
function Tables({ state, update, all }: Props) {
  const { shape } = all.data;
  const { constant_i, cross_iot, diff2_iot, energy_io } = all.differences;
  const most = Math.max(...constant_i, ...cross_iot.map(Math.abs), ...energy_io);
  const { i, o, t } = state;
  const particleNames = numbers(shape.particles);
  const table = {
    origin: "reference" as const,
    rows: numbers(shape.orientations),
    colour: (value: number) => signed(value / most),
    rowClass: "teach-slice",
    columnClass: "teach-image",
  };
  const wide = {
    ...table,
    columns: columnNames(shape),
    chosen: [o, columnOf(shape, i, t)] as const,
    onChoose: (row: number, j: number) => update({ o: row, ...poseOfColumn(shape, j) }),
  };
  const text = words.product;
  return (
    <>
      <div class="teach-margins">
        <Matrix
          {...table}
          caption={text.energyTable}
          columns={particleNames}
          value={(row, column) => energy_io[column * shape.orientations + row]}
          chosen={[o, i]}
        />
        <Matrix
          {...table}
          caption={text.constantTable}
          rows={[text.everyRow]}
          columns={particleNames}
          value={(_, column) => constant_i[column]}
          chosen={[0, i]}
        />
      </div>
      <Matrix
        {...wide}
        caption={fill(text.crossTable, productSizes(shape))}
        value={(row, j) => cross_iot[cellSample(shape, row, j)]}
      />
      <Matrix {...wide} caption={text.diff2Table} value={(row, j) => diff2_iot[cellSample(shape, row, j)]} />
    </>
  );
}

/** The same tables as pictures. */
function Pictures({ state, update, all }: Props) {
  const { shape } = all.data;
  const { particles, orientations, translations } = shape;
  const { constant_i, cross_iot, diff2_iot, energy_io } = all.differences;
  const { i, o, t } = state;
  const text = words.product;
  const columns = particles * translations;
  const pictures = useMemo(() => {
    const most = Math.max(...constant_i, ...cross_iot.map(Math.abs), ...energy_io);
    const picture = (rows: number, across: number, value: (row: number, column: number) => number) => ({
      rows,
      columns: across,
      scale: signedScale,
      shades: Int16Array.from({ length: rows * across }, (_, at) =>
        stepOf((1 + value(Math.floor(at / across), at % across) / most) / 2, signedScale),
      ),
    });
    const of = (values: Float64Array) => (row: number, j: number) => values[cellSample(shape, row, j)];
    return {
      energy: {
        ...picture(orientations, particles, (row, p) => energy_io[p * orientations + row]),
        aspect: 2.4,
      },
      constant: { ...picture(1, particles, (_, p) => constant_i[p]), aspect: 12 },
      cross: { ...picture(orientations, columns, of(cross_iot)), aspect: 1.2 },
      diff2: { ...picture(orientations, columns, of(diff2_iot)), aspect: 1.2 },
    };
  }, [all]);
  const particle = {
    origin: "reference" as const,
    heads: numbers(particles),
    onChoose: (row: number, p: number) => update({ o: row, i: p }),
  };
  const wide = {
    origin: "reference" as const,
    heads: numbers(particles),
    lines: { rows: [], columns: particleStarts(particles, translations) },
    chosen: [o, columnOf(shape, i, t)] as const,
    onChoose: (row: number, j: number) => update({ o: row, ...poseOfColumn(shape, j) }),
  };
  const reader = (values: Float64Array) => (row: number, j: number) =>
    `${poseText(all.data, row, j)}: ${number(values[cellSample(shape, row, j)])}`;
  return (
    <div class="teach-pictures">
      <PictureGrid
        {...particle}
        name={text.energyTable}
        picture={pictures.energy}
        chosen={[o, i]}
        read={(row, p) =>
          fill(text.energyCell, {
            o: row + 1,
            i: p + 1,
            value: number(energy_io[p * orientations + row]),
          })
        }
      />
      <PictureGrid
        {...particle}
        name={text.constantTable}
        picture={pictures.constant}
        chosen={[0, i]}
        onChoose={(_, p) => update({ i: p })}
        read={(_, p) => fill(text.constantCell, { i: p + 1, value: number(constant_i[p]) })}
      />
      <PictureGrid
        {...wide}
        name={fill(text.crossTable, productSizes(shape))}
        picture={pictures.cross}
        read={reader(cross_iot)}
      />
      <PictureGrid {...wide} name={text.diff2Table} picture={pictures.diff2} read={reader(diff2_iot)} />
    </div>
  );
}
