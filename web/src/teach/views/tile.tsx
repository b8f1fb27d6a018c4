import { useMemo, useState } from "preact/hooks";
import { bestRuntime, cases, race, raceRuns, races } from "../compute.js";
import { type CoarseShape, operandReads, partCounts, tileBytes } from "../model/counts.js";
import { workgroupLimit } from "../model/puzzles.js";
import { median, raceShape } from "../model/race.js";
import { type Block, blockAt, movedImage, partialSums } from "../model/terms.js";
import { Figure, Slider, type ViewProps } from "../parts.js";
import { heatScale, hueScale, Picture, PictureGrid, stepOf } from "../picture.js";
import type { Prepared, StrategyCounts } from "../teach.worker.js";
import { count, decimal, From, fill, number, Rich, words } from "../text.js";
import { cellReader, columnOf, deviceName, numbers, poseOfColumn } from "./names.js";
import { tablePicture } from "./table.js";

/** The side of the tile is right. */
const guesses = (side: number) => [side / 8, side / 2, side, side * side];

/** Asks before it tells. */
export function Guess({
  answer,
  onAnswer,
}: {
  readonly answer: number;
  readonly onAnswer: (right: boolean) => void;
}) {
  return (
    <div class="teach-guess">
      <p>{fill(words.steps.tile.guess, { side: answer })}</p>
      <div class="teach-row">
        {guesses(answer).map((guess) => (
          <button type="button" key={guess} onClick={() => onAnswer(guess === answer)}>
            {fill(words.tile.times, { count: guess })}
          </button>
        ))}
      </div>
    </div>
  );
}

const sliceScale = hueScale("series-0");
const imageScale = hueScale("series-1");
/** Room of a tile that holds nothing, slices, images, sums. */
const tileScale = ["var(--panel)", ...sliceScale, ...imageScale, ...heatScale];
const [sliceStep, imageStep, sumStep] = [1, 1 + sliceScale.length, 1 + sliceScale.length + imageScale.length];

const strengths = (values: Float64Array) =>
  Float64Array.from({ length: values.length / 2 }, (_, at) => Math.hypot(values[2 * at], values[2 * at + 1]));

/** Strengths of the values that the tiles of a block hold, as shares of the strongest. */
function operands(data: Prepared["data"], block: Block) {
  const { translations, pixels } = data.shape;
  const shares = (values: Float64Array) => {
    const most = values.reduce((a, b) => Math.max(a, b), 0);
    return values.map((value) => Math.sqrt(value / most));
  };
  const from = 2 * block.firstRow * pixels;
  const moved = Array.from({ length: block.columns }, (_, column) => {
    const j = block.firstColumn + column;
    return strengths(movedImage(data, Math.floor(j / translations), j % translations));
  });
  const images = new Float64Array(block.columns * pixels);
  for (const [column, own] of moved.entries()) images.set(own, column * pixels);
  return {
    slices: shares(strengths(data.slices_ok.subarray(from, from + 2 * block.rows * pixels))),
    images: shares(images),
    sums: partialSums(data, block),
  };
}

/** The tiles in workgroup memory and the block of partial sums. */
export function TilePicture({
  all,
  side,
  depth,
  part,
  block = blockAt(all.data, side, 0, 0),
}: {
  readonly all: Prepared;
  /** Default: the first one. */
  readonly block?: Block;
  readonly side: number;
  readonly depth: number;
  readonly part: number;
}) {
  const { data } = all;
  const { pixels } = data.shape;
  const { rows, columns, firstRow, firstColumn } = block;
  const { slices, images, sums } = useMemo(
    () => operands(data, block),
    [data, firstRow, firstColumn, rows, columns],
  );
  const from = part * depth;
  const to = Math.min(pixels, from + depth);
  const corner = depth + 1;
  const total = corner + side;
  const shades = useMemo(() => {
    const steps = new Int16Array(total * total).fill(-1);
    const put = (row: number, column: number, step: number) => {
      steps[row * total + column] = step;
    };
    for (let a = 0; a < side; a++) {
      for (let k = 0; k < depth; k++) {
        const loaded = from + k < to;
        put(
          corner + a,
          k,
          loaded && a < rows ? sliceStep + stepOf(slices[a * pixels + from + k], sliceScale) : 0,
        );
        put(
          k,
          corner + a,
          loaded && a < columns ? imageStep + stepOf(images[a * pixels + from + k], imageScale) : 0,
        );
      }
      for (let b = 0; b < side; b++) put(corner + a, corner + b, 0);
    }
    const found = sums(to);
    const [least, most] = found.reduce(
      ([low, high], sum) => [Math.min(low, sum), Math.max(high, sum)],
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    );
    for (const [at, sum] of found.entries())
      put(
        corner + Math.floor(at / columns),
        corner + (at % columns),
        sumStep + stepOf((most - sum) / (most - least)),
      );
    return steps;
  }, [sums, side, depth, part]);
  return (
    <div
      class="teach-tile"
      role="img"
      aria-label={fill(words.tile.picture, { side, rows, columns, from: from + 1, to })}
    >
      <Picture rows={total} columns={total} shades={shades} scale={tileScale} />
    </div>
  );
}

/** The workgroups of a large case over its table. */
function Workgroups({
  state,
  update,
  all,
  block,
  side,
}: ViewProps & { readonly all: Prepared; readonly block: Block; readonly side: number }) {
  const { data, differences } = all;
  const { shape } = data;
  const picture = useMemo(() => tablePicture(all), [all]);
  const read = useMemo(() => cellReader(data, differences), [all]);
  const starts = (count: number) =>
    Array.from({ length: Math.ceil(count / side) - 1 }, (_, at) => (at + 1) * side);
  const [down, across] = [picture.rows, picture.columns].map((count) => Math.ceil(count / side));
  return (
    <PictureGrid
      name={fill(words.tile.workgroups, {
        groups: down * across,
        down,
        across,
        rows: block.rows,
        columns: block.columns,
      })}
      origin="reference"
      picture={picture}
      chosen={[state.o, columnOf(shape, state.i, state.t)]}
      onChoose={(o, j) => update({ o, ...poseOfColumn(shape, j) })}
      read={read}
      lines={{ rows: starts(picture.rows), columns: starts(picture.columns) }}
      block={[block.firstRow, block.firstColumn, block.rows, block.columns]}
      heads={numbers(shape.particles)}
    />
  );
}

export function TileView(props: ViewProps & { readonly all: Prepared }) {
  const { state, update, all } = props;
  const [answered, setAnswered] = useState<boolean>();
  const { data } = all;
  const { shape } = data;
  const { pixels } = shape;
  const made = all.tiles.tiled;
  const { side, depth } = state;
  const parts = Math.ceil(pixels / depth);
  const part = Math.min(state.part, parts - 1);
  const text = words.tile;
  if (answered === undefined && !state.hidden.includes("guess"))
    return <Guess answer={made.side} onAnswer={setAnswered} />;
  const measured = cases[data.name].badges.value.find(
    (badge) => "workgroupBytes" in badge && badge.runtime === "webgpu",
  );
  const limit =
    measured !== undefined && "workgroupBytes" in measured ? measured.workgroupBytes : workgroupLimit;
  const bytes = tileBytes(side, depth);
  const production = side === made.side && depth === made.depth;
  const block = blockAt(data, side, state.o, columnOf(shape, state.i, state.t));
  const counted = all.strategies?.tiled.parts[part];
  const reads = counted ?? partCounts(made, block, pixels, part);
  return (
    <div class="teach-stack">
      {answered !== undefined && (
        <p class="teach-answer" role="status">
          {answered ? text.right : fill(text.wrong, { side: made.side })}
          {fill(text.answer, { side: made.side })}
        </p>
      )}
      {data.name !== "tiny" && <Workgroups {...props} block={block} side={side} />}
      <div class="teach-tile-row">
        <Figure
          note={
            <>
              <Rich text={text.legend} /> <From origin="reference" />
            </>
          }
        >
          <TilePicture all={all} block={block} side={side} depth={depth} part={part} />
        </Figure>
        <div class="teach-stack">
          <Slider
            name={text.part}
            walks
            value={part}
            least={0}
            most={parts - 1}
            text={fill(text.partOf, {
              at: part + 1,
              all: parts,
              from: part * depth + 1,
              to: Math.min(pixels, (part + 1) * depth),
            })}
            onChange={(value) => update({ part: value })}
          />
          <Slider
            name={text.side}
            value={side}
            least={4}
            most={128}
            step={4}
            text={`${side} × ${side}`}
            onChange={(value) => update({ side: value })}
          />
          <Slider
            name={text.depth}
            value={depth}
            least={2}
            most={32}
            step={2}
            text={String(depth)}
            onChange={(value) => update({ depth: value, part: 0 })}
          />
          <p class="small quiet">
            {production ? (
              <>
                {text.constants} <From origin="kernel" />
              </>
            ) : (
              <button
                type="button"
                class="plain teach-link"
                onClick={() => update({ side: made.side, depth: made.depth, part: 0 })}
              >
                {fill(text.back, { side: made.side, depth: made.depth })}
              </button>
            )}
          </p>
          <meter class="visually-hidden" min={0} max={limit} value={Math.min(bytes, limit)}>
            {fill(text.memory, { bytes, limit })}
          </meter>
          <div class={bytes > limit ? "teach-bar over" : "teach-bar"} aria-hidden="true">
            <span style={{ width: `${Math.min(100, (100 * bytes) / limit)}%` }} />
          </div>
          <p class="small">
            {fill(text.memory, { bytes, limit })}
            {bytes > limit && <strong class="teach-bad">{text.tooMuch}</strong>}{" "}
            <From origin={measured === undefined ? "kernel" : "measured"} />
            {measured === undefined && <span class="quiet"> {text.everyDevice}</span>}
          </p>
          {production && (
            <p class="small">
              {fill(text.thisPart, { ...reads })}{" "}
              <From origin={counted === undefined ? "formula" : "counted"} />
            </p>
          )}
        </div>
      </div>
      <Reads all={all} side={side} />
      <TimesHere />
    </div>
  );
}

/** Reads of slices and images that were counted one by one. */
const readsOfOperands = ({ sliceReads, imageReads }: StrategyCounts): number =>
  [sliceReads, imageReads].flatMap((reads) => [...reads]).reduce((sum, reads) => sum + reads, 0);

/** Reads of the operands, one by one and in tiles. */
function Reads({ all, side }: { readonly all: Prepared; readonly side: number }) {
  const text = words.tile;
  const batch = raceShape("batch");
  const byFormula = (of: CoarseShape) =>
    [1, side].map((edge) => {
      const { slices, images } = operandReads(of, edge);
      return slices + images;
    });
  const counts = side === all.tiles.tiled.side ? all.strategies : undefined;
  return (
    <Figure note={fill(text.batch, { ...batch })}>
      <div class="teach-scroll">
        <table class="teach-reads">
          <thead>
            <tr>
              <td />
              {[text.oneByOne, text.tiled, text.fewer].map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[
              {
                name: all.data.name === "tiny" ? text.tinyCase : text.largeCase,
                origin: counts === undefined ? ("formula" as const) : ("counted" as const),
                reads:
                  counts === undefined
                    ? byFormula(all.data.shape)
                    : [counts.direct, counts.tiled].map(readsOfOperands),
              },
              { name: text.refinement, origin: "formula" as const, reads: byFormula(batch) },
            ].map(({ name, origin, reads: [naive, tiled] }) => (
              <tr key={name}>
                <th scope="row">
                  {name} <From origin={origin} />
                </th>
                <td title={number(naive)}>{count(naive)}</td>
                <td title={number(tiled)}>{count(tiled)}</td>
                <td>{decimal((naive / tiled).toFixed(1))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Figure>
  );
}

/** The times of the plain and the tiled kernel on this machine, when the visitor asks. */
function TimesHere() {
  const found = races.value.small;
  const best = bestRuntime();
  if (found === undefined || found.running)
    return (
      <div class="teach-row">
        <button
          type="button"
          disabled={raceRuns() || best === undefined}
          onClick={() => best !== undefined && race(best, "small")}
        >
          {found?.running ? words.tile.measuring : words.tile.measure}
        </button>
      </div>
    );
  if (found.problem !== undefined)
    return <p class="small teach-bad">{fill(words.tile.notMeasured, { problem: found.problem })}</p>;
  const time = (strategy: string) => {
    const row = found.rows.find((one) => one.strategy === strategy);
    return row === undefined
      ? words.steps.race.notMeasured
      : `${decimal(median(row.times).toPrecision(3))} ms`;
  };
  const { particles: i, orientations: o, translations: t, pixels: k } = raceShape("small");
  return (
    <p role="status">
      {fill(words.tile.took, {
        scores: `${i} × ${o} × ${t}`,
        pixels: k,
        direct: time("direct"),
        tiled: time("tiled"),
        device: deviceName(found),
      })}{" "}
      <From origin="measured" />
    </p>
  );
}
