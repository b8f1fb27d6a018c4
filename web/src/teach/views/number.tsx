import { shape, size } from "../../../../src/app/small-case/case.js";
import { Measure } from "../../shell/ui.js";
import { partialSums, sampleOf } from "../model/gsd.js";
import { Choice, Figure, heat, Slider, type ViewProps } from "../parts.js";
import type { Prepared } from "../teach.worker.js";
import { From, number } from "../text.js";

const { particles, orientations, pixels } = shape;
const box = 16;

/** Values of a half transform: x to the right, y downwards. */
function HalfPlane({
  name,
  word,
  xy,
  values,
  k,
  onChoose,
}: {
  readonly name: string;
  readonly word: string;
  readonly xy: Prepared["data"]["xy"];
  readonly values: ArrayLike<number>;
  readonly k: number;
  readonly onChoose: (k: number) => void;
}) {
  const most = Math.max(...Array.from(values));
  return (
    <Figure note={<span class={`teach-word teach-${word}`}>{name}</span>}>
      <svg
        class="teach-plane"
        viewBox="0 -3.5 5 8"
        role="img"
        aria-label={`${name}: largest value ${most.toFixed(2)}; pixel ${k + 1} has ${values[k].toFixed(3)}`}
      >
        {xy.map(([x, y], at) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the slider below does the same by keyboard
          <rect
            key={at}
            x={x + 0.04}
            y={y - 0.46}
            width={0.92}
            height={0.92}
            style={{ fill: heat(values[at] / most).background }}
            class={at === k ? "here" : ""}
            onClick={() => onChoose(at)}
          />
        ))}
      </svg>
    </Figure>
  );
}

/** Real and imaginary part of a moved image value. */
function moved({ data }: Prepared, i: number, t: number, k: number): readonly [number, number] {
  const [x, y] = data.xy[k];
  const angle =
    (-2 * Math.PI * (x * data.translations_t2[2 * t] + y * data.translations_t2[2 * t + 1])) / box;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const [re, im] = [data.images_ik[2 * (i * pixels + k)], data.images_ik[2 * (i * pixels + k) + 1]];
  return [re * c - im * s, re * s + im * c];
}

const complex = ([re, im]: readonly [number, number]) =>
  `${re.toFixed(2)} ${im < 0 ? "−" : "+"} ${Math.abs(im).toFixed(2)}i`;

export function NumberView({ state, update, all }: ViewProps & { readonly all: Prepared }) {
  const { i, o, t, k } = state;
  const { data, differences } = all;
  const sample = sampleOf(i, o, t);
  const slice = (at: number) =>
    [data.slices_ok[2 * (o * pixels + at)], data.slices_ok[2 * (o * pixels + at) + 1]] as const;
  const ctf = (at: number) => data.ctf_ik[i * pixels + at];
  const each = Array.from({ length: pixels }, (_, at) => at);
  const terms = each.map((at) => differences.terms_k[at][sample]);
  const sums = each.map((at) => partialSums(differences, 0, at + 1)[sample]);
  const model = [ctf(k) * slice(k)[0], ctf(k) * slice(k)[1]] as const;
  const choose = (at: number) => update({ k: at });
  const planes = [
    { name: "slice |S|", word: "slice", values: each.map((at) => Math.hypot(...slice(at))) },
    {
      name: "as the microscope sees it |C S|",
      word: "ctf",
      values: each.map((at) => Math.abs(ctf(at)) * Math.hypot(...slice(at))),
    },
    {
      name: "particle, moved |X e|",
      word: "image",
      values: each.map((at) => Math.hypot(...moved(all, i, t, at))),
    },
    { name: "½ w |C S − X e|²", word: "weight", values: terms },
  ];
  const range = (count: number) =>
    Array.from({ length: count }, (_, value) => ({ value, label: String(value + 1) }));
  const path = sums
    .map(
      (value, at) =>
        `${at === 0 ? "M" : "L"}${((at + 1) * 100) / pixels} ${30 - (28 * value) / sums[pixels - 1]}`,
    )
    .join("");
  return (
    <div class="teach-stack">
      <div class="teach-row">
        <Choice
          name="Particle"
          options={range(particles)}
          value={i}
          onChange={(value) => update({ i: value })}
        />
        <Choice
          name="Orientation"
          options={range(orientations)}
          value={o}
          onChange={(value) => update({ o: value })}
        />
        <Choice
          name="Translation"
          options={["−1", "0", "1"].map((label, value) => ({ value, label }))}
          value={t}
          onChange={(value) => update({ t: value })}
        />
      </div>
      <div class="teach-planes">
        {planes.map((plane) => (
          <HalfPlane key={plane.name} {...plane} xy={data.xy} k={k} onChoose={choose} />
        ))}
      </div>
      <Slider
        name="Pixel"
        value={k}
        least={0}
        most={pixels - 1}
        text={`${k + 1} of ${pixels}, at (${data.xy[k].join(", ")})`}
        onChange={choose}
      />
      <Figure
        note={
          <>
            The sum over pixels 1 to {k + 1}. The half transform of an image of {size} pixels has {pixels}{" "}
            that count. <From origin="reference" />
          </>
        }
      >
        <svg class="teach-growth" viewBox="0 0 100 32" preserveAspectRatio="none" aria-hidden="true">
          <path d={path} />
          <line x1={((k + 1) * 100) / pixels} x2={((k + 1) * 100) / pixels} y1="0" y2="32" />
        </svg>
      </Figure>
      <dl class="teach-line">
        <Measure name="w" value={data.weights_ik[i * pixels + k].toFixed(2)} />
        <Measure name="C S" value={complex(model)} />
        <Measure name="X e" value={complex(moved(all, i, t, k))} />
        <Measure name={`term ${k + 1}`} value={terms[k].toFixed(3)} />
        <Measure name={`sum to ${k + 1}`} value={number(sums[k], 3)} />
        <Measure name="Γ" value={number(sums[pixels - 1], 3)} />
      </dl>
    </div>
  );
}
