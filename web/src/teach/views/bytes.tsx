import { breakEven, globalSearch, layoutBytes } from "../model/weights.js";
import { Choice, Figure, Slider, type ViewProps } from "../parts.js";
import { bytesText, decimal, From, fill, number, words } from "../text.js";

/** Bytes of a value. */
export const Precision = ({ state, update }: ViewProps) => (
  <Choice
    name={words.weights.numbers}
    options={[
      { value: 4, label: "float32" },
      { value: 8, label: "float64" },
    ]}
    value={state.bytes}
    onChange={(bytes) => update({ bytes })}
  />
);

const layoutNames = ["dense", "pairs", "grouped"] as const;

export function BytesView({ state, update }: ViewProps) {
  const total = globalSearch.orientations * globalSearch.translations;
  const valueBytes = state.bytes as 4 | 8;
  const kept = Math.min(state.parents, total);
  const bytes = layoutBytes(kept, total, valueBytes);
  const most = layoutBytes(total, total, valueBytes).pairs;
  const y = (value: number) => 200 - (190 * value) / most;
  const marks = (["pairs", "grouped"] as const).map((layout) => breakEven(layout, valueBytes));
  const [first, second] = marks.map((mark) => decimal(mark.toFixed(2)));
  const text = words.weights;
  const layouts = layoutNames.map((name) => ({ name, label: text.layouts[name] }));
  // A slider over six powers of ten.
  const position = Math.round((1000 * Math.log(kept)) / Math.log(total));
  return (
    <div class="teach-stack">
      <div class="teach-row">
        <Precision state={state} update={update} />
        <Choice
          name={text.parents}
          options={[
            ...[100, 1000, 100_000].map((value) => ({ value, label: number(value) })),
            { value: total, label: text.allParents },
          ]}
          value={kept}
          onChange={(value) => update({ parents: value })}
        />
      </div>
      <Slider
        name={text.keptParents}
        value={position}
        least={0}
        most={1000}
        text={fill(text.keptOf, {
          kept,
          total,
          share: decimal(((100 * kept) / total).toPrecision(3)),
        })}
        onChange={(value) => update({ parents: Math.max(1, Math.round(total ** (value / 1000))) })}
      />
      <dl class="teach-bytes">
        {layouts.map(({ name, label }) => (
          <div key={name}>
            <dt>{label}</dt>
            <dd class="teach-bytes-value">
              <strong>{bytesText(bytes[name])}</strong>
              <span class="quiet small">
                {" "}
                {number(bytes[name])} {text.bytes}
              </span>
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
            {fill(text.chart, { first, second })} <From origin="formula" />
          </>
        }
      >
        <svg
          class="teach-chart"
          viewBox="-4 0 412 215"
          role="img"
          aria-label={fill(text.chartLabel, { first, second })}
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
                {decimal(mark.toFixed(2))}
              </text>
            </g>
          ))}
          <path class="teach-head" d={`M${(400 * kept) / total} 5V200`} />
          <text x="0" y="212">
            0
          </text>
          <text x="400" y="212" text-anchor="end">
            {text.allKept}
          </text>
        </svg>
      </Figure>
    </div>
  );
}
