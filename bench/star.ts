import { fork } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createFile, openFile } from "../src/formats/node.js";
import { readStar, StarTable, writeStar } from "../src/formats/star/index.js";
import type { BenchRow } from "./record.js";

const rowCount = 1_000_000;
const realLabels =
  `CoordinateX CoordinateY AngleRot AngleTilt AnglePsi OriginXAngst OriginYAngst DefocusU DefocusV DefocusAngle
  PhaseShift CtfBfactor CtfScalefactor CtfMaxResolution CtfFigureOfMerit NormCorrection LogLikeliContribution
  MaxValueProbDistribution AutopickFigureOfMerit AngleRotPrior AngleTiltPrior AnglePsiPrior OriginXPriorAngst OriginYPriorAngst`
    .split(/\s+/)
    .map((label) => `rln${label}`);

/** A particle table as RELION 3.1 writes it: 24 reals, 4 integers, 2 names. */
function particleTable(): StarTable {
  const columns: Record<string, Float64Array | Int32Array | string[]> = {
    rlnImageName: Array.from(
      { length: rowCount },
      (_, row) =>
        `${String((row % 200) + 1).padStart(6, "0")}@Extract/job012/Micrographs/mic${Math.floor(row / 200)}.mrcs`,
    ),
    rlnMicrographName: Array.from(
      { length: rowCount },
      (_, row) => `MotionCorr/job002/Micrographs/mic${Math.floor(row / 200)}.mrc`,
    ),
  };
  for (const [index, label] of realLabels.entries())
    columns[label] = Float64Array.from(
      { length: rowCount },
      (_, row) => (((row * 7919 + index * 104729) % 3_600_000) - 1_800_000) / 1e4,
    );
  for (const label of ["rlnOpticsGroup", "rlnGroupNumber", "rlnClassNumber", "rlnNrOfSignificantSamples"])
    columns[label] = Int32Array.from({ length: rowCount }, (_, row) => (row % 97) + 1);
  return StarTable.fromColumns("particles", columns);
}

async function writeTable(table: StarTable, path: string): Promise<number> {
  const begun = performance.now();
  const sink = await createFile(path);
  await writeStar({ blocks: [table] }, sink);
  await sink.commit();
  return (performance.now() - begun) / 1000;
}

/** In a process of its own, so that its peak memory is the reader's. */
async function readInChild(path: string): Promise<void> {
  const begun = performance.now();
  const source = await openFile(path);
  const table = (await readStar(source)).get("particles");
  await source.close();
  const tokenised = (performance.now() - begun) / 1000;
  let sum = 0;
  for (const label of realLabels) sum += table.numbers(label)[rowCount - 1];
  const decoded = (performance.now() - begun) / 1000;
  const peak = process.resourceUsage().maxRSS * 1024;
  const rewritten = await writeTable(table, `${path}.again`);
  process.send?.({
    rows: table.rowCount,
    columns: table.labels.length,
    sum,
    tokenised,
    decoded,
    peak,
    rewritten,
  });
}

export async function benchStar(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "cryotile-bench-"));
  try {
    const path = join(folder, "particles.star");
    const written = await writeTable(particleTable(), path);
    const child = fork(fileURLToPath(import.meta.url), [path]);
    const result = await new Promise<Record<string, number>>((resolve, reject) => {
      child.on("message", (message) => resolve(message as Record<string, number>));
      child.on("exit", (code) => reject(new Error(`the reading process ended with ${code}`)));
    });
    return [
      { name: "file of 1,000,000 rows x 30 columns", value: statSync(path).size / 1e6, unit: "MB" },
      {
        name: "read, all 24 real columns decoded",
        value: result.decoded,
        unit: "s",
        goal: 6,
        better: "lower",
      },
      { name: "of which: read and locate values", value: result.tokenised, unit: "s" },
      { name: "peak memory of reading", value: result.peak / 1e9, unit: "GB", goal: 1.5, better: "lower" },
      { name: "written from new columns", value: written, unit: "s", goal: 8, better: "lower" },
      { name: "written back as read", value: result.rewritten, unit: "s", goal: 8, better: "lower" },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  await readInChild(process.argv[2] as string);
  process.disconnect();
}
