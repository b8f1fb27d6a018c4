import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join, resolve } from "node:path";
import type { JobEvent } from "../src/app/job/events.js";
import { readStarFile } from "../src/app/refine/resume.js";
import { type Phase, phases } from "../src/em/phase-clock.js";
import { nodeDisk } from "../src/formats/node.js";
import { pointGroup } from "../src/geometry/symmetry.js";
import { type BenchRuntime, deviceLabel, openBenchRuntime } from "./devices.js";
import { type BenchResult, type BenchRow, root } from "./record.js";
import { type MapScore, type PoseScore, scoreMap, scorePoses } from "./truth.js";

export interface RefineBenchOptions {
  /** Folder with particles.star, truth.star, truth.mrc, ref_lp30.mrc; without it a set is simulated. */
  readonly set?: string;
  /** `webgpu` and `cuda` take a software device too. */
  readonly runtime?: BenchRuntime;
  readonly iterations?: number;
  /** Iterations of relion_refine, where it is installed and the job runs on the processor; 0: none. */
  readonly relionIterations?: number;
  /** Ends the record's name, where one set is measured with several options. */
  readonly label?: string;
  /** Options of both programs; they replace those of the bench. */
  readonly options?: readonly string[];
}

const cli = join(root, "dist/src/app/cli.js");
/** Tells the parent process its peak memory, in kilobytes, when it ends. */
const reportPeak =
  "data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS))";
const standard =
  "--i particles.star --ref ref_lp30.mrc --firstiter_cc --ini_high 30 --ctf --particle_diameter 180 --flatten_solvent --zero_mask --oversampling 1 --offset_range 5 --offset_step 2 --sym C1 --norm --scale --pad 2 --random_seed 1 --tau2_fudge 4 --K 1 --healpix_order 2";
/** Seconds an iteration of RELION 5.0.1 on an H100 takes with these options, the least of five. */
const relionOnH100: Readonly<Record<string, number>> = { "2000 x 64": 3.3, "6496 x 128": 10.1 };
/** Seconds an iteration shall take on CUDA, by particles and box. */
const cudaGoals: Readonly<Record<string, number>> = { "6496 x 128": 1 };
/** Seconds of an iteration of searches around known orientations. */
const cudaLocalGoals: Readonly<Record<string, number>> = { "6496 x 128": 1.5 };
/** At 360 pixels: milliseconds of the expectation a particle and class, seconds of the maximisation a class. */
const largeGoals = { expectation: 0.2, maximisation: 1 } as const;
/** How many times faster than `relion_refine --j 2` an iteration shall be. */
const speedGoals = { cpu: 10, webgpu: 2, cuda: 2 } as const;
/** Angstrom: sphere in which maps are compared. */
const radius = 85;

function run(command: string, args: readonly string[], cwd?: string): string {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${basename(command)} ${args[0]} failed: ${stderr.slice(-2000)}`);
  return stderr;
}

/** Options by name, with their values; later ones replace earlier ones. */
function parseOptions(words: readonly string[]): Map<string, string[]> {
  const named = new Map<string, string[]>();
  let values: string[] = [];
  for (const word of words) {
    if (word.startsWith("--")) {
      values = [];
      named.set(word, values);
    } else values.push(word);
  }
  return named;
}

/** Particles in the shape of the set `small`. */
function simulate(folder: string): void {
  run(
    process.execPath,
    `${cli} simulate --builtin C1 --n 2000 --box 64 --angpix 3.54 --snr 0.1 --coloured 0.1 --diameter 200 --seed 1 --lowpass 30 --o ${folder}`.split(
      " ",
    ),
  );
}

const after = (folder: string, iteration: number) =>
  join(folder, `run_it${String(iteration).padStart(3, "0")}`);

async function device(kind: BenchRuntime): Promise<{ device: string; software: boolean; label: string }> {
  const runtime = await openBenchRuntime(kind, 2 ** 20);
  await runtime.close();
  return { ...runtime.capabilities, label: deviceLabel(runtime) };
}

const onPath = (program: string) =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

type Iteration = Extract<JobEvent, { kind: "iteration" }>;
interface OurRun {
  readonly iterations: readonly Iteration[];
  /** Of each iteration. */
  readonly seconds: readonly number[];
  readonly peakHostBytes: number;
}

function runOurs(set: string, folder: string, args: readonly string[]): OurRun {
  mkdirSync(folder);
  const command = ["--import", reportPeak, cli, "refine", ...args, "--o", join(folder, "run")];
  const told = run(process.execPath, command, set);
  const iterations = readFileSync(join(folder, "events.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as JobEvent)
    .filter((event) => event.kind === "iteration");
  return {
    iterations,
    // From one iteration to the next, with whatever lies between; the first by its own clock.
    seconds: iterations.map((event, i) =>
      i > 0
        ? event.time - iterations[i - 1].time
        : Object.values(event.seconds).reduce((sum, s) => sum + s, 0),
    ),
    peakHostBytes: Number(/peak (\d+)/.exec(told)?.[1]) * 1024,
  };
}

/** Seconds of each iteration: from the files of one to those of the next. */
function runRelion(set: string, folder: string, args: readonly string[], iterations: number): number[] {
  mkdirSync(folder);
  run("relion_refine", [...args, "--iter", `${iterations}`, "--j", "2", "--o", join(folder, "run")], set);
  const written = Array.from(
    { length: iterations + 1 },
    (_, i) => statSync(`${after(folder, i)}_model.star`).mtimeMs,
  );
  return written.slice(1).map((time, i) => (time - written[i]) / 1000);
}

interface Score {
  readonly map: MapScore;
  readonly poses: PoseScore;
}

const scoreRows = ({ map, poses }: Score, when: string): BenchRow[] => [
  { name: `mean FSC with the truth, ${when}`, value: map.mean, unit: "" },
  { name: `FSC above 0.143 to, ${when}`, value: map.low, unit: "A" },
  { name: `median error of orientations, ${when}`, value: poses.median, unit: "degrees" },
];

/** `cryotile refine` from start to end, beside `relion_refine --j 2` with the same options where that can be. */
export async function benchRefine({
  set: given,
  runtime = "cpu",
  iterations = 5,
  relionIterations = 2,
  label: ending,
  options: replaced = [],
}: RefineBenchOptions): Promise<BenchResult> {
  const { device: gpu, software, label } = await device(runtime);
  const onProcessor = runtime === "cpu" || software;
  const work = mkdtempSync(join(tmpdir(), "cryotile-bench-"));
  try {
    const set = given === undefined ? join(work, "small") : resolve(given);
    if (given === undefined) simulate(set);
    const truth = ["truth.mrc", "truth_class001.mrc"].map((file) => join(set, file)).find(existsSync);
    if (truth === undefined) throw new Error(`${set}: has no truth.mrc`);
    const options = parseOptions([...standard.split(" "), ...replaced]);
    const args = [...options].flatMap(([option, values]) => [option, ...values]);
    const one = (option: string) => options.get(option)?.[0] ?? "";
    const score = async (folder: string, iteration: number): Promise<Score> => ({
      map: await scoreMap(truth, `${after(folder, iteration)}_class001.mrc`, radius),
      poses: await scorePoses(
        join(set, "truth.star"),
        `${after(folder, iteration)}_data.star`,
        pointGroup(one("--sym")),
      ),
    });
    const star = await readStarFile(nodeDisk, join(set, one("--i")));
    const particles = star.get("particles").rowCount;
    const shape = `${particles} x ${star.get("optics").number("rlnImageSize")}`;

    const [ours, relion] = [join(work, "cryotile"), join(work, "relion")];
    const kind = ["--runtime", runtime, ...(runtime === "cpu" ? [] : ["--software"])];
    const own = [...args, "--iter", `${iterations}`, ...kind];
    const result = runOurs(set, ours, own);
    const local = options.has("--sigma_ang");
    const onCard =
      runtime === "cuda" ? (local ? cudaLocalGoals : cudaGoals) : replaced.length > 0 ? {} : relionOnH100;
    const goal = onProcessor ? undefined : onCard[shape];
    const classes = Number(one("--K"));
    const large = runtime === "cuda" && shape.endsWith(" x 360");
    const spent = (names: readonly Phase[]) =>
      mean(result.iterations.map(({ seconds }) => names.reduce((sum, phase) => sum + seconds[phase], 0)));
    const rows: BenchRow[] = [
      {
        name: `iteration of ${shape} px, ${one("--sym")}, HEALPix order ${one("--healpix_order")}${local ? `, within ${one("--sigma_ang")} degrees` : ""}, mean of ${iterations}`,
        value: mean(result.seconds),
        unit: "s",
        ...(goal === undefined ? {} : { goal, better: "lower" as const }),
      },
      { name: "its slowest", value: Math.max(...result.seconds), unit: "s" },
      ...phases.map((phase) => ({
        name: `of an iteration: ${phase}`,
        value: mean(result.iterations.map((event) => event.seconds[phase])),
        unit: "s",
      })),
      {
        name: "expectation a particle and class",
        value: (1e3 * spent(["prepare", "coarse", "fine", "sums"])) / particles / classes,
        unit: "ms",
        ...(large ? { goal: largeGoals.expectation, better: "lower" as const } : {}),
      },
      {
        name: "maximisation a class",
        value: spent(["reconstruct"]) / classes,
        unit: "s",
        ...(large ? { goal: largeGoals.maximisation, better: "lower" as const } : {}),
      },
      ...scoreRows(await score(ours, iterations), `after ${iterations} iterations`),
      {
        name: "peak of device memory",
        value: Math.max(...result.iterations.map(({ peakBytes }) => peakBytes)) / 1e6,
        unit: "MB",
      },
      {
        name: "peak of host memory (with the device's where that is the processor)",
        value: result.peakHostBytes / 1e6,
        unit: "MB",
      },
    ];
    if (runtime === "cpu") {
      const alone = runOurs(set, join(work, "one-thread"), [...own, "--j", "1"]);
      const two = runOurs(set, join(work, "two-threads"), [...own, "--j", "2"]);
      rows.push({
        name: "two threads over one, whole iterations",
        value: mean(alone.seconds) / mean(two.seconds),
        unit: "times faster",
        goal: 1.8,
        better: "higher",
      });
    }
    if (onProcessor && relionIterations > 0 && onPath("relion_refine")) {
      const seconds = runRelion(set, relion, args, relionIterations);
      const same = Math.min(relionIterations, iterations);
      const both = `after ${same} iterations`;
      rows.push(
        {
          name: `relion_refine --j 2: iteration, mean of ${relionIterations}`,
          value: mean(seconds),
          unit: "s",
        },
        {
          name: `relion_refine over cryotile, iterations 1 to ${same}`,
          value: mean(seconds.slice(0, same)) / mean(result.seconds.slice(0, same)),
          unit: "times faster",
          goal: speedGoals[runtime],
          better: "higher",
        },
        ...scoreRows(await score(ours, same), `${both}: cryotile`),
        ...scoreRows(await score(relion, same), `${both}: relion_refine`),
      );
    }
    const name = [label, ...(given === undefined ? [] : [basename(set)]), ending];
    return { rows, gpu, label: name.filter(Boolean).join("-") };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
