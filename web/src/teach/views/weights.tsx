import { useEffect, useState } from "preact/hooks";
import { rotations, shape, shifts } from "../../../../src/app/small-case/case.js";
import { children, parents, type Selection } from "../../../../src/app/small-case/select.js";
import { Measure } from "../../shell/ui.js";
import { compute } from "../compute.js";
import { breakEven, elementOf, globalSearch, layoutBytes } from "../model/weights.js";
import { Choice, Figure, heat, Slider, type ViewProps } from "../parts.js";
import type { Prepared } from "../teach.worker.js";
import { bytesText, From, number } from "../text.js";

const { particles, translations } = shape;

/** The 32 children of a parent as 8 x 4 cells. */
function Group({
  values,
  name,
  chosen,
  onChoose,
}: {
  readonly values: ArrayLike<number>;
  readonly name: string;
  readonly chosen: number;
  readonly onChoose: (child: number) => void;
}) {
  return (
    <svg class="teach-group" viewBox={`0 0 ${shifts} ${rotations}`} role="img" aria-label={name}>
      {Array.from({ length: children }, (_, child) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: the slider of elements does the same by keyboard
        <rect
          key={child}
          x={(child % shifts) + 0.06}
          y={Math.floor(child / shifts) + 0.06}
          width={0.88}
          height={0.88}
          style={{ fill: heat(0.08 + 0.92 * Math.sqrt(values[child])).background }}
          class={child === chosen ? "here" : ""}
          onClick={() => onChoose(child)}
        />
      ))}
    </svg>
  );
}

export function GroupsView({ state, update, all }: ViewProps & { readonly all: Prepared }) {
  const [selection, setSelection] = useState<Selection>();
  const fraction = state.kept / 1000;
  useEffect(() => {
    let current = true;
    compute()
      .select(fraction)
      .then((found) => current && setSelection(found));
    return () => {
      current = false;
    };
  }, [fraction]);
  if (selection === undefined) return <p class="quiet">Computing both passes…</p>;
  const { coarse, weights } = selection;
  const { firstSample_g, start_i, values_gs } = weights;
  const groups = firstSample_g.length;
  const element = Math.min(state.element, groups * children - 1);
  const own = element < 0 ? undefined : elementOf(weights, element);
  const isKept = (i: number, parent: number) =>
    firstSample_g.subarray(start_i[i], start_i[i + 1]).includes(parent * children);
  const bytes = layoutBytes(groups, particles * parents, state.bytes as 4 | 8);
  return (
    <div class="teach-stack">
      <Slider
        name="Probability that is kept"
        value={state.kept}
        least={300}
        most={1000}
        text={`${(state.kept / 10).toFixed(1)} %`}
        onChange={(kept) => update({ kept, element: -1 })}
      />
      <Figure
        note={
          <>
            Coarse weights of the 4 particles: 18 parents each, the kept ones framed.{" "}
            <From origin="reference" />
          </>
        }
      >
        <div class="teach-parents">
          {Array.from({ length: particles }, (_, i) => (
            <div
              key={i}
              role="img"
              aria-label={`Particle ${i + 1} keeps ${start_i[i + 1] - start_i[i]} of ${parents} parents`}
            >
              {Array.from({ length: parents }, (_, parent) => (
                <span
                  key={parent}
                  class={`teach-parent ${isKept(i, parent) ? "kept" : "gone"}`}
                  style={{ background: heat(Math.sqrt(coarse[i * parents + parent])).background }}
                />
              ))}
            </div>
          ))}
        </div>
      </Figure>
      <Figure
        note={
          <>
            The compact array: {groups} groups of {children} fine weights, one column of 8 × 4 each.
          </>
        }
      >
        <div class="teach-groups">
          {Array.from(firstSample_g, (first, g) => {
            const particle = elementOf(weights, g * children).particle;
            return (
              <div key={`${particle} ${first}`} class={start_i.includes(g) ? "teach-begins" : ""}>
                <Group
                  name={`Group ${g}: particle ${particle + 1}, children of parent ${first / children}`}
                  values={values_gs.subarray(g * children, (g + 1) * children)}
                  chosen={own?.group === g ? element % children : -1}
                  onChoose={(child) => update({ element: g * children + child })}
                />
                <code>{first}</code>
              </div>
            );
          })}
        </div>
      </Figure>
      <p class="teach-arrays">
        <code>firstSample_g = [{Array.from(firstSample_g).join(", ")}]</code>
        <code>start_i = [{Array.from(start_i).join(", ")}]</code>
      </p>
      <Slider
        name="Element"
        value={Math.max(0, element)}
        least={0}
        most={groups * children - 1}
        text={own === undefined ? "choose one" : `${element}`}
        onChange={(value) => update({ element: value })}
      />
      {own !== undefined && (
        <p role="status">
          Element {element} is sample {own.sample} of particle {own.particle + 1}: orientation{" "}
          {own.orientation + 1}, child {own.rotation + 1} of {rotations}; translation{" "}
          {own.translation - Math.floor(translations / 2)}, child {own.shift + 1} of {shifts}. That is{" "}
          {poseText(all, own.sample)}, with a weight of {values_gs[element].toPrecision(3)}.
        </p>
      )}
      <dl class="teach-line">
        <Measure name="dense" value={number(bytes.dense)} unit="bytes" />
        <Measure name="value and index" value={number(bytes.pairs)} unit="bytes" />
        <Measure name="groups" value={number(bytes.grouped)} unit="bytes" />
      </dl>
    </div>
  );
}

function poseText({ data: { poses } }: Prepared, sample: number): string {
  const [rot, tilt, psi, x, y] = poses.subarray(5 * sample, 5 * sample + 5);
  return `rot ${rot.toFixed(1)}°, tilt ${tilt.toFixed(1)}°, psi ${psi.toFixed(1)}°, moved by (${x.toFixed(2)}, ${y.toFixed(2)}) pixels`;
}

const layouts = [
  { name: "dense", label: "dense" },
  { name: "pairs", label: "value and index" },
  { name: "grouped", label: "groups of 32" },
] as const;

export function BytesView({ state, update }: ViewProps) {
  const total = globalSearch.orientations * globalSearch.translations;
  const valueBytes = state.bytes as 4 | 8;
  const kept = Math.min(state.parents, total);
  const bytes = layoutBytes(kept, total, valueBytes);
  const most = layoutBytes(total, total, valueBytes).pairs;
  const y = (value: number) => 200 - (190 * value) / most;
  const marks = (["pairs", "grouped"] as const).map((layout) => breakEven(layout, valueBytes));
  // A slider over six powers of ten.
  const position = Math.round((1000 * Math.log(kept)) / Math.log(total));
  return (
    <div class="teach-stack">
      <div class="teach-row">
        <Choice
          name="Numbers"
          options={[
            { value: 4, label: "float32" },
            { value: 8, label: "float64" },
          ]}
          value={state.bytes}
          onChange={(value) => update({ bytes: value })}
        />
        <Choice
          name="Parents"
          options={[
            { value: 100, label: "100" },
            { value: 1000, label: "1,000" },
            { value: 100_000, label: "100,000" },
            { value: total, label: "all" },
          ]}
          value={kept}
          onChange={(value) => update({ parents: value })}
        />
      </div>
      <Slider
        name="Kept parents"
        value={position}
        least={0}
        most={1000}
        text={`${number(kept)} of ${number(total)} (${((100 * kept) / total).toPrecision(3)} %)`}
        onChange={(value) => update({ parents: Math.max(1, Math.round(total ** (value / 1000))) })}
      />
      <dl class="teach-bytes">
        {layouts.map(({ name, label }) => (
          <div key={name}>
            <dt>{label}</dt>
            <dd class="teach-bytes-value">
              <strong>{bytesText(bytes[name])}</strong>
              <span class="quiet small"> {number(bytes[name])} bytes</span>
              <div class="teach-bar" aria-hidden="true">
                <span style={{ width: `${(100 * bytes[name]) / most}%` }} class={`teach-layout-${name}`} />
              </div>
            </dd>
          </div>
        ))}
      </dl>
      <Figure
        note={
          <>
            Bytes of one particle by the share of parents that is kept; the layouts cross the dense one at{" "}
            {marks.map((mark) => mark.toFixed(2)).join(" and ")}.
          </>
        }
      >
        <svg
          class="teach-chart"
          viewBox="-4 0 412 215"
          role="img"
          aria-label={`Dense storage is smaller than value and index from a share of ${marks[0].toFixed(2)} on, and smaller than groups from ${marks[1].toFixed(2)} on`}
        >
          <path class="teach-axis" d="M0 5V200H400" />
          {layouts.map(({ name }) => (
            <path
              key={name}
              class={`teach-curve teach-layout-${name}`}
              d={`M0 ${y(layoutBytes(0, total, valueBytes)[name])}L400 ${y(layoutBytes(total, total, valueBytes)[name])}`}
            />
          ))}
          {layouts.map(({ name, label }) => {
            const at = { dense: 0.12, pairs: 0.78, grouped: 0.62 }[name];
            const under = name !== "dense";
            return (
              <text
                key={label}
                x={400 * at + (under ? 6 : 0)}
                y={y(layoutBytes(at * total, total, valueBytes)[name]) + (under ? 12 : -6)}
              >
                {label}
              </text>
            );
          })}
          {marks.map((mark) => (
            <g key={mark}>
              <circle cx={400 * mark} cy={y(bytes.dense)} r="4" class="teach-mark" />
              <text x={400 * mark - 6} y={y(bytes.dense) - 8} text-anchor="end">
                {mark.toFixed(2)}
              </text>
            </g>
          ))}
          <path class="teach-head" d={`M${(400 * kept) / total} 5V200`} />
          <text x="0" y="212">
            0
          </text>
          <text x="400" y="212" text-anchor="end">
            all parents kept
          </text>
        </svg>
      </Figure>
    </div>
  );
}
