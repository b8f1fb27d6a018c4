import { useState } from "preact/hooks";
import { shape } from "../../../../src/app/small-case/case.js";
import { badges, bestRuntime, race, races } from "../compute.js";
import { operandReads, tileBytes } from "../model/counts.js";
import { partialSums } from "../model/gsd.js";
import { workgroupLimit } from "../model/puzzles.js";
import { median, raceShape } from "../model/race.js";
import { Figure, heat, Slider, type ViewProps } from "../parts.js";
import type { Prepared } from "../teach.worker.js";
import { count, From, number, words } from "../text.js";
import { cellSample } from "./table.js";

const { particles, orientations, translations, pixels } = shape;
const columns = particles * translations;
const guesses = [4, 16, 32, 1024];

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
      <p>{words.steps.tile.guess}</p>
      <div class="teach-row">
        {guesses.map((guess) => (
          <button type="button" key={guess} onClick={() => onAnswer(guess === answer)}>
            {number(guess)} times
          </button>
        ))}
      </div>
    </div>
  );
}

/** The tiles in workgroup memory and the block of partial sums. */
export function TilePicture({
  all,
  side,
  depth,
  part,
}: {
  readonly all: Prepared;
  readonly side: number;
  readonly depth: number;
  readonly part: number;
}) {
  const from = part * depth;
  const to = Math.min(pixels, from + depth);
  const sums = partialSums(all.differences, 0, to);
  const [least, most] = [Math.min(...sums), Math.max(...sums)];
  const gap = 1.5;
  const [rows, cols] = [Math.min(side, orientations), Math.min(side, columns)];
  const total = depth + gap + side;
  const { data } = all;
  const strength = (values: Float64Array, at: number) => Math.hypot(values[2 * at], values[2 * at + 1]);
  const strongest = (values: Float64Array) =>
    Math.max(...Array.from({ length: values.length / 2 }, (_, at) => strength(values, at)));
  const [mostS, mostX] = [strongest(data.slices_ok), strongest(data.images_ik)];
  /** One value of a tile: the stronger it is, the fuller its colour. */
  const cell = (word: "slice" | "image", x: number, y: number, share: number) => (
    <rect
      key={`${word} ${x} ${y}`}
      x={x + 0.05}
      y={y + 0.05}
      width={0.9}
      height={0.9}
      class={`teach-fill-${word}`}
      fill-opacity={0.25 + 0.75 * share}
    />
  );
  const loaded = to - from;
  return (
    <svg
      class="teach-tile"
      viewBox={`-0.5 -0.5 ${total + 1} ${total + 1}`}
      role="img"
      aria-label={`A tile of ${side} by ${side}: ${rows} orientations and ${cols} columns of the small case, pixels ${from + 1} to ${to} in workgroup memory, sums up to pixel ${to}`}
    >
      <rect x={0} y={depth + gap} width={depth} height={side} class="teach-room" />
      <rect x={depth + gap} y={0} width={side} height={depth} class="teach-room" />
      <rect x={depth + gap} y={depth + gap} width={side} height={side} class="teach-room" />
      {Array.from({ length: rows * loaded }, (_, at) => {
        const [o, k] = [Math.floor(at / loaded), at % loaded];
        return cell("slice", k, depth + gap + o, strength(data.slices_ok, o * pixels + from + k) / mostS);
      })}
      {Array.from({ length: cols * loaded }, (_, at) => {
        const [j, k] = [Math.floor(at / loaded), at % loaded];
        const own = Math.floor(j / translations) * pixels + from + k;
        return cell("image", depth + gap + j, k, strength(data.images_ik, own) / mostX);
      })}
      {Array.from({ length: rows * cols }, (_, at) => {
        const [o, j] = [Math.floor(at / cols), at % cols];
        return (
          <rect
            key={at}
            x={depth + gap + j + 0.05}
            y={depth + gap + o + 0.05}
            width={0.9}
            height={0.9}
            style={{ fill: heat((sums[cellSample(o, j)] - least) / (most - least)).background }}
          />
        );
      })}
    </svg>
  );
}

export function TileView({ state, update, all }: ViewProps & { readonly all: Prepared }) {
  const [answered, setAnswered] = useState<boolean>();
  const made = all.tiles.tiled;
  const { side, depth } = state;
  const parts = Math.ceil(pixels / depth);
  const part = Math.min(state.part, parts - 1);
  if (answered === undefined && !state.hidden.includes("guess"))
    return <Guess answer={made.side} onAnswer={setAnswered} />;
  const measured = badges.value.find((badge) => "workgroupBytes" in badge && badge.runtime === "webgpu");
  const limit =
    measured !== undefined && "workgroupBytes" in measured ? measured.workgroupBytes : workgroupLimit;
  const bytes = tileBytes(side, depth);
  const production = side === made.side && depth === made.depth;
  const batch = raceShape("batch");
  const small = { particles, orientations, translations, pixels };
  const counted = all.strategies.tiled.parts[part];
  return (
    <div class="teach-stack">
      {answered !== undefined && (
        <p class="teach-answer" role="status">
          {answered ? "Yes: " : "It is 32: "}a full tile reads each value once where 32 sums use it. The paper
          says so, and the table below counts it.
        </p>
      )}
      <div class="teach-tile-row">
        <TilePicture all={all} side={side} depth={depth} part={part} />
        <div class="teach-stack">
          <Slider
            name="Part of the sum"
            value={part}
            least={0}
            most={parts - 1}
            text={`${part + 1} of ${parts}: pixels ${part * depth + 1} to ${Math.min(pixels, (part + 1) * depth)}`}
            onChange={(value) => update({ part: value })}
          />
          <Slider
            name="Side of the tile"
            value={side}
            least={4}
            most={128}
            step={4}
            text={`${side} × ${side}`}
            onChange={(value) => update({ side: value })}
          />
          <Slider
            name="Pixels a part"
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
                These are the constants of diff2_tiled. <From origin="kernel" />
              </>
            ) : (
              <button
                type="button"
                class="plain teach-link"
                onClick={() => update({ side: made.side, depth: made.depth, part: 0 })}
              >
                Back to the kernel's {made.side} × {made.side} × {made.depth}
              </button>
            )}
          </p>
          <meter class="visually-hidden" min={0} max={limit} value={Math.min(bytes, limit)}>
            {bytes} of {limit} bytes
          </meter>
          <div class={bytes > limit ? "teach-bar over" : "teach-bar"} aria-hidden="true">
            <span style={{ width: `${Math.min(100, (100 * bytes) / limit)}%` }} />
          </div>
          <p class="small">
            {number(bytes)} of {number(limit)} bytes of workgroup memory
            {bytes > limit && <strong class="teach-bad">: does not fit</strong>}{" "}
            <From origin={measured === undefined ? "kernel" : "measured"} />
            {measured === undefined && <span class="quiet"> (what every WebGPU device has)</span>}
          </p>
          {production && counted !== undefined && (
            <p class="small">
              This part: {number(counted.global)} reads of the card's memory, {number(counted.written)} values
              written to the tile, {number(counted.shared)} read from it <From origin="counted" />
            </p>
          )}
        </div>
      </div>
      <Figure
        note={
          <>
            Reads of slices and images. The batch has {batch.particles} particles, {batch.orientations}{" "}
            orientations, {batch.translations} translations and {number(batch.pixels)} pixels.{" "}
            <From origin="formula" />
          </>
        }
      >
        <div class="teach-scroll">
          <table class="teach-reads">
            <thead>
              <tr>
                <td />
                <th scope="col">one by one</th>
                <th scope="col">tiled</th>
                <th scope="col">times fewer</th>
              </tr>
            </thead>
            <tbody>
              {[
                { name: "this small case", of: small },
                {
                  name: "a batch of a refinement",
                  of: batch,
                },
              ].map(({ name, of }) => {
                const [naive, tiled] = [1, side].map((edge) => {
                  const { slices, images } = operandReads(of, edge);
                  return slices + images;
                });
                return (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td title={number(naive)}>{count(naive)}</td>
                    <td title={number(tiled)}>{count(tiled)}</td>
                    <td>{(naive / tiled).toFixed(1)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      </Figure>
      <TimesHere />
    </div>
  );
}

/** The times of the plain and the tiled kernel on this machine, when the visitor asks. */
function TimesHere() {
  const found = races.value.small;
  if (found === undefined || found.running)
    return (
      <div class="teach-row">
        <button type="button" disabled={found?.running} onClick={() => race(bestRuntime(), "small")}>
          {found?.running ? "Measuring…" : "Measure both kernels here"}
        </button>
      </div>
    );
  if (found.problem !== undefined) return <p class="small teach-bad">Not measured: {found.problem}</p>;
  const time = (strategy: string) => {
    const row = found.rows.find((one) => one.strategy === strategy);
    return row === undefined ? "not measured" : `${median(row.times).toPrecision(3)} ms`;
  };
  const { particles: i, orientations: o, translations: t, pixels: k } = raceShape("small");
  return (
    <p role="status">
      For {i} × {o} × {t} scores of {k} pixels the plain kernel took {time("direct")} and the tiled one{" "}
      {time("tiled")}, on {found.device}. <From origin="measured" />
    </p>
  );
}
