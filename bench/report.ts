import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BenchRecord, type DeviceCheck, meetsGoal } from "./record.js";

const begin = "<!-- records -->";
const end = "<!-- /records -->";

const formatValue = (value: number) =>
  value.toLocaleString("en-US", { maximumSignificantDigits: 4, useGrouping: true });

const checksTable = (checks: readonly DeviceCheck[]) => [
  "| check | result | s | |",
  "|---|---|---:|---|",
  ...checks.map(
    ({ name, result, seconds, note }) =>
      `| ${name} | ${result === "FAILED" ? "**FAILED**" : result} | ${formatValue(seconds)} | ${note.replaceAll("|", "/")} |`,
  ),
];

function section(record: BenchRecord): string {
  const { cpu, cores, memoryBytes, gpu } = record.device;
  const lines = [
    `### ${record.benchmark}${record.label === undefined ? "" : ` (${record.label})`}`,
    "",
    `${gpu === undefined ? "" : `${gpu}; `}${cpu}, ${cores} cores, ${Math.round(memoryBytes / 2 ** 30)} GiB; Node ${record.versions.node}; ${record.date}; \`${record.command}\``,
    "",
    ...((record.checks ?? []).length > 0
      ? checksTable(record.checks ?? [])
      : ["| measure | value | unit | goal | met |", "|---|---:|---|---:|---|"]),
  ];
  for (const row of record.rows) {
    const met = meetsGoal(row);
    const goal =
      row.goal === undefined ? "" : `${row.better === "lower" ? "≤" : "≥"} ${formatValue(row.goal)}`;
    lines.push(
      `| ${row.name} | ${formatValue(row.value)} | ${row.unit} | ${goal} | ${met === undefined ? "" : met ? "yes" : "**no**"} |`,
    );
  }
  return lines.join("\n");
}

/** The text of `docs/benchmarks.md` with its tables made from the records in `bench/records/`. */
export function renderBenchmarks(root: string): string {
  const folder = join(root, "bench", "records");
  const sections = readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => section(JSON.parse(readFileSync(join(folder, file), "utf8")) as BenchRecord));
  const page = readFileSync(join(root, "docs", "benchmarks.md"), "utf8");
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`docs/benchmarks.md: the markers ${begin} and ${end} are missing`);
  return `${before}${begin}\n${sections.join("\n\n")}\n${end}${after}`;
}

/** Write the tables into `docs/benchmarks.md`. */
export function updateBenchmarks(root: string): void {
  writeFileSync(join(root, "docs", "benchmarks.md"), renderBenchmarks(root));
}
