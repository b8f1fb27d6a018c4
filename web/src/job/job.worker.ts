import { expose } from "comlink";
import { parseRefineArguments } from "../../../src/app/refine/arguments.js";
import { AbortedError, type JobHost, runJob } from "../../../src/app/refine/run.js";
import { Checkpoints } from "../../../src/em/checkpoint.js";
import type { Disk } from "../../../src/formats/source.js";
import { DeviceMemoryError } from "../../../src/runtime/errors.js";
import { type LiveTrace, LiveTraceRecorder } from "../../../src/runtime/live-trace.js";
import type { SimulationPlan } from "../../../src/simulator/particles.js";
import { adviceOf, deviceFault, messageOf } from "./advice.js";
import { simulate } from "./built-in.js";
import { builtInChoices } from "./built-in-facts.js";
import { type JobFolder, logName, MemoryFolder, StoredFolder } from "./folder.js";
import { Gate } from "./gate.js";
import { type GivenFile, GivenFiles, inputFolder, JobDisk, sphereFile } from "./given-files.js";
import { type JobMessage, lockOf, type Outcome, type StoredJob } from "./job.js";
import { openBrowserRuntime } from "./runtime.js";
import { writeSphere } from "./sphere.js";
import { outputRoot, type RuntimeChoice, runtimeWords, usualMemory } from "./words.js";

declare const __VERSION__: string;

/** What to start a job with. */
export interface Start {
  readonly job: StoredJob;
  /** In the browser's storage; else in memory. */
  readonly stored: boolean;
  /** Files that the visitor gave, under `input/`. */
  readonly given: readonly GivenFile[];
  /** Make this set first. */
  readonly simulate?: SimulationPlan;
  /** Make a sphere to start from, Angstrom. */
  readonly sphere?: { readonly box: number; readonly pixelSize: number; readonly diameter: number };
  /** What an earlier start wrote, where nothing is stored. */
  readonly held: readonly (readonly [path: string, file: Blob])[];
  /** Copy what was given into the job's folder. */
  readonly keepInput: boolean;
  /** Go on from the last finished iteration. */
  readonly goOn: boolean;
  readonly runtime: RuntimeChoice;
  /** Of the device, megabytes. */
  readonly memory: number;
}

/** Times that a run goes on by itself after its device failed. */
const mostRestarts = 3;
/** A device that refuses this little memory has a problem of its own, bytes. */
const leastMemory = 64e6;

const gate = new Gate();
const recorder = new LiveTraceRecorder();
let arena: { readonly capacity: number; readonly alignment: number } | undefined;

/** One tab works on a job at a time. Messages and the outcome come to the page by different ways: it has all of them before the outcome. */
async function run(start: Start, tell: (message: JobMessage) => void | Promise<void>): Promise<Outcome> {
  let told: unknown;
  const outcome = await navigator.locks.request(
    lockOf(start.job.id),
    { ifAvailable: true },
    async (lock): Promise<Outcome> =>
      lock === null
        ? { status: "elsewhere" }
        : work(start, (message) => {
            told = tell(message);
          }),
  );
  await told;
  return outcome;
}

type End = Exclude<Outcome, { status: "elsewhere" }>;

async function work(start: Start, tell: (message: JobMessage) => void): Promise<End> {
  const { job } = start;
  const folder = start.stored
    ? await StoredFolder.open(job.id, true)
    : new MemoryFolder((path, file) => tell({ kind: "file", path, file }), start.held);
  try {
    await write(folder, "job.json", JSON.stringify(job));
    if (start.simulate !== undefined && !(await folder.exists(builtInChoices.particles))) {
      const text = "Making the particles";
      await simulate(gated(folder), start.simulate, (done, total) =>
        tell({ kind: "stage", text, done, total }),
      );
    }
    if (start.sphere !== undefined && !(await folder.exists(sphereFile)))
      await writeSphere(folder, start.sphere);
    if (start.keepInput) await keep(folder, start.given, tell);
    const given = start.keepInput ? [] : [...start.given];
    for (const path of await folder.list())
      if (path.startsWith(`${inputFolder}/`)) given.push({ path, file: (await folder.file(path)) as File });
    return await attempts(start, folder, new JobDisk(folder, new GivenFiles(given)), tell);
  } catch (error) {
    return error instanceof AbortedError
      ? { status: "aborted" }
      : { status: "failure", message: adviceOf(error) };
  } finally {
    folder.close();
  }
}

/** A folder whose files can be paused and stopped while they are written. */
const gated = (folder: JobFolder): Disk => ({
  open: (path) => folder.open(path),
  exists: (path) => folder.exists(path),
  async create(path) {
    const sink = await folder.create(path);
    return {
      ...sink,
      async write(bytes) {
        await gate.pass();
        await sink.write(bytes);
      },
    };
  },
});

async function attempts(
  start: Start,
  folder: JobFolder,
  disk: JobDisk,
  tell: (message: JobMessage) => void,
): Promise<End> {
  const before = start.goOn && (await disk.exists(logName)) ? await (await folder.file(logName)).text() : "";
  const append = await folder.append(logName, before.slice(0, before.lastIndexOf("\n") + 1));
  const log: JobHost["log"] = (event) => {
    const line = JSON.stringify({ time: Date.now() / 1000, ...event });
    append(`${line}\n`);
    tell({ kind: "event", line });
  };
  const checkpoints = new Checkpoints();
  const host = (): JobHost => ({
    disk,
    checkpoints,
    version: __VERSION__,
    freeBytes,
    openRuntime: async (args, onEvent) => {
      recorder.clear();
      const tellBoth: typeof onEvent = (event) => {
        onEvent(event);
        recorder.onEvent(event);
      };
      const opened = await openBrowserRuntime(args, tellBoth, gate);
      const { capabilities, layout } = opened.runtime;
      arena = { capacity: capabilities.arenaBytes, alignment: layout.alignment };
      if (args.runtime === "auto" && opened.runtime.name === "cpu")
        tell({ kind: "notice", text: `This refinement runs on the processor: ${opened.reason}.` });
      return opened;
    },
    log,
    print() {},
    warn: (message) => log({ kind: "warning", message }),
    poll: () => gate.check(),
    rest: () => gate.pass(),
    saved: async ({ maps, data }) => tell({ kind: "saved", maps: maps.flat(), data }),
  });
  const report = async (failed = false) => {
    try {
      const { writeReport } = await import("../../../src/app/report/index.js");
      await writeReport(disk, ".");
    } catch (error) {
      // A page that cannot be written ends no run; where the run failed, its own error is the one to tell.
      if (!failed) tell({ kind: "notice", text: `report.html was not written: ${messageOf(error)}` });
    }
  };
  const ended = async (outcome: End): Promise<End> => {
    log({ kind: "end", ...outcome });
    await report(outcome.status === "failure");
    return outcome;
  };
  let memory = start.memory * 1e6;
  for (let attempt = 0; ; attempt++) {
    const saved = start.goOn || attempt > 0 ? await lastSaved(folder) : undefined;
    const argv = [
      ...(saved === undefined ? start.job.words : ["--continue", saved, "--o", outputRoot]),
      ...runtimeWords(start.runtime),
      ...(memory === 1e6 * usualMemory ? [] : ["--memory", `${memory}`]),
    ];
    try {
      const args = parseRefineArguments(argv);
      await runJob(args, argv, host(), report);
      return await ended({ status: "success" });
    } catch (error) {
      if (error instanceof AbortedError) return await ended({ status: "aborted" });
      const fault = deviceFault(error);
      if (fault === undefined || attempt === mostRestarts)
        return await ended({ status: "failure", message: adviceOf(error) });
      const full = fault instanceof DeviceMemoryError;
      if (full) memory = Math.floor(memory / 2);
      if (full && memory < leastMemory) return await ended({ status: "failure", message: adviceOf(error) });
      const again = full ? `with ${Math.floor(memory / 1e6)} MB` : "on a new device";
      log({
        kind: "warning",
        message: `${fault.message.split(";")[0]}; going on ${whereFrom(checkpoints, await lastSaved(folder))} ${again}`,
      });
    }
  }
}

/** Where a run goes on, with the optimiser file of its last finished iteration. */
function whereFrom({ at }: Checkpoints, saved: string | undefined): string {
  const finished = Number(/_it(\d+)_/.exec(saved ?? "")?.[1] ?? Number.NaN);
  return at?.iteration === finished + 1
    ? `after ${at.counts.done} particles of iteration ${at.iteration}`
    : "from the last finished iteration";
}

/** What `navigator` tells is rounded down and at most 8 GiB. */
const freeBytes = (): number => ((navigator as { deviceMemory?: number }).deviceMemory ?? 4) * 2 ** 28;

async function lastSaved(folder: JobFolder): Promise<string | undefined> {
  return (await folder.list()).filter((path) => /^run_it\d+_optimiser\.star$/.test(path)).at(-1);
}

async function keep(
  folder: JobFolder,
  given: readonly GivenFile[],
  tell: (message: JobMessage) => void,
): Promise<void> {
  const total = given.reduce((sum, { file }) => sum + file.size, 0);
  let done = 0;
  for (const { path, file } of given) {
    // Left by a copy that was stopped: a file has its name once it is complete.
    if (await folder.exists(path)) {
      done += file.size;
      continue;
    }
    const sink = await folder.create(path);
    try {
      for (let at = 0; at < file.size; at += copyBytes) {
        await gate.pass();
        await sink.write(new Uint8Array(await file.slice(at, at + copyBytes).arrayBuffer()));
        done += Math.min(copyBytes, file.size - at);
        tell({ kind: "stage", text: "Copying into the browser's storage", done, total });
      }
      await sink.commit();
    } catch (error) {
      await sink.abort();
      throw error;
    }
  }
}

const copyBytes = 2 ** 24;

async function write(folder: JobFolder, path: string, text: string): Promise<void> {
  const sink = await folder.create(path);
  await sink.write(new TextEncoder().encode(text));
  await sink.commit();
}

const api = {
  run,
  pause: () => gate.pause(),
  resume: () => gate.resume(),
  stop: () => gate.stop(),
  trace: (): LiveTrace | undefined => arena && recorder.snapshot(arena),
};
export type JobApi = typeof api;
expose(api);
