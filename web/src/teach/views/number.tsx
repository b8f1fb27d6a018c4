import { useMemo } from "preact/hooks";
import { Measure } from "../../shell/ui.js";
import { movedImage, termsOf } from "../model/terms.js";
import { Choice, Figure, Slider, type ViewProps } from "../parts.js";
import { heatScale, MarkedPicture, stepOf } from "../picture.js";
import type { Prepared } from "../teach.worker.js";
import { decimal, From, fill, number, words } from "../text.js";
import { translationName } from "./names.js";

/** Values of a half transform: x to the right, y downwards. */
function HalfPlane({
  name,
  word,
  data,
  values,
  k,
  onChoose,
}: {
  readonly name: string;
  readonly word: string;
  readonly data: Prepared["data"];
  readonly values: Float64Array;
  readonly k: number;
  readonly onChoose: (k: number) => void;
}) {
  const rows = data.shape.size;
  const columns = rows / 2 + 1;
  const most = useMemo(() => Math.max(...values), [values]);
  const cell = ([x, y]: readonly [number, number]) => [y + rows / 2 - 1, x] as const;
  const shades = useMemo(() => {
    const steps = new Int16Array(rows * columns).fill(-1);
    for (const [at, xy] of data.xy.entries()) {
      const [row, column] = cell(xy);
      const share = values[at] / most;
      // The low shells of a real molecule hold nearly all of it: its pictures go by the square root.
      steps[row * columns + column] = stepOf(data.name === "tiny" ? share : Math.sqrt(share));
    }
    return steps;
  }, [values]);
  return (
    <Figure note={<span class={`teach-word teach-${word}`}>{name}</span>}>
      <div class="teach-plane" style={{ "--aspect": columns / rows }}>
        <MarkedPicture
          picture={{ rows, columns, shades, scale: heatScale }}
          marked={cell(data.xy[k])}
          label={fill(words.number.plane, {
            name,
            most: decimal(most.toFixed(2)),
            pixel: k + 1,
            value: decimal(values[k].toFixed(3)),
          })}
          onPoint={(row, column) => {
            const at = data.xy.findIndex(([x, y]) => x === column && y + rows / 2 - 1 === row);
            if (at >= 0) onChoose(at);
          }}
        />
      </div>
    </Figure>
  );
}

const complex = (values: Float64Array, k: number) => {
  const [re, im] = [values[2 * k], values[2 * k + 1]];
  return `${decimal(re.toFixed(2))} ${im < 0 ? "−" : "+"} ${decimal(Math.abs(im).toFixed(2))}i`;
};
const moduli = (values: Float64Array) =>
  Float64Array.from({ length: values.length / 2 }, (_, k) => Math.hypot(values[2 * k], values[2 * k + 1]));

/** All that the view draws of one sample. */
function sampleNumbers(data: Prepared["data"], i: number, o: number, t: number) {
  const K = data.shape.pixels;
  const slice = data.slices_ok.subarray(2 * o * K, 2 * (o + 1) * K);
  const model = slice.map((value, at) => data.ctf_ik[i * K + (at >> 1)] * value);
  const moved = movedImage(data, i, t);
  const terms = termsOf(data, i, o, t);
  let sum = 0;
  const sums = terms.map((term) => {
    sum += term;
    return sum;
  });
  // As many points as a screen can show.
  const every = Math.ceil(K / 400);
  const path = Array.from(sums, (value, at) =>
    at % every === 0 || at === K - 1
      ? `${at === 0 ? "M" : "L"}${((at + 1) * 100) / K} ${30 - (28 * value) / sum}`
      : "",
  ).join("");
  return { model, moved, terms, sums, path, moduli: [slice, model, moved].map(moduli) };
}

/** Few of a kind to choose from, many to slide through. */
const few = 12;

export function PoseControls({ state, update, all }: ViewProps & { readonly all: Prepared }) {
  const { data } = all;
  const { particles, orientations, translations } = data.shape;
  const range = (count: number, label = (value: number) => String(value + 1)) =>
    Array.from({ length: count }, (_, value) => ({ value, label: label(value) }));
  return (
    <div class="teach-row">
      <Choice
        name={words.number.particle}
        options={range(particles)}
        value={state.i}
        onChange={(i) => update({ i })}
      />
      {orientations <= few ? (
        <Choice
          name={words.number.orientation}
          options={range(orientations)}
          value={state.o}
          onChange={(o) => update({ o })}
        />
      ) : (
        <Slider
          name={words.number.orientation}
          value={state.o}
          least={0}
          most={orientations - 1}
          text={fill(words.number.of, { at: state.o + 1, all: orientations })}
          onChange={(o) => update({ o })}
        />
      )}
      <Choice
        name={words.number.translation}
        options={range(translations, (t) => translationName(data, t))}
        value={state.t}
        onChange={(t) => update({ t })}
      />
    </div>
  );
}

export function NumberView(props: ViewProps & { readonly all: Prepared }) {
  const { state, update, all } = props;
  const { i, o, t, k } = state;
  const { data } = all;
  const { pixels, size } = data.shape;
  const { model, moved, terms, sums, path, moduli } = useMemo(
    () => sampleNumbers(data, i, o, t),
    [data, i, o, t],
  );
  const text = words.number;
  const planes = [
    { name: text.slice, word: "slice", values: moduli[0] },
    { name: text.dimmed, word: "ctf", values: moduli[1] },
    { name: text.moved, word: "image", values: moduli[2] },
    { name: "½ w |C S − X e|²", word: "weight", values: terms },
  ];
  const choose = (at: number) => update({ k: at });
  return (
    <div class="teach-stack">
      <PoseControls {...props} />
      <div class="teach-planes">
        {planes.map((plane) => (
          <HalfPlane key={plane.word} {...plane} data={data} k={k} onChoose={choose} />
        ))}
      </div>
      <Slider
        name={text.pixel}
        walks
        value={k}
        least={0}
        most={pixels - 1}
        text={fill(text.pixelAt, { at: k + 1, all: pixels, xy: data.xy[k].join(", ") })}
        onChange={choose}
      />
      <Figure
        note={
          <>
            {fill(text.sumNote, { to: k + 1, size, pixels })} {text.scale} {data.name !== "tiny" && text.root}{" "}
            <From origin="reference" />
          </>
        }
      >
        <svg class="teach-growth" viewBox="0 0 100 32" preserveAspectRatio="none" aria-hidden="true">
          <path d={path} />
          <line x1={((k + 1) * 100) / pixels} x2={((k + 1) * 100) / pixels} y1="0" y2="32" />
        </svg>
      </Figure>
      <dl class="teach-line">
        <Measure name="w" value={decimal(data.weights_ik[i * pixels + k].toFixed(2))} />
        <Measure name="C S" value={complex(model, k)} />
        <Measure name="X e" value={complex(moved, k)} />
        <Measure name={fill(text.termAt, { at: k + 1 })} value={decimal(terms[k].toFixed(3))} />
        <Measure name={fill(text.sumTo, { at: k + 1 })} value={number(sums[k], 3)} />
        <Measure name="Γ" value={number(sums[pixels - 1], 3)} />
      </dl>
    </div>
  );
}
