import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join, resolve } from "node:path";
import Table from "cli-table3";

/** One measured figure. `goal` is what the project set out to reach, `better` which side of it is good. */
export interface BenchRow {
  name: string;
  value: number;
  unit: string;
  goal?: number;
  better?: "higher" | "lower";
}

/** One check of scripts/check-device.mjs. */
export interface DeviceCheck {
  name: string;
  result: "ok" | "FAILED" | "skipped";
  seconds: number;
  /** What it told, or why it was skipped. */
  note: string;
}

/** The evidence of one benchmark run, as written to `bench/records/`. */
export interface BenchRecord {
  benchmark: string;
  date: string;
  command: string;
  commit: string;
  device: { cpu: string; cores: number; memoryBytes: number; gpu?: string };
  /** Tells records of one benchmark on several devices apart. */
  label?: string;
  versions: { node: string; cryotile: string };
  seconds: number;
  peakRssBytes: number;
  rows: BenchRow[];
  checks?: DeviceCheck[];
}

/** Rows of a benchmark that runs on a graphics device: which one, and what tells its record from those of other devices. */
export interface BenchResult {
  rows: BenchRow[];
  gpu: string;
  label: string;
  checks?: DeviceCheck[];
}

/** Top folder of the package. */
export const root = resolve(import.meta.dirname, "../..");

function commit(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : "+changes");
  } catch {
    const bundled = join(root, "COMMIT");
    return existsSync(bundled) ? readFileSync(bundled, "utf8").trim() : "unknown";
  }
}

/** Whether a row reaches its goal; undefined for rows without one. */
export function meetsGoal(row: BenchRow): boolean | undefined {
  if (row.goal === undefined) return undefined;
  return row.better === "lower" ? row.value <= row.goal : row.value >= row.goal;
}

/** Run one benchmark and collect what identifies the machine and the program. */
export async function record(
  benchmark: string,
  run: () => Promise<BenchRow[] | BenchResult>,
  options: readonly string[] = [],
): Promise<BenchRecord> {
  const started = performance.now();
  const result = await run();
  const { rows, gpu, label, checks }: Partial<BenchResult> & { rows: BenchRow[] } = Array.isArray(result)
    ? { rows: result }
    : result;
  return {
    benchmark,
    ...(label === undefined ? {} : { label }),
    date: new Date().toISOString().slice(0, 10),
    command: ["npm run bench --", benchmark, ...options].join(" "),
    commit: commit(),
    device: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryBytes: totalmem(),
      ...(gpu === undefined ? {} : { gpu }),
    },
    versions: {
      node: process.version,
      cryotile: (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version,
    },
    seconds: (performance.now() - started) / 1000,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    rows,
    ...(checks === undefined ? {} : { checks }),
  };
}

/** Write a record to `bench/records/NAME[-LABEL].json`, replacing the previous one. */
export function save(result: BenchRecord): string {
  const folder = join(root, "bench", "records");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${[result.benchmark, result.label].filter(Boolean).join("-")}.json`);
  writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
  return path;
}

/** The rows as a table for a terminal. */
export function formatTable(result: BenchRecord): string {
  const table = new Table({
    head: ["measure", "value", "unit", "goal", "met"],
    style: { head: [], border: [] },
  });
  for (const row of result.rows) {
    const met = meetsGoal(row);
    const goal = row.goal === undefined ? "" : `${row.better === "lower" ? "<=" : ">="} ${row.goal}`;
    table.push([
      row.name,
      row.value.toPrecision(4),
      row.unit,
      goal,
      met === undefined ? "" : met ? "yes" : "NO",
    ]);
  }
  return table.toString();
}
