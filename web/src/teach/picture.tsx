import type { TargetedKeyboardEvent, TargetedPointerEvent } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { isDark } from "../shell/theme.js";
import { From, type Origin } from "./text.js";

/** Steps of the density scale, finer than those that text can stand on. */
const heatSteps = 33;
export const heatScale: readonly string[] = Array.from({ length: heatSteps }, (_, step) => {
  const at = (8 * step) / (heatSteps - 1);
  const low = Math.min(7, Math.floor(at));
  return `color-mix(in oklab, var(--heat-${low + 1}) ${Math.round(100 * (at - low))}%, var(--heat-${low}))`;
});
/** The step of a scale for a share from 0 to 1. */
export const stepOf = (share: number, scale: readonly string[] = heatScale): number =>
  Math.min(scale.length - 1, Math.max(0, Math.floor(share * scale.length)));

/** Signed shares from -1 to 1, as strong as no text stands on them: `stepOf((1 + share) / 2, signedScale)`. */
export const signedScale: readonly string[] = Array.from({ length: 129 }, (_, step) => {
  const share = step / 64 - 1;
  const hue = share < 0 ? "var(--series-1)" : "var(--series-0)";
  return `color-mix(in oklab, ${hue} ${Math.round(90 * Math.abs(share) ** 0.75)}%, var(--paper))`;
});

/** A hue of the palette from a quarter of its strength to all of it. */
export const hueScale = (hue: "series-0" | "series-1"): readonly string[] =>
  Array.from(
    { length: 16 },
    (_, step) => `color-mix(in oklab, var(--${hue}) ${25 + 5 * step}%, var(--panel))`,
  );

const resolved = { light: new WeakMap<object, Uint32Array>(), dark: new WeakMap<object, Uint32Array>() };
/** A scale in the theme in use, as the bytes of an image. */
function bytesOf(scale: readonly string[], dark: boolean): Uint32Array {
  const known = resolved[dark ? "dark" : "light"];
  const found = known.get(scale);
  if (found !== undefined) return found;
  const probe = document.body.appendChild(document.createElement("span"));
  const canvas = document.createElement("canvas");
  canvas.width = scale.length;
  canvas.height = 1;
  const context = canvas.getContext("2d", inMemory) as CanvasRenderingContext2D;
  for (const [step, colour] of scale.entries()) {
    probe.style.color = colour;
    context.fillStyle = getComputedStyle(probe).color;
    context.fillRect(step, 0, 1, 1);
  }
  probe.remove();
  const bytes = new Uint32Array(context.getImageData(0, 0, scale.length, 1).data.buffer);
  known.set(scale, bytes);
  return bytes;
}

/** Pictures are made by the processor: a canvas on the graphics card would fetch each of them anew. */
const inMemory = { willReadFrequently: true } as const;

export interface PictureProps {
  readonly rows: number;
  readonly columns: number;
  /** Step of the scale of each cell, row by row; -1 stays empty. A new array is a new picture. */
  readonly shades: Int16Array;
  readonly scale: readonly string[];
  /** Width by height. Default: square cells. */
  readonly aspect?: number;
}

/** Device pixels from which cells stand apart from each other. */
const apartFrom = 6;

function paint(canvas: HTMLCanvasElement, { rows, columns, shades, scale }: PictureProps, dark: boolean) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) =>
    Math.max(1, Math.round(side * devicePixelRatio)),
  );
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d", inMemory) as CanvasRenderingContext2D | null;
  if (context === null) return;
  const colours = bytesOf(scale, dark);
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const edges = (count: number, length: number) =>
    Array.from({ length: count + 1 }, (_, at) => Math.round((at * length) / count));
  const [x, y] = [edges(columns, width), edges(rows, height)];
  const apart = Math.min(width / columns, height / rows) > apartFrom;
  const gap = apart ? Math.max(1, Math.round(devicePixelRatio)) : 0;
  for (let row = 0; row < rows; row++) {
    const [first, end] = [y[row], y[row + 1] - gap];
    if (first >= end) continue;
    for (let column = 0; column < columns; column++) {
      const step = shades[row * columns + column];
      if (step >= 0)
        pixels.fill(colours[step], first * width + x[column], first * width + x[column + 1] - gap);
    }
    for (let line = first + 1; line < end; line++)
      pixels.copyWithin(line * width, first * width, (first + 1) * width);
  }
  context.putImageData(image, 0, 0);
}

/** Cells in colour, few or many, on one canvas. */
export function Picture(props: PictureProps) {
  const { rows, columns, shades, scale } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const dark = isDark();
  const draw = useRef(() => {});
  draw.current = () => canvas.current !== null && paint(canvas.current, props, dark);
  useLayoutEffect(() => draw.current(), [shades, scale, rows, columns, dark]);
  useLayoutEffect(() => {
    const own = canvas.current;
    if (own === null) return;
    const observer = new ResizeObserver(() => {
      if (own.width !== Math.round(own.clientWidth * devicePixelRatio)) draw.current();
    });
    observer.observe(own);
    return () => observer.disconnect();
  }, []);
  return (
    <canvas
      ref={canvas}
      class="teach-picture"
      style={{ aspectRatio: String(props.aspect ?? columns / rows) }}
    />
  );
}

const percent = (part: number, whole: number) => `${(100 * part) / whole}%`;
/** Where a block of cells lies in its picture. */
const place = (
  { rows, columns }: PictureProps,
  row: number,
  column: number,
  height = 1,
  width = 1,
): Record<string, string> => ({
  left: percent(column, columns),
  top: percent(row, rows),
  width: percent(width, columns),
  height: percent(height, rows),
});

/** The cell under a pointer. */
function cellAt(
  { rows, columns }: PictureProps,
  event: TargetedPointerEvent<HTMLElement>,
): readonly [number, number] {
  const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
  const inside = (share: number, count: number) =>
    Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return [inside((event.clientY - top) / height, rows), inside((event.clientX - left) / width, columns)];
}

/** A picture with one marked cell that a click moves. A control beside it does the same by keyboard. */
export function MarkedPicture({
  picture,
  marked,
  label,
  onPoint,
}: {
  readonly picture: PictureProps;
  readonly marked?: readonly [number, number] | undefined;
  readonly label: string;
  readonly onPoint: (row: number, column: number) => void;
}) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the control beside it does the same by keyboard
    <div
      class="teach-frame"
      role="img"
      aria-label={label}
      onClick={(event) => onPoint(...cellAt(picture, event as unknown as TargetedPointerEvent<HTMLElement>))}
    >
      <Picture {...picture} />
      {marked !== undefined && <span class="teach-here" style={place(picture, ...marked)} />}
    </div>
  );
}

const moves: Readonly<Record<string, readonly [number, number] | undefined>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  Home: [0, Number.NEGATIVE_INFINITY],
  End: [0, Number.POSITIVE_INFINITY],
};

/**
 * A table too large for its numbers, as a picture: a grid for assistive technology that holds the chosen cell alone. Arrow keys and the pointer
 * move the choice; the line below reads the cell under the pointer, else the chosen one.
 */
export function PictureGrid({
  name,
  origin,
  picture,
  chosen,
  onChoose,
  read,
  block,
  lines,
  heads,
}: {
  readonly name: string;
  readonly origin: Origin;
  readonly picture: PictureProps;
  readonly chosen: readonly [number, number];
  readonly onChoose: (row: number, column: number) => void;
  /** A cell in words. */
  readonly read: (row: number, column: number) => string;
  /** A framed block: first row, first column, rows, columns. */
  readonly block?: readonly [number, number, number, number];
  /** Rows and columns before which a line is drawn. */
  readonly lines?: { readonly rows: readonly number[]; readonly columns: readonly number[] };
  /** Words over equal parts of the columns. */
  readonly heads?: readonly string[];
}) {
  const [pointed, setPointed] = useState<readonly [number, number]>();
  const { rows, columns } = picture;
  const [row, column] = chosen;
  const within = (at: number, count: number) => Math.min(count - 1, Math.max(0, at));
  const onKey = (event: TargetedKeyboardEvent<HTMLElement>) => {
    const by = moves[event.key];
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    onChoose(within(row + by[0], rows), within(column + by[1], columns));
  };
  const onPoint = (event: TargetedPointerEvent<HTMLElement>) => {
    const cell = cellAt(picture, event);
    setPointed(cell);
    // A finger that scrolls chooses nothing until it is lifted.
    const dragged = event.pointerType === "mouse" && event.buttons === 1;
    if (dragged || event.type === "pointerup") onChoose(...cell);
    if (event.type === "pointerup")
      event.currentTarget.querySelector<HTMLElement>("[role=gridcell]")?.focus({ preventScroll: true });
  };
  return (
    <figure class="teach-figure">
      {heads !== undefined && (
        <div class="teach-heads" aria-hidden="true">
          {heads.map((head) => (
            <span key={head}>{head}</span>
          ))}
        </div>
      )}
      <div
        class="teach-frame"
        onPointerDown={onPoint}
        onPointerMove={onPoint}
        onPointerUp={onPoint}
        onPointerLeave={() => setPointed(undefined)}
      >
        <Picture {...picture} />
        {lines !== undefined && (
          <svg
            class="teach-lines"
            viewBox={`0 0 ${columns} ${rows}`}
            preserveAspectRatio="none"
            aria-hidden="true"
          >
            <path
              d={[
                ...lines.rows.map((at) => `M0 ${at}H${columns}`),
                ...lines.columns.map((at) => `M${at} 0V${rows}`),
              ].join("")}
            />
          </svg>
        )}
        {block !== undefined && <span class="teach-block" style={place(picture, ...block)} />}
        {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table whose cells are chosen is a grid */}
        <table role="grid" aria-label={name} aria-rowcount={rows} aria-colcount={columns}>
          <tbody>
            <tr aria-rowindex={row + 1}>
              <td
                // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a cell of a table that is a grid
                role="gridcell"
                tabIndex={0}
                aria-colindex={column + 1}
                aria-selected="true"
                class="teach-here"
                style={place(picture, row, column)}
                onKeyDown={onKey}
              >
                <span class="visually-hidden">{read(row, column)}</span>
              </td>
            </tr>
          </tbody>
        </table>
      </div>
      <figcaption>
        {name} <From origin={origin} />
        <output class="teach-reading">{read(...(pointed ?? chosen))}</output>
      </figcaption>
    </figure>
  );
}
