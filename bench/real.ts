import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { readStarFile } from "../src/app/refine/resume.js";
import { UserError } from "../src/errors.js";
import { createFile, nodeDisk } from "../src/formats/node.js";
import { writeStar } from "../src/formats/star/index.js";
import { UnsupportedError } from "../src/runtime/errors.js";
import { compareRun, particlesFile, refineOptions, type Score, scoreRun, writeModel } from "./betagal.js";
import { type BenchRuntime, benchRuntimes, deviceLabel, openBenchRuntime } from "./devices.js";
import { type BenchResult, type BenchRow, root } from "./record.js";

export interface RealBenchOptions {
  /** Folder of the set: particles_good.star, Extract/, reference/. */
  readonly set: string;
  /** PDB 5a1a. */
  readonly model: string;
  readonly runtime?: BenchRuntime;
  /** What it is compared with; the others that are there where it is left out. */
  readonly against?: readonly BenchRuntime[];
  readonly iterations?: number;
  /** Takes the first ones alone. */
  readonly particles?: number;
}

/**
 * What runs that differ by rounding may be apart. cpu and webgpu differed by 6e-6, by no pose and by 5e-6 on these particles; a tie that falls
 * otherwise takes one of 671 to another pose (0.15 %), and moves the maps by its share.
 */
const same = {
  /** 1 - mean FSC between the maps. */
  map: 1e-3,
  /** Share of the particles with a pose further off than a step of the search (7.5 degrees after oversampling): three. */
  poses: 0.005,
  /** Of the mean FSC with the true map. */
  truth: 5e-4,
} as const;
const step = 7.5;

/** A refinement of real particles on several runtimes: whether they give the same map and poses, and how near these are to the truth. */
export async function benchReal({
  set: given,
  model,
  runtime = "cpu",
  against,
  iterations = 4,
  particles,
}: RealBenchOptions): Promise<BenchResult> {
  const set = resolve(given);
  for (const path of [join(set, particlesFile), join(set, "reference"), resolve(model)])
    if (!existsSync(path)) throw new UserError(`bench real: ${path} is not there`);
  const work = mkdtempSync(join(tmpdir(), "cryotile-real-"));
  try {
    await writeModel(set, resolve(model), work);
    const star = await firstParticles(set, work, particles);
    const { gpu, label } = await device(runtime);
    const others: BenchRuntime[] = [];
    for (const other of against ?? benchRuntimes.filter((name) => name !== runtime))
      try {
        await device(other);
        others.push(other);
      } catch (error) {
        if (against !== undefined || !(error instanceof UnsupportedError)) throw error;
        console.log(`notice: not compared with ${other}: ${error.message}`);
      }
    const runs = new Map<BenchRuntime, { run: string; seconds: number; score: Score }>();
    for (const kind of [runtime, ...others]) {
      const begun = performance.now();
      const run = refine(star, work, kind, iterations);
      const seconds = (performance.now() - begun) / 1000;
      runs.set(kind, { run, seconds, score: await scoreRun(set, work, run) });
    }
    const own = runs.get(runtime)!;
    const rows: BenchRow[] = [...runs].flatMap(([kind, { seconds, score }]) =>
      scoreRows(kind, seconds, score),
    );
    for (const other of others) {
      const { run, score } = runs.get(other)!;
      const { map, poses } = await compareRun(`${run}_class001.mrc`, `${run}_data.star`, own.run);
      const moved = poses.errors.filter((error) => error > step).length / poses.errors.length;
      const pair = `${runtime} and ${other}`;
      rows.push(
        {
          name: `${pair}: 1 - mean FSC between the maps`,
          value: 1 - map.mean,
          unit: "",
          goal: same.map,
          better: "lower",
        },
        { name: `${pair}: median difference of orientations`, value: poses.median, unit: "degrees" },
        {
          name: `${pair}: orientations further apart than ${step} degrees`,
          value: moved,
          unit: "of the particles",
          goal: same.poses,
          better: "lower",
        },
        {
          name: `${pair}: difference of the mean FSC with the truth`,
          value: Math.abs(own.score.map.mean - score.map.mean),
          unit: "",
          goal: same.truth,
          better: "lower",
        },
      );
    }
    return { rows, gpu, label };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The particle file, or one of its first particles beside a link to the stacks. */
async function firstParticles(set: string, folder: string, count?: number): Promise<string> {
  const path = join(set, particlesFile);
  if (count === undefined) return path;
  const file = await readStarFile(nodeDisk, path);
  const rows = Array.from({ length: Math.min(count, file.get("particles").rowCount) }, (_, i) => i);
  symlinkSync(join(set, "Extract"), join(folder, "Extract"));
  const sink = await createFile(join(folder, particlesFile));
  await writeStar({ blocks: [file.get("optics"), file.get("particles").selectRows(rows)] }, sink);
  await sink.commit();
  return join(folder, particlesFile);
}

async function device(kind: BenchRuntime): Promise<{ gpu: string; label: string }> {
  const opened = await openBenchRuntime(kind, 2 ** 20);
  await opened.close();
  return { gpu: opened.capabilities.device, label: deviceLabel(opened) };
}

/** Returns what the names of its last files begin with. */
function refine(star: string, folder: string, kind: BenchRuntime, iterations: number): string {
  mkdirSync(join(folder, kind));
  const args = ["refine", "--i", star, "--o", `${kind}/run`, "--runtime", kind, ...refineOptions(iterations)];
  const command = [join(root, "dist/src/app/cli.js"), ...args, ...(kind === "cpu" ? [] : ["--software"])];
  const { status, stderr } = spawnSync(process.execPath, command, {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`refine on ${kind} failed: ${stderr.slice(-2000)}`);
  return join(folder, kind, `run_it${String(iterations).padStart(3, "0")}`);
}

const scoreRows = (kind: string, seconds: number, { map, poses }: Score): BenchRow[] => [
  { name: `${kind}: whole run`, value: seconds, unit: "s" },
  { name: `${kind}: mean FSC with PDB 5a1a`, value: map.mean, unit: "" },
  { name: `${kind}: FSC above 0.5 to`, value: map.half, unit: "A" },
  { name: `${kind}: median distance to the published orientations`, value: poses.median, unit: "degrees" },
  { name: `${kind}: within 10 degrees of them`, value: poses.within10, unit: "of the particles" },
];
