import { darkPalette, lightPalette } from "./palette.js";

/** Style of the page: two themes by the reader's setting, the light one on paper. No fonts but those of the system. */
export const style = `
:root {${lightPalette}
}
@media screen and (prefers-color-scheme: dark) { :root {${darkPalette}
} }
* { box-sizing: border-box; }
html { background: var(--paper); -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 3.5rem 2rem 4rem; max-width: 74rem; color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
h1, h2 { font-family: Charter, "Bitstream Charter", "Iowan Old Style", Cambria, "Noto Serif", Georgia, serif; font-weight: 500; }
h1 { font-size: clamp(1.6rem, 6vw, 2.4rem); line-height: 1.15; margin: 0 0 .4rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.55rem; margin: 4rem 0 1.25rem; padding-top: .8rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; font-weight: 600; margin: 0 0 .2rem; }
p { margin: 0; }
code { font: .875em/1.6 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.status { font-size: 1.05rem; color: var(--quiet); }
.status strong { font-weight: 600; color: var(--ink); }
.status .success { color: var(--good); }
.status .failure, .status .aborted { color: var(--mark); }
.measures { display: flex; flex-wrap: wrap; gap: 1.6rem 3rem; margin: 2.2rem 0; padding: 0; }
.measures dt { font-size: .8rem; color: var(--quiet); }
.measures dd { margin: 0; font-size: 1.7rem; line-height: 1.25; font-weight: 300; white-space: nowrap; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: .1rem 3rem; margin: 0; font-size: .925rem; }
.facts div { display: grid; grid-template-columns: 8rem 1fr; gap: 1rem; padding: .3rem 0; border-top: 1px solid var(--rule); }
.facts .whole { grid-column: 1 / -1; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.notes { margin: 2rem 0 0; padding: .9rem 1.2rem; background: var(--panel); border-left: 3px solid var(--mark); font-size: .925rem; }
.notes h2 { font: inherit; font-weight: 600; margin: 0 0 .3rem; padding: 0; border: 0; }
.notes ul { margin: 0; padding-left: 1.1rem; }
.notes li { overflow-wrap: anywhere; }
.notes time { color: var(--quiet); margin-right: .5em; }
.figures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 3rem 2.5rem; }
figure { margin: 0; min-width: 0; }
figure.wide { grid-column: 1 / -1; }
figcaption { margin-bottom: .7rem; }
figcaption p { font-size: .875rem; color: var(--quiet); max-width: 62rem; text-wrap: pretty; }
.plot { --plot-background: var(--paper); display: block; width: 100%; height: auto; overflow: visible;
  font: 11px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; font-variant-numeric: tabular-nums; }
.plot text { white-space: pre; }
.plot + .plot { margin-top: .6rem; }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1rem; margin: .5rem 0 0; padding: 0; list-style: none; font-size: .8rem; color: var(--quiet); }
.legend i { display: inline-block; width: .75rem; height: .75rem; margin-right: .4rem; vertical-align: -.06rem; border-radius: 2px; box-shadow: inset 0 0 0 1px rgb(128 128 128 / .35); }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); gap: 2rem 2.5rem; margin-top: .5rem; }
.map h4 { font-size: .875rem; font-weight: 600; margin: 0 0 .4rem; }
.map p { font-size: .8rem; color: var(--quiet); margin-top: .35rem; overflow-wrap: anywhere; }
.slices { display: grid; grid-template-columns: repeat(3, 1fr); gap: .4rem; }
.slice { position: relative; }
.slice img { display: block; width: 100%; aspect-ratio: 1; background: #000; }
.slice b, .slice i { position: absolute; left: .45rem; color: #fff; font: 500 .75rem/1 system-ui, sans-serif; text-shadow: 0 0 3px #000, 0 0 2px #000; }
.slice b { top: .45rem; }
.slice i { bottom: .45rem; border-bottom: 2px solid #fff; padding-bottom: .2rem; filter: drop-shadow(0 0 1px #000); white-space: nowrap; }
.missing { font-size: .925rem; color: var(--quiet); padding: .9rem 1.2rem; background: var(--panel); overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin-bottom: 2.5rem; }
table { border-collapse: collapse; width: 100%; font-size: .8125rem; white-space: nowrap; }
caption { text-align: left; font-weight: 600; font-size: 1rem; padding-bottom: .5rem; }
th, td { padding: .3rem .55rem; text-align: right; font-weight: 400; }
thead th { color: var(--quiet); vertical-align: bottom; border-bottom: 1px solid var(--quiet); line-height: 1.25; }
tbody tr { border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
td.text, th.text { text-align: left; }
.unit { display: block; font-size: .75rem; }
footer { margin-top: 4rem; padding-top: .8rem; border-top: 1px solid var(--rule); font-size: .8125rem; color: var(--quiet); }
@media screen and (max-width: 56rem) { body { padding: 2rem 1.1rem 3rem; } .figures { grid-template-columns: minmax(0, 1fr); } .maps { grid-template-columns: 1fr; }
  .wide .drawing { overflow-x: auto; } .wide .plot { width: 46rem; } }
@media print {
  @page { margin: 14mm; }
  :root { --paper: #fff; }
  body { padding: 0; max-width: none; font-size: 9.5pt; }
  h1 { font-size: 20pt; }
  .measures dd { font-size: 14pt; }
  .measures { gap: 1rem 2rem; margin: 1.2rem 0; }
  .facts { grid-template-columns: 1fr 1fr; }
  .maps { grid-template-columns: 1fr 1fr; gap: 1rem 1.4rem; }
  h2 { margin-top: 2rem; break-after: avoid; }
  figure, .map, tr, .notes { break-inside: avoid; }
  figure.maps-figure { break-inside: auto; }
  .figures { gap: 1.6rem 1.6rem; }
  .scroll { overflow: visible; }
  .facts div { grid-template-columns: 5rem 1fr; }
  .plot { font-size: 13px; }
  table { font-size: 6pt; }
  .unit { font-size: inherit; }
  th, td { padding: .12rem .18rem; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}`;
