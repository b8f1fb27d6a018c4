import * as Plot from "@observablehq/plot";
import type { ClassSummary } from "../../job/events.js";
import { angstrom, isResolution } from "../numbers.js";
import {
  classColours,
  classLegend,
  draw,
  type Figure,
  frequencyAxis,
  iterationAxis,
  iterationLine,
} from "../plot.js";
import type { JobRecord } from "../record.js";

/** Name of a class or half set, by its map. */
export function className({ map }: ClassSummary, index: number): string {
  const half = /_half([12])_/.exec(map)?.[1];
  if (half !== undefined) return `half set ${half}`;
  return `class ${Number(/_class0*(\d+)/.exec(map)?.[1] ?? index + 1)}`;
}

interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly values: readonly number[];
  readonly resolution: number;
}

/** FSC = 0.143 is where a map of all particles would have FSC 0.5 with a perfect one (Rosenthal & Henderson 2003). */
const kinds = {
  fsc: { name: "FSC", title: "Fourier shell correlation", limit: 0.143, limitName: "0.143" },
  ssnr: { name: "SSNR", title: "Spectral signal-to-noise ratio", limit: 1, limitName: "1" },
} as const;
type Kind = keyof typeof kinds;

/** Frequency (shells) at which a spectrum first falls below a limit, between shells by straight lines. */
export function crossing(values: readonly number[], limit: number): number | undefined {
  for (let s = 2; s < values.length; s++)
    if (values[s] < limit && values[s - 1] >= limit)
      return s - 1 + (values[s - 1] - limit) / (values[s - 1] - values[s]);
  return undefined;
}

const powersOfTen = (from: number, to: number) =>
  Array.from({ length: Math.round(Math.log10(to / from)) + 1 }, (_, power) =>
    Number((from * 10 ** power).toPrecision(1)),
  );

function curvesOf(classes: readonly ClassSummary[], kind: Kind): Curve[] {
  const colours = classColours(classes.map(({ weight }) => weight));
  const curves = classes.map((each, k) => ({
    name: className(each, k),
    colour: colours[k],
    values: each[kind] ?? [],
    resolution: each.resolution,
  }));
  // Both half sets carry their common FSC.
  const first = JSON.stringify(curves[0]?.values);
  if (kind === "fsc" && curves.every(({ values }) => JSON.stringify(values) === first))
    return curves.slice(0, 1).map((curve) => ({ ...curve, name: "half sets" }));
  return curves.filter(({ values }) => values.some(Number.isFinite));
}

function summarise(job: JobRecord, curves: readonly Curve[], kind: Kind): string {
  const { name, limitName, limit } = kinds[kind];
  const { box, pixelSize } = job.start;
  const last = job.iterations.at(-1);
  const fall = ({ values }: Curve) => {
    // The SSNR is read off as it is drawn, on a logarithmic axis.
    const shell = kind === "ssnr" ? crossing(values.map(Math.log), Math.log(limit)) : crossing(values, limit);
    return shell === undefined ? undefined : (box * pixelSize) / shell;
  };
  const where = curves.map((curve) => ({ name: curve.name, at: fall(curve) }));
  const told = where.filter(({ at }) => at !== undefined).sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
  const shown = told.length > 4 ? [told[0], told[told.length - 1]] : told;
  const list = shown
    .map((each) => `${angstrom(each.at)} (${each.name})`)
    .join(told.length > 4 ? " to " : ", ");
  const rest = where.length - told.length;
  const parts = [
    `After iteration ${last?.iteration}`,
    told.length > 0 ? `: ${name} falls below ${limitName} at ${list}` : "",
    rest > 0
      ? `${told.length > 0 ? ";" : ":"} ${rest} of ${where.length} curves ${rest === 1 ? "does" : "do"} not cross ${limitName}`
      : "",
    `. Nyquist is ${angstrom(2 * pixelSize)}.`,
  ];
  return parts.join("");
}

/** FSC where there are half sets, else SSNR, of the last iteration; earlier ones faint behind a single curve. */
export function spectrumFigure(job: JobRecord): Figure | undefined {
  const last = job.iterations.at(-1);
  if (last === undefined) return undefined;
  const kind: Kind = last.classes.some(({ fsc }) => fsc !== undefined) ? "fsc" : "ssnr";
  const curves = curvesOf(last.classes, kind);
  if (curves.length === 0) return undefined;
  const { name, title, limit, limitName } = kinds[kind];
  const extent = job.start.box * job.start.pixelSize;
  const largest = Math.max(...curves.flatMap(({ values }) => values).filter(Number.isFinite), limit);
  const [floor, ceiling] = kind === "ssnr" ? [0.01, 10 ** Math.ceil(Math.log10(largest))] : [-0.1, 1];
  const points = ({ values }: Pick<Curve, "values">, key: string) =>
    values
      .map((value, s) => ({
        frequency: s / extent,
        value: Math.min(ceiling, Math.max(floor, value)),
        key,
      }))
      .slice(kind === "ssnr" ? 1 : 0);
  const earlier =
    curves.length > 1
      ? []
      : job.iterations.slice(0, -1).flatMap((it) =>
          curvesOf(it.classes, kind)
            .slice(0, 1)
            .flatMap((curve) => points(curve, `${it.iteration}`)),
        );
  const line = { x: "frequency", y: "value", z: "key" } as const;
  const summary = summarise(job, curves, kind);
  const drawing = draw("spectrum", title, summary, {
    width: 1160,
    height: 340,
    x: frequencyAxis(1 / (2 * job.start.pixelSize), 0.045),
    y: {
      type: kind === "ssnr" ? "log" : "linear",
      domain: [floor, ceiling],
      label: name,
      labelArrow: "none",
      grid: true,
      ticks: 6,
      ...(kind === "ssnr" && { ticks: powersOfTen(floor, ceiling), tickFormat: String }),
    },
    marks: [
      Plot.ruleY([limit], { stroke: "var(--quiet)", strokeDasharray: "4 3" }),
      ...(kind === "fsc"
        ? [
            Plot.text([limitName], {
              x: 0,
              y: limit,
              dx: 4,
              dy: -7,
              textAnchor: "start",
              fill: "var(--quiet)",
            }),
          ]
        : []),
      Plot.line(earlier, { ...line, stroke: "var(--ink)", strokeOpacity: 0.16, strokeWidth: 1 }),
      ...curves.map((curve) =>
        Plot.line(points(curve, curve.name), { ...line, stroke: curve.colour, strokeWidth: 1.75 }),
      ),
    ],
  });
  const faint = earlier.length > 0 ? " Faint: the iterations before." : "";
  const legend = classLegend(
    curves.map((curve) => curve.name),
    curves.map(({ colour }) => colour),
  );
  return {
    id: "spectrum",
    title: `${title}${curves.length > 1 ? " by class" : ""}`,
    summary: summary + faint,
    drawings: [drawing],
    wide: true,
    ...(curves.length > 1 && { legend }),
  };
}

/** Resolution by iteration, of each class, on an axis that is linear in 1/Angstrom. */
export function resolutionFigure(job: JobRecord): Figure | undefined {
  const { iterations } = job;
  const last = iterations.at(-1);
  if (last === undefined) return undefined;
  const nyquist = 1 / (2 * job.start.pixelSize);
  const colours = classColours(last.classes.map(({ weight }) => weight));
  // Half sets have one resolution, that of their FSC.
  const halves = last.classes.every(({ fsc }) => fsc !== undefined);
  const names = halves ? ["half sets"] : last.classes.map(className);
  const rows = iterations.flatMap((event) =>
    (halves ? [event] : event.classes).map(({ resolution }, k) => ({
      iteration: event.iteration,
      k,
      value: isResolution(resolution) ? 1 / resolution : Number.NaN,
    })),
  );
  const reached = rows.map(({ value }) => value).filter(Number.isFinite);
  const top = Math.min(1.05 * nyquist, 1.25 * Math.max(...reached, nyquist / 10));
  const title = "Resolution by iteration";
  const best = iterations.filter(({ resolution }) => isResolution(resolution));
  const summary =
    best.length === 0
      ? "No iteration has reached a resolution."
      : `${angstrom(best[0].resolution)} after iteration ${best[0].iteration}, ${angstrom(best[best.length - 1].resolution)} after iteration ${best[best.length - 1].iteration}.`;
  const drawing = draw("resolution", title, summary, {
    x: iterationAxis(iterations.map(({ iteration }) => iteration)),
    y: { ...frequencyAxis(top), grid: true },
    marks: [
      ...(top >= nyquist
        ? [
            Plot.ruleY([nyquist], { stroke: "var(--quiet)", strokeDasharray: "4 3" }),
            Plot.text(["Nyquist"], {
              frameAnchor: "right",
              y: nyquist,
              dy: 8,
              textAnchor: "end",
              fill: "var(--quiet)",
            }),
          ]
        : []),
      ...names.map((_, k) =>
        iterationLine(
          rows.filter((row) => row.k === k),
          colours[k],
        ),
      ),
    ],
  });
  return {
    id: "resolution",
    title,
    summary,
    drawings: [drawing],
    ...(names.length > 1 && { legend: classLegend(names, colours) }),
  };
}
