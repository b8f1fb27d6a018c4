import * as Plot from "@observablehq/plot";
import { count, fixed, percent, short } from "../numbers.js";
import {
  classColours,
  classLegend,
  draw,
  type Figure,
  iterationAxis,
  iterationBars,
  iterationLine,
} from "../plot.js";
import type { IterationEvent, JobRecord } from "../record.js";
import { className } from "./spectra.js";

interface Trace {
  readonly id: string;
  readonly title: string;
  readonly label: string;
  readonly value: (event: IterationEvent) => number | undefined;
  readonly format: (value: number) => string;
  /** Top of the axis where it is fixed. */
  readonly top?: number;
}

const pmax: Trace = {
  id: "pmax",
  title: "Mean Pmax",
  label: "Pmax",
  value: ({ averagePmax }) => averagePmax,
  format: (value) => fixed(value, 3),
  top: 1,
};

const changes: readonly Trace[] = [
  {
    id: "changes-orientations",
    title: "Mean change of orientations",
    label: "Orientations (°)",
    value: (event) => event.changes?.orientations,
    format: (value) => `${short(value)}°`,
  },
  {
    id: "changes-offsets",
    title: "Mean change of offsets",
    label: "Offsets (Å)",
    value: (event) => event.changes?.offsets,
    format: (value) => `${short(value)} Å`,
  },
  {
    id: "changes-classes",
    title: "Share of the particles that changed class",
    label: "Classes (% of particles)",
    value: (event) => event.changes && 100 * event.changes.classes,
    format: (value) => `${short(value)} %`,
  },
];

function valuesOf(trace: Trace, iterations: readonly IterationEvent[]) {
  return iterations
    .map((event) => ({ iteration: event.iteration, value: trace.value(event) ?? Number.NaN }))
    .filter(({ value }) => Number.isFinite(value));
}

function summarise(trace: Trace, iterations: readonly IterationEvent[]): string {
  const rows = valuesOf(trace, iterations);
  const [first, last] = [rows[0], rows[rows.length - 1]];
  if (first === undefined) return "not told";
  return first === last
    ? `${trace.format(last.value)} after iteration ${last.iteration}`
    : `${trace.format(first.value)} after iteration ${first.iteration}, ${trace.format(last.value)} after iteration ${last.iteration}`;
}

function drawTrace(trace: Trace, iterations: readonly IterationEvent[], height: number) {
  const rows = valuesOf(trace, iterations);
  const highest = trace.top ?? 1.05 * Math.max(...rows.map(({ value }) => value), 1e-6);
  return draw(trace.id, trace.title, `${summarise(trace, iterations)}.`, {
    height,
    x: iterationAxis(iterations.map(({ iteration }) => iteration)),
    y: {
      domain: [0, highest],
      label: trace.label,
      labelArrow: "none",
      grid: true,
      ticks: height < 200 ? 3 : 5,
      tickFormat: String,
    },
    marks: [iterationLine(rows, "var(--series-0)")],
  });
}

/** Mean of the largest probability of each particle, by iteration. */
export function pmaxFigure({ iterations }: JobRecord): Figure | undefined {
  if (valuesOf(pmax, iterations).length === 0) return undefined;
  return {
    id: "pmax",
    title: "Mean Pmax by iteration",
    summary: `${summarise(pmax, iterations)}. 1 means that every particle has one pose.`,
    drawings: [drawTrace(pmax, iterations, 260)],
  };
}

/** Three small drawings: orientations, offsets and classes against the iteration before. */
export function changesFigure({ iterations, start }: JobRecord): Figure | undefined {
  if (!iterations.some((event) => event.changes !== undefined)) return undefined;
  const several = start.classes > 1;
  const shown = several ? changes : changes.slice(0, 2);
  return {
    id: "changes",
    title: "Changes in assignments by iteration",
    summary: `Orientations: ${summarise(changes[0], iterations)}. Offsets: ${summarise(changes[1], iterations)}.${several ? ` Classes: ${summarise(changes[2], iterations)}.` : ""}`,
    drawings: shown.map((trace) => drawTrace(trace, iterations, several ? 145 : 200)),
  };
}

/** Shares of the classes, stacked, by iteration. */
export function classSizesFigure({ iterations, start }: JobRecord): Figure | undefined {
  const last = iterations.at(-1);
  if (last === undefined || start.classes < 2 || last.classes.length < 2) return undefined;
  const colours = classColours(last.classes.map(({ weight }) => weight));
  const names = last.classes.map(className);
  const rows = iterations.flatMap(({ iteration, classes }) => {
    let sum = 0;
    return classes.map(({ weight }, k) => {
      const from = sum;
      sum += Number.isFinite(weight) ? weight : 0;
      return { iteration, k, from: 100 * from, to: 100 * sum, colour: colours[k] ?? "var(--other)" };
    });
  });
  const ranked = last.classes
    .map(({ weight }, k) => ({ weight, name: names[k] }))
    .sort((a, b) => b.weight - a.weight);
  const told = ranked.slice(0, 4).map(({ weight, name }) => `${name} ${percent(weight)}`);
  const title = "Class sizes by iteration";
  const summary = `After iteration ${last.iteration}: ${told.join(", ")}${ranked.length > 4 ? ` and ${ranked.length - 4} smaller` : ""}.`;
  const drawing = draw("classes", title, summary, {
    x: iterationAxis(iterations.map(({ iteration }) => iteration)),
    y: { domain: [0, 100], label: "Particles (%)", labelArrow: "none" },
    marks: [iterationBars(rows, iterations.length)],
    color: { type: "identity" },
  });
  return {
    id: "classes",
    title,
    summary,
    drawings: [drawing],
    legend: classLegend(names, colours),
  };
}

/** Significant coarse samples of a particle in the last iteration: bars by power of two. */
export function significantFigure({ iterations }: JobRecord): Figure | undefined {
  const event = iterations.findLast(({ significant }) => significant.some((n) => n > 0));
  if (event === undefined) return undefined;
  const used = event.significant.slice(0, event.significant.findLastIndex((n) => n > 0) + 1);
  const total = used.reduce((sum, n) => sum + n, 0);
  let below = 0;
  const median = used.findIndex((n) => {
    below += n;
    return 2 * below >= total;
  });
  const title = "Significant coarse samples of a particle";
  const summary = `Iteration ${event.iteration}: half of the particles have at most ${count(2 ** (median + 1) - 1)}; ${percent(used[0] / total)} have one, none has more than ${count(2 ** used.length - 1)}.`;
  const drawing = draw("significant", title, summary, {
    x: {
      type: "linear",
      domain: [0, Math.max(4, used.length)],
      ticks: Array.from({ length: Math.max(4, used.length) + 1 }, (_, power) => power),
      tickFormat: (power: number) => (2 ** power < 1000 ? `${2 ** power}` : `${2 ** power / 1024} k`),
      label: "Samples (k: 1024)",
      labelArrow: "none",
    },
    y: { label: "Particles", labelArrow: "none", grid: true, nice: true, ticks: 5, tickFormat: count },
    marks: [
      Plot.rectY(used, {
        x1: (_, power) => power,
        x2: (_, power) => power + 1,
        y: (n) => n,
        fill: "var(--series-0)",
        insetLeft: 1,
        insetRight: 1,
      }),
      Plot.ruleY([0]),
    ],
  });
  return { id: "significant", title, summary, drawings: [drawing] };
}
