import type { ComponentChildren, TargetedKeyboardEvent } from "preact";
import { useId } from "preact/hooks";
import type { TeachState } from "./model/state.js";
import { decimal, From, type Origin } from "./text.js";

export interface ViewProps {
  readonly state: TeachState;
  /** Change the state in the URL without a step in the history. */
  readonly update: (patch: Partial<TeachState>) => void;
}

/** Steps of the density scale that text can stand on. */
const heats = [0, 1, 2, 3, 6, 7, 8];

/** A colour of the density scale for a share from 0 to 1, and that of text on it. */
export function heat(share: number): { background: string; color: string } {
  const step = heats[Math.min(heats.length - 1, Math.max(0, Math.floor(share * heats.length)))];
  return { background: `var(--heat-${step})`, color: step > 4 ? "var(--paper)" : "var(--ink)" };
}

/** A colour for a signed share from -1 to 1. */
export function signed(share: number): { background: string; color: string } {
  const part = Math.round(50 * Math.min(1, Math.abs(share)) ** 0.75);
  const hue = share < 0 ? "var(--series-1)" : "var(--series-0)";
  return { background: `color-mix(in oklab, ${hue} ${part}%, var(--paper))`, color: "var(--ink)" };
}

const arrows: Readonly<Record<string, readonly [number, number] | undefined>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

export interface MatrixProps {
  readonly caption: string;
  readonly origin?: Origin;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly value: (row: number, column: number) => number;
  readonly colour: (value: number, row: number, column: number) => { background: string; color: string };
  readonly digits?: number;
  readonly chosen?: readonly [number, number];
  readonly onChoose?: (row: number, column: number) => void;
  readonly rowClass?: string;
  readonly columnClass?: string;
}

/** A table of numbers in colour. Where cells can be chosen, arrow keys move the choice. */
export function Matrix({
  caption,
  origin,
  rows,
  columns,
  value,
  colour,
  digits = 1,
  chosen,
  onChoose,
  rowClass = "",
  columnClass = "",
}: MatrixProps) {
  const move = (event: TargetedKeyboardEvent<HTMLElement>, row: number, column: number) => {
    const by = arrows[event.key];
    if (by === undefined || onChoose === undefined) return;
    const [r, c] = [row + by[0], column + by[1]];
    if (r < 0 || c < 0 || r >= rows.length || c >= columns.length) return;
    event.preventDefault();
    event.stopPropagation();
    onChoose(r, c);
    const table = event.currentTarget.closest("table");
    requestAnimationFrame(() => table?.querySelector<HTMLElement>(`[data-cell="${r},${c}"]`)?.focus());
  };
  return (
    <div class="teach-scroll">
      <table class="teach-matrix" role={onChoose === undefined ? undefined : "grid"}>
        <caption>
          {caption} {origin !== undefined && <From origin={origin} />}
        </caption>
        <thead>
          <tr>
            <td />
            {columns.map((name) => (
              <th key={name} scope="col" class={columnClass}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((name, r) => (
            <tr key={name}>
              <th scope="row" class={rowClass}>
                {name}
              </th>
              {columns.map((column, c) => {
                const own = value(r, c);
                const here = chosen?.[0] === r && chosen[1] === c;
                const look = colour(own, r, c);
                if (onChoose === undefined)
                  return (
                    <td key={column} style={look} class={here ? "here" : ""}>
                      {decimal(own.toFixed(digits))}
                    </td>
                  );
                return (
                  <td
                    key={column}
                    // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a cell of a table that is a grid
                    role="gridcell"
                    data-cell={`${r},${c}`}
                    tabIndex={here ? 0 : -1}
                    aria-selected={here}
                    class={here ? "here" : ""}
                    style={look}
                    onClick={() => onChoose(r, c)}
                    onKeyDown={(event) => move(event, r, c)}
                  >
                    {decimal(own.toFixed(digits))}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A choice of a few. */
export function Choice<T extends string | number>({
  name,
  options,
  value,
  onChange,
}: {
  readonly name: string;
  readonly options: readonly { readonly value: T; readonly label: string }[];
  readonly value: T | undefined;
  readonly onChange: (value: T) => void;
}) {
  return (
    <fieldset class="teach-choice">
      <legend>{name}</legend>
      <div>
        {options.map((option) => (
          <button
            type="button"
            key={option.value}
            aria-pressed={option.value === value}
            onClick={() => onChange(option.value)}
          >
            {option.label}
          </button>
        ))}
      </div>
    </fieldset>
  );
}

/** A slider with its value in words. */
export function Slider({
  name,
  value,
  least,
  most,
  step = 1,
  text,
  walks = false,
  onChange,
}: {
  readonly name: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly step?: number;
  readonly text: string;
  /** Whether the keys `,` and `.` move it. */
  readonly walks?: boolean;
  readonly onChange: (value: number) => void;
}) {
  const id = useId();
  return (
    <div class="teach-slider">
      <span>
        <label for={id}>{name}</label> <output for={id}>{text}</output>
      </span>
      <input
        id={id}
        type="range"
        data-walks={walks}
        min={least}
        max={most}
        step={step}
        value={value}
        aria-valuetext={text}
        onInput={({ currentTarget }) => onChange(Number(currentTarget.value))}
      />
    </div>
  );
}

/** A figure with a line about it. */
export function Figure({
  children,
  note,
}: {
  readonly children: ComponentChildren;
  readonly note?: ComponentChildren;
}) {
  return (
    <figure class="teach-figure">
      {children}
      {note !== undefined && <figcaption>{note}</figcaption>}
    </figure>
  );
}

/** Numbers with their names and units in a line, and where they come from. */
export function Measures({
  origin,
  children,
}: {
  readonly origin: Origin;
  readonly children: ComponentChildren;
}) {
  return (
    <Figure note={<From origin={origin} />}>
      <dl class="teach-line">{children}</dl>
    </Figure>
  );
}
