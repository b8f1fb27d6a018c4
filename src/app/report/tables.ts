import type { ClassSummary } from "../job/events.js";
import { className } from "./figures/spectra.js";
import { html, type Markup } from "./markup.js";
import { count, duration, fixed, isResolution, memory, percent, short, unknown } from "./numbers.js";
import type { IterationEvent, JobRecord } from "./record.js";

interface Column<Row> {
  readonly head: string;
  readonly unit?: string;
  readonly cell: (row: Row, index: number) => string;
  readonly text?: boolean;
}

/** The first column heads the rows. */
function table<Row>(caption: string, columns: readonly Column<Row>[], rows: readonly Row[]): Markup {
  const side = ({ text }: Column<Row>) => (text ? "text" : "number");
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col" class="${side(column)}">${column.head}${column.unit === undefined ? undefined : html` <span class="unit">${column.unit}</span>`}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row, index) => html`
<tr>${columns.map((column, place) =>
      place === 0
        ? html`<th scope="row" class="${side(column)}">${column.cell(row, index)}</th>`
        : html`<td class="${side(column)}">${column.cell(row, index)}</td>`,
    )}</tr>`,
  )}
</tbody></table></div>`;
}

const resolution = (value: number) => (isResolution(value) ? fixed(value, value < 10 ? 2 : 1) : unknown);

const total = (event: IterationEvent) =>
  Object.values(event.seconds).reduce((sum, value) => sum + (Number.isFinite(value) ? value : 0), 0);

const iterationColumns: readonly Column<IterationEvent>[] = [
  { head: "Iteration", cell: ({ iteration }) => String(iteration) },
  { head: "Resolution", unit: "Å", cell: (event) => resolution(event.resolution) },
  { head: "Pmax", cell: ({ averagePmax }) => fixed(averagePmax, 3) },
  { head: "Log likelihood", cell: ({ logLikelihood }) => count(Math.round(logLikelihood)) },
  { head: "Orientations", unit: "change, °", cell: ({ changes }) => short(changes?.orientations) },
  { head: "Offsets", unit: "change, Å", cell: ({ changes }) => short(changes?.offsets) },
  {
    head: "Classes",
    unit: "change, %",
    cell: ({ changes }) => (changes === undefined ? unknown : short(100 * changes.classes)),
  },
  { head: "Angular step", unit: "°", cell: ({ angularStep }) => short(angularStep) },
  { head: "Offset step", unit: "Å", cell: ({ offsetStep }) => short(offsetStep) },
  {
    head: "Image size",
    unit: "coarse, fine; px",
    cell: ({ coarseSize, currentSize }) => `${count(coarseSize)}, ${count(currentSize)}`,
  },
  { head: "Failed", unit: "particles", cell: ({ failed }) => count(failed) },
  { head: "Memory", unit: "peak", cell: ({ peakBytes }) => memory(peakBytes) },
  { head: "Time", cell: (event) => duration(total(event)) },
];

export const iterationTable = ({ iterations }: JobRecord): Markup =>
  table("Iterations", iterationColumns, iterations);

const classColumns: readonly Column<ClassSummary>[] = [
  { head: "Class", cell: className },
  { head: "Map", cell: ({ map }) => map, text: true },
  { head: "Particles", cell: ({ weight }) => percent(weight) },
  { head: "Resolution", unit: "Å", cell: (each) => resolution(each.resolution) },
  { head: "Accuracy of rotations", unit: "°", cell: ({ accuracyRotations }) => short(accuracyRotations) },
  {
    head: "Accuracy of translations",
    unit: "Å",
    cell: ({ accuracyTranslations }) => short(accuracyTranslations),
  },
];

/** Classes (half sets) of the last iteration. */
export function classTable({ iterations }: JobRecord): Markup | undefined {
  const last = iterations.at(-1);
  if (last === undefined || last.classes.length === 0) return undefined;
  const halves = last.classes.every(({ map }) => /_half[12]_/.test(map));
  return table(
    `${halves ? "Half sets" : "Classes"} after iteration ${last.iteration}`,
    classColumns,
    last.classes,
  );
}
