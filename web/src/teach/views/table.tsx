import { useMemo } from "preact/hooks";
import { Measure } from "../../shell/ui.js";
import { countReads } from "../model/counts.js";
import { fullDifferences, nearness } from "../model/gsd.js";
import { Figure, heat, Matrix, Measures, type ViewProps } from "../parts.js";
import { heatScale, PictureGrid, type PictureProps, stepOf } from "../picture.js";
import type { Prepared } from "../teach.worker.js";
import { From, fill, number, words } from "../text.js";
import { cellReader, cellSample, columnNames, columnOf, numbers, poseOfColumn } from "./names.js";

/** Values in rows of pixels; the row that the chosen cell reads in front. */
export function ReadStrip({
  name,
  word,
  rows,
  pixels,
  reads,
  counted,
  lit,
}: {
  readonly name: string;
  readonly word: string;
  readonly rows: number;
  readonly pixels: number;
  /** Of each value. */
  readonly reads: number;
  readonly counted: boolean;
  readonly lit: number;
}) {
  /** Single values while they can be told apart, else whole rows. */
  const cells = pixels <= 64 ? pixels : 1;
  return (
    <Figure
      note={
        <>
          <span class={`teach-word teach-${word}`}>{name}</span>: {fill(words.table.reads, { times: reads })}{" "}
          <From origin={counted ? "counted" : "formula"} />
        </>
      }
    >
      <svg
        class="teach-strip"
        style={{ "--rows": Math.min(rows, 10) }}
        viewBox={`0 0 ${cells} ${rows}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={fill(words.table.strip, { name, rows, pixels, lit: lit + 1 })}
      >
        {[
          { kind: " faint", shown: numbers(rows).map((_, row) => row) },
          { kind: "", shown: [lit] },
        ].map(({ kind, shown }) => (
          <path
            key={kind}
            class={`teach-fill-${word}${kind}`}
            d={shown
              .flatMap((row) =>
                Array.from(
                  { length: cells },
                  (_, k) =>
                    `M${k + (cells > 1 ? 0.05 : 0)} ${row + 0.06}h${cells > 1 ? 0.9 : 1}v0.88H${k + (cells > 1 ? 0.05 : 0)}z`,
                ),
              )
              .join("")}
          />
        ))}
      </svg>
    </Figure>
  );
}

/** The table of a large case as a picture: orientations down, particles and translations across. */
export function tablePicture({ data: { shape }, differences }: Prepared): PictureProps {
  const near = nearness(shape, fullDifferences(shape, differences));
  const columns = shape.particles * shape.translations;
  const shades = Int16Array.from({ length: shape.orientations * columns }, (_, at) =>
    stepOf(near[cellSample(shape, Math.floor(at / columns), at % columns)] ** 2),
  );
  return { rows: shape.orientations, columns, shades, scale: heatScale, aspect: 1.5 };
}

/** Where the columns of a particle begin, but for the first. */
export const particleStarts = (count: number, each: number): number[] =>
  Array.from({ length: count - 1 }, (_, i) => (i + 1) * each);

export function TableView({ state, update, all }: ViewProps & { readonly all: Prepared }) {
  const { data, differences, strategies } = all;
  const { shape } = data;
  const { particles, orientations, translations, pixels } = shape;
  const values = useMemo(() => fullDifferences(shape, differences), [all]);
  const near = useMemo(() => nearness(shape, values), [all]);
  const picture = useMemo(() => tablePicture(all), [all]);
  const read = useMemo(() => cellReader(data, differences), [all]);
  const chosen = [state.o, columnOf(shape, state.i, state.t)] as const;
  const choose = (o: number, j: number) => update({ o, ...poseOfColumn(shape, j) });
  const direct = strategies?.direct;
  const columns = particles * translations;
  const samples = orientations * columns;
  const formula = countReads("direct", shape, all.tiles).diff2_direct;
  const sum = (reads: Uint32Array) => reads.reduce((total, count) => total + count, 0);
  const text = words.table;
  return (
    <div class="teach-stack">
      {data.name === "tiny" ? (
        <Matrix
          caption={text.caption}
          origin="reference"
          rows={numbers(orientations)}
          columns={columnNames(shape)}
          value={(o, j) => values[cellSample(shape, o, j)]}
          colour={(_, o, j) => heat(near[cellSample(shape, o, j)])}
          chosen={chosen}
          onChoose={choose}
          rowClass="teach-slice"
          columnClass="teach-image"
        />
      ) : (
        <PictureGrid
          name={fill(text.picture, { orientations, columns, particles, translations })}
          origin="reference"
          picture={picture}
          chosen={chosen}
          onChoose={choose}
          read={read}
          lines={{ rows: [], columns: particleStarts(particles, translations) }}
          heads={numbers(particles)}
        />
      )}
      <ReadStrip
        name={text.slices}
        word="slice"
        rows={orientations}
        pixels={pixels}
        reads={
          direct === undefined ? formula.slices / (orientations * pixels) : Math.max(...direct.sliceReads)
        }
        counted={direct !== undefined}
        lit={state.o}
      />
      <ReadStrip
        name={text.images}
        word="image"
        rows={particles}
        pixels={pixels}
        reads={direct === undefined ? formula.images / (particles * pixels) : Math.max(...direct.imageReads)}
        counted={direct !== undefined}
        lit={state.i}
      />
      <Measures origin={direct === undefined ? "formula" : "counted"}>
        <Measure name={text.one} value={`${number(pixels)} + ${number(pixels)}`} unit={text.values} />
        <Measure
          name={fill(text.all, { cells: samples })}
          value={number(
            direct === undefined
              ? formula.slices + formula.images
              : sum(direct.sliceReads) + sum(direct.imageReads),
          )}
          unit={text.readsUnit}
        />
        <Measure
          name={text.different}
          value={number((orientations + particles) * pixels)}
          unit={text.values}
        />
      </Measures>
    </div>
  );
}
