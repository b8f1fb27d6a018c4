import { html, type Markup } from "./markup.js";
import { angstrom, count, counted, duration, fixed, memory, percent, timestamp } from "./numbers.js";
import { iterationLimit, type JobRecord } from "./record.js";

/** An argument as a shell takes it. */
const quoted = (text: string) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

function statusLine({ end, progress, phase, iterations, lastTime }: JobRecord): Markup {
  const done = iterations.at(-1)?.iteration;
  if (end?.status === "success")
    return html`<strong class="success">Finished</strong> after iteration ${done ?? 0}.`;
  if (end !== undefined) {
    const word = end.status === "failure" ? "Failed" : "Aborted";
    const when = done === undefined ? "before the end of an iteration" : `after iteration ${done}`;
    return html`<strong class="${end.status}">${word}</strong> ${when}${end.message === undefined ? "." : `: ${end.message}`}`;
  }
  const share = progress === undefined ? "" : `, ${percent(progress.done / progress.total, 0)}`;
  const where =
    phase === undefined
      ? ""
      : ` Iteration ${phase.iteration}: ${phase.phase}${share}${progress === undefined ? "" : ` (${fixed(progress.rate, 0)} particles a second)`}.`;
  return html`<strong>Not ended</strong> when this page was written; last sign of life ${timestamp(lastTime)}.${where}`;
}

function measures(job: JobRecord): [string, string][] {
  const last = job.iterations.at(-1);
  const limit = iterationLimit(job.start);
  const done = last?.iteration ?? 0;
  const iterations = limit === undefined ? `${done}` : `${done} of ${limit}`;
  const peak = Math.max(...job.iterations.map(({ peakBytes }) => peakBytes));
  return [
    ["Resolution", angstrom(last?.resolution)],
    ["Mean Pmax", fixed(last?.averagePmax, 3)],
    ["Particles", count(job.start.particles)],
    ["Iterations", iterations],
    ["Total time", duration(job.seconds)],
    ["Peak memory", memory(job.iterations.length > 0 ? peak : undefined)],
  ];
}

function facts({ start, begun, end, continued, lastTime }: JobRecord): [string, string][] {
  return [
    ["Device", start.device],
    ["Runtime", `${start.runtime}, CryoTile ${start.version}`],
    ["Box", `${start.box} px, ${angstrom(start.box * start.pixelSize)}`],
    ["Pixel size", `${Number(start.pixelSize.toPrecision(6))} Å`],
    ["Symmetry", start.symmetry],
    ["Classes", String(start.classes)],
    ["Start", timestamp(begun)],
    [end === undefined ? "Last event" : "End", timestamp(lastTime)],
    ...(continued > 0
      ? ([
          [
            "Continued",
            `${continued === 1 ? "" : `${count(continued)} times, last `}from iteration ${start.from}`,
          ],
        ] as [string, string][])
      : []),
  ];
}

/** What ran, on what, and how it ended. */
export function header(job: JobRecord): Markup {
  return html`<header>
<h1>${job.start.root}</h1>
<p class="status">${statusLine(job)}</p>
<dl class="measures">${measures(job).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
<dl class="facts">${facts(job).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
<div class="whole"><dt>Command</dt><dd><code>${job.start.command.map(quoted).join(" ")}</code></dd></div></dl>
</header>`;
}

/** Most warnings that are shown. */
const most = 50;

/** Warnings of the run, and what the report itself could not read. */
export function notes(job: JobRecord): Markup | undefined {
  const failed = job.iterations.at(-1)?.failed ?? 0;
  const items = [
    ...job.warnings
      .slice(0, most)
      .map(({ time, message }) => html`<li><time>${timestamp(time)}</time> ${message}</li>`),
    ...(job.warnings.length > most
      ? [html`<li>${counted(job.warnings.length - most, "warning")} more</li>`]
      : []),
    ...(failed > 0 ? [html`<li>${counted(failed, "particle")} failed in the last iteration</li>`] : []),
    ...(job.unreadable.length > 0
      ? [
          html`<li>events.jsonl: no event in line ${job.unreadable.slice(0, 10).join(", ")}${job.unreadable.length > 10 ? ` and ${job.unreadable.length - 10} more` : ""}</li>`,
        ]
      : []),
  ];
  if (items.length === 0) return undefined;
  return html`<section class="notes" aria-labelledby="warnings"><h2 id="warnings">Warnings</h2><ul>${items}</ul></section>`;
}
