import { shape } from "../../../../src/app/small-case/case.js";
import { Measure } from "../../shell/ui.js";
import { sampleOf } from "../model/gsd.js";
import { Figure, heat, Matrix, type ViewProps } from "../parts.js";
import type { Prepared } from "../teach.worker.js";
import { From, number } from "../text.js";

const { particles, orientations, translations, pixels } = shape;

export const columnNames = Array.from(
  { length: particles * translations },
  (_, j) => `${Math.floor(j / translations) + 1}${"−·+"[j % translations]}`,
);
export const rowNames = Array.from({ length: orientations }, (_, o) => String(o + 1));
/** Sample of a row (orientation) and column (particle and translation). */
export const cellSample = (o: number, j: number): number =>
  sampleOf(Math.floor(j / translations), o, j % translations);

/** Squared differences with their constants: what formula 5.1 says. */
export function fullDifferences({ differences: { diff2_iot, constant_i } }: Prepared): Float64Array {
  return diff2_iot.map(
    (value, sample) => value + constant_i[Math.floor(sample / (orientations * translations))],
  );
}

/** Values in rows of pixels, each as dark as it was read often; one row in front. */
export function ReadStrip({
  name,
  word,
  rows,
  reads,
  lit,
}: {
  readonly name: string;
  readonly word: string;
  readonly rows: readonly string[];
  readonly reads: Uint32Array;
  readonly lit: number;
}) {
  return (
    <Figure
      note={
        <>
          <span class={`teach-word teach-${word}`}>{name}</span>: each value read {number(Math.max(...reads))}{" "}
          times <From origin="counted" />
        </>
      }
    >
      <svg
        class="teach-strip"
        style={{ "--rows": rows.length }}
        viewBox={`0 0 ${pixels} ${rows.length}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${name}: ${rows.length} rows of ${pixels} values; row ${rows[lit]} is what the chosen cell reads`}
      >
        {rows.map((row, r) =>
          Array.from({ length: pixels }, (_, k) => (
            <rect
              key={`${row} ${k}`}
              x={k + 0.05}
              y={r + 0.06}
              width={0.9}
              height={0.88}
              class={`teach-fill-${word}${r === lit ? "" : " faint"}`}
            />
          )),
        )}
      </svg>
    </Figure>
  );
}

export function TableView({ state, update, all }: ViewProps & { readonly all: Prepared }) {
  const values = fullDifferences(all);
  const each = orientations * translations;
  /** How near a score is, from 0 to 1 within its particle. */
  const near = (sample: number) => {
    const own = values.subarray(Math.floor(sample / each) * each, (Math.floor(sample / each) + 1) * each);
    const [least, most] = [Math.min(...own), Math.max(...own)];
    return (most - values[sample]) / (most - least);
  };
  const { direct } = all.strategies;
  const total = (reads: Uint32Array) => reads.reduce((sum, count) => sum + count, 0);
  return (
    <div class="teach-stack">
      <Matrix
        caption="Squared differences; the stronger the colour, the nearer within a particle. Columns: particle and translation −1, 0, 1. Rows: orientation."
        rows={rowNames}
        columns={columnNames}
        value={(o, j) => values[cellSample(o, j)]}
        colour={(_, o, j) => heat(near(cellSample(o, j)))}
        chosen={[state.o, state.i * translations + state.t]}
        onChoose={(o, j) => update({ o, i: Math.floor(j / translations), t: j % translations })}
        rowClass="teach-slice"
        columnClass="teach-image"
      />
      <ReadStrip name="slices" word="slice" rows={rowNames} reads={direct.sliceReads} lit={state.o} />
      <ReadStrip
        name="images"
        word="image"
        rows={["1", "2", "3", "4"]}
        reads={direct.imageReads}
        lit={state.i}
      />
      <dl class="teach-line">
        <Measure name="for one cell" value={`${pixels} + ${pixels}`} unit="values" />
        <Measure
          name="for all 72 cells"
          value={number(total(direct.sliceReads) + total(direct.imageReads))}
          unit="reads"
        />
        <Measure name="different values" value={number((orientations + particles) * pixels)} />
      </dl>
    </div>
  );
}
