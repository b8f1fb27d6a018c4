import { type SpawnSyncOptions, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join, resolve } from "node:path";
import type { JobEvent } from "../src/app/job/events.js";
import { readStarFile } from "../src/app/refine/resume.js";
import { phases } from "../src/em/phase-clock.js";
import { nodeDisk } from "../src/formats/node.js";
import { pointGroup } from "../src/geometry/symmetry.js";
import { openWebGpu } from "../src/runtime/webgpu/index.js";
import { loadShaderFile, requestNodeAdapter } from "../src/runtime/webgpu/node.js";
import { type BenchResult, type BenchRow, root } from "./record.js";
import { scoreMap, scorePoses } from "./truth.js";

export interface RefineBenchOptions {
  /** Folder with particles.star, truth.star, truth.mrc, ref_lp30.mrc; without it a set is simulated. */
  readonly set?: string;
  readonly iterations?: number;
  /** Iterations of relion_refine, where it is installed and WebGPU runs on the processor; 0: none. */
  readonly relionIterations?: number;
}

const cli = join(root, "dist/src/app/cli.js");
/** Tells the parent process its peak memory, in kilobytes, when it ends. */
const reportPeak =
  "data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS))";
const options =
  "--i particles.star --ref ref_lp30.mrc --firstiter_cc --ini_high 30 --ctf --particle_diameter 180 --flatten_solvent --zero_mask --oversampling 1 --offset_range 5 --offset_step 2 --sym C1 --norm --scale --pad 2 --random_seed 1 --tau2_fudge 4 --K 1 --healpix_order 2".split(
    " ",
  );
/** Seconds an iteration of RELION 5.0.1 on an H100 takes with these options, the least of five. */
const relionOnH100: Readonly<Record<string, number>> = { "2000 x 64": 3.3, "6496 x 128": 10.1 };

function run(command: string, args: readonly string[], settings: SpawnSyncOptions): string {
  const { status, stderr } = spawnSync(command, args, { ...settings, encoding: "utf8", maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${basename(command)} ${args[0]} failed: ${String(stderr).slice(-2000)}`);
  return String(stderr);
}

/** Particles in the shape of the set `small`. */
function simulate(folder: string): void {
  run(
    process.execPath,
    `${cli} simulate --builtin C1 --n 2000 --box 64 --angpix 3.54 --snr 0.1 --coloured 0.1 --diameter 200 --seed 1 --lowpass 30 --o ${folder}`.split(
      " ",
    ),
    {},
  );
}

const after = (folder: string, iteration: number) =>
  join(folder, `run_it${String(iteration).padStart(3, "0")}`);

async function device(): Promise<{ device: string; software: boolean }> {
  const runtime = await openWebGpu(await requestNodeAdapter(true), {
    loadShader: loadShaderFile,
    bytes: 2 ** 20,
  });
  await runtime.close();
  return runtime.capabilities;
}

const onPath = (program: string) =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** `cryotile refine` from start to end, beside `relion_refine --j 2` with the same options where that can be. */
export async function benchRefine({
  set: given,
  iterations = 5,
  relionIterations = 2,
}: RefineBenchOptions): Promise<BenchResult> {
  const { device: gpu, software } = await device();
  const work = mkdtempSync(join(tmpdir(), "cryotile-bench-"));
  try {
    const set = given === undefined ? join(work, "small") : resolve(given);
    if (given === undefined) simulate(set);
    const truth = ["truth.mrc", "truth_class001.mrc"].map((name) => join(set, name)).find(existsSync);
    if (truth === undefined) throw new Error(`${set}: has no truth.mrc`);
    const score = async (folder: string, iteration: number) => ({
      map: await scoreMap(truth, `${after(folder, iteration)}_class001.mrc`, 85),
      poses: await scorePoses(
        join(set, "truth.star"),
        `${after(folder, iteration)}_data.star`,
        pointGroup("C1"),
      ),
    });
    const star = await readStarFile(nodeDisk, join(set, "particles.star"));
    const particles = star.get("particles").rowCount;
    const shape = `${particles} x ${star.get("optics").number("rlnImageSize")}`;

    const [ours, relion] = [join(work, "cryotile"), join(work, "relion")];
    for (const folder of [ours, relion]) mkdirSync(folder);
    const told = run(
      process.execPath,
      ["--import", reportPeak, cli, "refine", ...options, "--iter", `${iterations}`, "--software"].concat(
        "--o",
        join(ours, "run"),
      ),
      { cwd: set },
    );
    const events = readFileSync(join(ours, "events.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as JobEvent)
      .filter((event) => event.kind === "iteration");
    const seconds = events.map((event) => Object.values(event.seconds).reduce((sum, s) => sum + s, 0));
    const final = await score(ours, iterations);
    const goal = software ? undefined : relionOnH100[shape];
    const rows: BenchRow[] = [
      {
        name: `iteration of ${shape} px, C1, HEALPix order 2, mean of ${iterations}`,
        value: mean(seconds),
        unit: "s",
        ...(goal === undefined ? {} : { goal, better: "lower" as const }),
      },
      { name: "its slowest", value: Math.max(...seconds), unit: "s" },
      ...phases.map((phase) => ({
        name: `of an iteration: ${phase}`,
        value: mean(events.map((event) => event.seconds[phase])),
        unit: "s",
      })),
      { name: `FSC above 0.143 to, after ${iterations} iterations`, value: final.map.low, unit: "A" },
      { name: "median error of orientations", value: final.poses.median, unit: "degrees" },
      {
        name: "peak of device memory",
        value: Math.max(...events.map(({ peakBytes }) => peakBytes)) / 1e6,
        unit: "MB",
      },
      {
        name: "peak of host memory (with the device's where that is the processor)",
        value: (Number(/peak (\d+)/.exec(told)?.[1]) * 1024) / 1e6,
        unit: "MB",
      },
    ];
    if (software && relionIterations > 0 && onPath("relion_refine")) {
      const args = [...options, "--iter", `${relionIterations}`, "--j", "2", "--o", join(relion, "run")];
      run("relion_refine", args, { cwd: set });
      const written = Array.from(
        { length: relionIterations + 1 },
        (_, i) => statSync(`${after(relion, i)}_model.star`).mtimeMs,
      );
      const theirs = written.slice(1).map((time, i) => (time - written[i]) / 1000);
      const same = Math.min(relionIterations, iterations);
      const [one, two] = [await score(ours, same), await score(relion, same)];
      const both = `after ${same} iterations`;
      rows.push(
        {
          name: `relion_refine --j 2: iteration, mean of ${relionIterations}`,
          value: mean(theirs),
          unit: "s",
        },
        {
          name: `relion_refine over cryotile, iterations 1 to ${same}`,
          value: mean(theirs.slice(0, same)) / mean(seconds.slice(0, same)),
          unit: "times faster",
          goal: 2,
          better: "higher",
        },
        { name: `FSC above 0.143 to, ${both}: cryotile`, value: one.map.low, unit: "A" },
        { name: `FSC above 0.143 to, ${both}: relion_refine`, value: two.map.low, unit: "A" },
        { name: `median error of orientations, ${both}: cryotile`, value: one.poses.median, unit: "degrees" },
        {
          name: `median error of orientations, ${both}: relion_refine`,
          value: two.poses.median,
          unit: "degrees",
        },
      );
    }
    const where = software ? "software" : "gpu";
    return { rows, gpu, label: given === undefined ? where : `${where}-${basename(set)}` };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
