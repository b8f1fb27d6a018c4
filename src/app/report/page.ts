import type { ClassSummary } from "../job/events.js";
import { changesFigure, classSizesFigure, pmaxFigure, significantFigure } from "./figures/convergence.js";
import { memoryFigure, phasesFigure } from "./figures/cost.js";
import { orientationsFigure } from "./figures/orientations.js";
import { className, resolutionFigure, spectrumFigure } from "./figures/spectra.js";
import type { Directions, MapSlices } from "./files.js";
import { header, notes } from "./header.js";
import { html, Markup } from "./markup.js";
import { angstrom, percent, scaleBar, short } from "./numbers.js";
import type { Figure } from "./plot.js";
import type { JobRecord } from "./record.js";
import { style } from "./style.js";
import { classTable, iterationTable } from "./tables.js";

interface Problem {
  readonly problem: string;
}

/** Everything that the page tells. */
export interface ReportInput {
  readonly job: JobRecord;
  readonly directions: Directions | Problem;
  /** Of the classes of the last iteration. */
  readonly maps: readonly (MapSlices | Problem)[];
}

function figure({ id, title, summary, drawings, legend, wide }: Figure): Markup {
  return html`<figure id="${id}"${wide ? new Markup(' class="wide"') : undefined}>
<figcaption><h3>${title}</h3><p>${summary}</p></figcaption>
<div class="drawing">${drawings}</div>${
    legend === undefined
      ? undefined
      : html`
<ul class="legend">${legend.map(({ label, colour }) => html`<li><i style="background:${colour}"></i>${label}</li>`)}</ul>`
  }
</figure>`;
}

const missing = (text: string) => html`<p class="missing">${text}</p>`;

function mapBlock(job: JobRecord, each: ClassSummary, index: number, read: MapSlices | Problem): Markup {
  const name = className(each, index);
  const extent = job.start.box * job.start.pixelSize;
  const about = `${each.map}: ${percent(each.weight)} of the particles, ${angstrom(each.resolution)}`;
  if ("problem" in read)
    return html`<div class="map"><h4>${name}</h4>${missing(`No slices: ${read.problem}`)}<p>${about}</p></div>`;
  const bar = scaleBar(extent);
  const axes = {
    x: "y to the right, z upwards",
    y: "x to the right, z upwards",
    z: "x to the right, y upwards",
  };
  return html`<div class="map"><h4>${name}</h4><div class="slices">${read.slices.map(
    ({ axis, uri }) =>
      html`<div class="slice"><img src="${uri}" alt="Central slice of ${name} normal to ${axis}: ${axes[axis]}"><b>${axis}</b>${
        axis === "x" ? html`<i style="width:${((100 * bar) / extent).toFixed(2)}%">${bar} Å</i>` : undefined
      }</div>`,
  )}</div>
<p>${about}. Black ${short(read.range[0])}, white ${short(read.range[1])}.</p></div>`;
}

function mapsFigure({ job, maps }: ReportInput): Markup | undefined {
  const last = job.iterations.at(-1);
  if (last === undefined || maps.length === 0) return undefined;
  return html`<figure id="maps" class="wide maps-figure">
<figcaption><h3>Central slices</h3><p>Maps after iteration ${last.iteration}, cut through the centre normal to x, y and z. Grey from the 0.1 % to the 99.9 % quantile of each map's slices.</p></figcaption>
<div class="maps">${last.classes.map((each, index) => mapBlock(job, each, index, maps[index]))}</div>
</figure>`;
}

const section = (title: string, content: readonly (Markup | undefined)[]) =>
  content.every((part) => part === undefined)
    ? undefined
    : html`<section><h2>${title}</h2>
<div class="figures">
${content}
</div></section>`;

const drawn = (found: Figure | undefined) => (found === undefined ? undefined : figure(found));

function orientations({ job, directions }: ReportInput): Markup | undefined {
  if (job.iterations.length === 0) return undefined;
  if (!("problem" in directions)) return drawn(orientationsFigure(directions, job.start.symmetry));
  return html`<figure id="orientations" class="wide"><figcaption><h3>Angular distribution</h3></figcaption>${missing(`No angular distribution: ${directions.problem}`)}</figure>`;
}

/** The page as HTML without scripts and without references to anything outside it. */
export function renderPage(input: ReportInput): string {
  const { job } = input;
  const sections = [
    section("Result", [drawn(spectrumFigure(job)), mapsFigure(input), orientations(input)]),
    section("Convergence", [
      drawn(resolutionFigure(job)),
      drawn(pmaxFigure(job)),
      drawn(changesFigure(job)),
      drawn(classSizesFigure(job)),
      drawn(significantFigure(job)),
      drawn(phasesFigure(job)),
    ]),
    section("Memory", [drawn(memoryFigure(job))]),
  ];
  const tables =
    job.iterations.length === 0
      ? html`<section><h2>Iterations</h2>${missing("No iteration has ended yet.")}</section>`
      : html`<section><h2>Tables</h2>${classTable(job)}${iterationTable(job)}</section>`;
  return `${
    html`${new Markup("<!doctype html>")}
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${job.start.root} – refinement report</title>
<style>${new Markup(style)}
</style>
</head>
<body>
<main>
${header(job)}
${notes(job)}
${sections}
${tables}
</main>
<footer>CryoTile ${job.start.version}. All times in UTC.</footer>
</body>
</html>`.text
  }\n`;
}
