import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { Markup } from "./markup.js";

/** A figure of the report: what it shows in words and as a drawing. */
export interface Figure {
  /** Unique in the page; letters and hyphens. */
  readonly id: string;
  readonly title: string;
  /** Its message as text. */
  readonly summary: string;
  readonly drawings: readonly Markup[];
  readonly legend?: readonly LegendEntry[];
  readonly wide?: boolean;
}

export interface LegendEntry {
  readonly label: string;
  /** CSS colour. */
  readonly colour: string;
}

const { document } = parseHTML("<!doctype html><html><body></body></html>");

const size = { width: 560, height: 260 };

/** An SVG with a name and a description for readers who cannot see it. Colours are the page's variables. */
export function draw(
  id: string,
  title: string,
  description: string,
  { marks = [], ...options }: Plot.PlotOptions,
): Markup {
  const svg = Plot.plot({
    ...size,
    document: document as unknown as Document,
    className: "plot",
    marginLeft: 52,
    marginRight: 16,
    marginBottom: 36,
    ...options,
    marks,
  });
  svg.querySelector("style")?.remove();
  // The drawing as a whole is what is named: parts of an image may not be.
  for (const part of svg.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
  for (const [name, text] of [
    ["desc", description],
    ["title", title],
  ]) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    element.setAttribute("id", `${id}-${name}`);
    element.textContent = text;
    svg.prepend(element as unknown as Node);
  }
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-labelledby", `${id}-title ${id}-desc`);
  // Hundredths of a pixel are enough.
  const markup = svg.outerHTML.replace(/ (?:d|[xy][12]?|width|height|transform)="[^"]*"/g, (attribute) =>
    attribute.replace(/(\.\d\d)\d+/g, "$1"),
  );
  return new Markup(markup);
}

/** A line over the iterations with a dot at each. */
export const iterationLine = (
  rows: readonly { readonly iteration: number; readonly value: number }[],
  colour: string,
): Plot.Markish => [
  Plot.lineY(rows, { x: "iteration", y: "value", stroke: colour, strokeWidth: 1.75 }),
  Plot.dot(rows, { x: "iteration", y: "value", fill: colour, r: 2.5 }),
];

/** Iterations whose bars are wide enough for gaps between them. */
const mostGaps = 100;

/** Stacked bars, one over each iteration. */
export function iterationBars(
  rows: readonly {
    readonly iteration: number;
    readonly from: number;
    readonly to: number;
    readonly colour: string;
  }[],
  iterations: number,
): Plot.Markish {
  const gaps = iterations <= mostGaps;
  const half = gaps ? 0.42 : 0.5;
  return Plot.rect(rows, {
    x1: (row) => row.iteration - half,
    x2: (row) => row.iteration + half,
    y1: "from",
    y2: "to",
    fill: "colour",
    ...(gaps && { stroke: "var(--paper)", strokeWidth: 0.75 }),
  });
}

const series = 10;

/** Colours of the classes: the ten with the most particles where there are more, grey for the others. */
export function classColours(weights: readonly number[]): string[] {
  const rank = weights.map((_, k) => k);
  if (weights.length > series) rank.sort((a, b) => weights[b] - weights[a]);
  const colours = weights.map(() => "var(--other)");
  for (const [place, k] of rank.slice(0, series).entries()) colours[k] = `var(--series-${place})`;
  return colours;
}

/** Legend of the classes; those without a colour of their own share an entry. */
export function classLegend(names: readonly string[], colours: readonly string[]): LegendEntry[] {
  const own = names
    .map((label, k) => ({ label, colour: colours[k] }))
    .filter(({ colour }) => colour !== "var(--other)");
  return own.length === names.length ? own : [...own, { label: "other classes", colour: "var(--other)" }];
}

export const phaseColour = (index: number): string => `var(--series-${index % series})`;

/** Whole numbers from `from` to `to`, thinned to about `most`. */
export function iterationTicks(from: number, to: number, most = 12): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100].find((s) => (to - from) / s < most) ?? 200;
  const ticks: number[] = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) ticks.push(tick);
  return ticks;
}

/** Axis of the iterations, half a step wider than they are. */
export function iterationAxis(iterations: readonly number[]): Plot.ScaleOptions {
  const [from, to] = [Math.min(...iterations), Math.max(...iterations)];
  return {
    type: "linear",
    domain: [from - 0.5, to + 0.5],
    ticks: iterationTicks(from, to),
    tickFormat: "d",
    label: "Iteration",
    labelArrow: "none",
  };
}

const niceResolutions = [
  500, 200, 100, 50, 30, 20, 15, 12, 10, 8, 7, 6, 5, 4.5, 4, 3.5, 3.2, 3, 2.8, 2.6, 2.4, 2.2, 2, 1.9, 1.8,
  1.7, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1, 1, 0.9, 0.8, 0.7, 0.6, 0.5,
];

/** Axis in 1/Angstrom with marks at round numbers of Angstrom, at least `gap` of the axis apart. */
export function frequencyAxis(largest: number, gap = 0.08): Plot.ScaleOptions {
  const ticks: number[] = [];
  for (const angstrom of niceResolutions) {
    const tick = 1 / angstrom;
    if (tick <= largest && tick - (ticks.at(-1) ?? 0) >= gap * largest) ticks.push(tick);
  }
  return {
    type: "linear",
    domain: [0, largest],
    ticks,
    tickFormat: (value: number) => String(Number((1 / value).toPrecision(3))),
    label: "Resolution (Å)",
    labelArrow: "none",
  };
}
