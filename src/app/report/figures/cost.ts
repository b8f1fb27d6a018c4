import * as Plot from "@observablehq/plot";
import { phases } from "../../../em/phase-clock.js";
import { byteUnit, counted, duration, fixed, memory, percent } from "../numbers.js";
import { draw, type Figure, iterationAxis, iterationBars, phaseColour } from "../plot.js";
import type { JobRecord } from "../record.js";

type Points = readonly (readonly [number, number])[];

/** At most about `most` points of a step line; of each stretch its lowest and highest stay. */
export function thinned(points: Points, most = 1200): Points {
  if (points.length <= most) return points;
  const stretch = Math.ceil((2 * points.length) / most);
  const kept: (readonly [number, number])[] = [points[0]];
  for (let from = 1; from < points.length - 1; from += stretch) {
    const part = points.slice(from, Math.min(from + stretch, points.length - 1));
    const low = part.reduce((a, b) => (b[1] < a[1] ? b : a));
    const high = part.reduce((a, b) => (b[1] > a[1] ? b : a));
    kept.push(...(low === high ? [low] : low[0] <= high[0] ? [low, high] : [high, low]));
  }
  kept.push(points[points.length - 1]);
  return kept;
}

/** Top of the device's arena over the last iteration, with the peak that was planned. */
export function memoryFigure(job: JobRecord): Figure | undefined {
  const event = job.iterations.findLast(({ memoryTop }) => memoryTop.length > 0);
  if (event === undefined) return undefined;
  const points = thinned(event.memoryTop.filter((point) => point.every(Number.isFinite)));
  // The event's own peak is that of the whole run so far.
  const peak = Math.max(0, ...points.map(([, bytes]) => bytes));
  const plan = job.plans.get(event.iteration)?.peak;
  const unit = byteUnit(Math.max(peak, plan ?? 0));
  const title = "Device memory over the last iteration";
  const planned =
    plan === undefined
      ? "No plan was logged."
      : plan === peak
        ? "The plan said the same to the byte."
        : `The plan said ${memory(plan)} (measured over planned: ${fixed(peak / plan, 3)}).`;
  const summary = `Iteration ${event.iteration}: the top pointer of the arena went up to ${memory(peak)}. ${planned}`;
  const y = { type: "linear", label: `Top pointer (${unit.name})`, labelArrow: "none", grid: true } as const;
  const steps = points.map(([seconds, bytes]) => ({ seconds, top: bytes / unit.bytes }));
  const along = { x: "seconds", curve: "step-after" } as const;
  const drawing = draw("memory", title, summary, {
    width: 1160,
    height: 260,
    x: { label: "Time (s)", labelArrow: "none", domain: [0, Math.max(...points.map(([s]) => s), 1e-3)] },
    y: { ...y, domain: [0, (1.12 * Math.max(peak, plan ?? 0, 1)) / unit.bytes] },
    marks: [
      // With y alone, events at the same time would be stacked upon each other.
      Plot.areaY(steps, { ...along, y1: 0, y2: "top", fill: "var(--series-0)", fillOpacity: 0.14 }),
      Plot.line(steps, { ...along, y: "top", stroke: "var(--series-0)", strokeWidth: 1.25 }),
      ...(plan === undefined
        ? []
        : [
            Plot.ruleY([plan / unit.bytes], { stroke: "var(--mark)", strokeDasharray: "4 3" }),
            Plot.text([`planned peak ${memory(plan)}`], {
              frameAnchor: "right",
              y: plan / unit.bytes,
              dy: -7,
              textAnchor: "end",
              fill: "var(--mark)",
            }),
          ]),
    ],
  });
  return { id: "memory", title, summary, drawings: [drawing], wide: true };
}

/** Shares of the time of each iteration by phase. */
export function phasesFigure({ iterations }: JobRecord): Figure | undefined {
  const totals = phases.map((phase) =>
    iterations.reduce((sum, { seconds }) => sum + Math.max(0, seconds[phase] || 0), 0),
  );
  const total = totals.reduce((sum, seconds) => sum + seconds, 0);
  if (!(total > 0)) return undefined;
  const rows = iterations.flatMap(({ iteration, seconds }) => {
    const each = phases.map((phase) => Math.max(0, seconds[phase] || 0));
    const all = each.reduce((sum, value) => sum + value, 0) || 1;
    let sum = 0;
    return each.map((value, index) => {
      const from = sum;
      sum += (100 * value) / all;
      return { iteration, from, to: sum, colour: phaseColour(index) };
    });
  });
  const ranked = phases
    .map((phase, index) => ({ phase, seconds: totals[index] }))
    .sort((a, b) => b.seconds - a.seconds)
    .filter(({ seconds }) => seconds > 0);
  const title = "Time by phase";
  const summary = `${duration(total)} over ${counted(iterations.length, "iteration")}: ${ranked.map(({ phase, seconds }) => `${phase} ${percent(seconds / total)}`).join(", ")}.`;
  const drawing = draw("phases", title, summary, {
    x: iterationAxis(iterations.map(({ iteration }) => iteration)),
    y: { domain: [0, 100], label: "Time (%)", labelArrow: "none" },
    color: { type: "identity" },
    marks: [iterationBars(rows, iterations.length)],
  });
  const legend = phases.map((label, index) => ({ label, colour: phaseColour(index) }));
  return { id: "phases", title, summary, drawings: [drawing], legend };
}
