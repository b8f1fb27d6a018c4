import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileError, nodeDisk } from "../../formats/node.js";
import { listen, type RunSocket } from "../live/socket.js";
import { ArenaWatch } from "../live/watched-arena.js";
import { manifest } from "../manifest.js";
import { startProgress } from "../progress.js";
import { parseRefineArguments } from "./arguments.js";
import { freeBytes, openRuntime } from "./device.js";
import { EventLog } from "./event-log.js";
import { Pipeline } from "./pipeline.js";
import { AbortedError, type JobHost, runJob } from "./run.js";

/** `cryotile refine`: the whole run, from its files to its files. */
export async function refine(argv: readonly string[]): Promise<void> {
  const args = parseRefineArguments(argv);
  const { o: root, continueFrom } = args.files;
  const folder = dirname(root);
  try {
    mkdirSync(folder, { recursive: true });
    removeLeftovers(folder, basename(root));
  } catch (cause) {
    throw fileError(folder, "write to", cause);
  }
  const pipeline = new Pipeline(args.files.pipelineControl);
  pipeline.begin();
  const log = new EventLog(folder);
  log.open(continueFrom !== undefined);
  const watch = new ArenaWatch();
  let socket: RunSocket | undefined;
  const host: JobHost = {
    disk: nodeDisk,
    version: manifest.version,
    freeBytes,
    async openRuntime(asked, onEvent) {
      const opened = await openRuntime(asked, (event) => {
        onEvent(event);
        watch.onEvent(event);
      });
      const { memory, capabilities, layout } = opened.runtime;
      watch.attach({
        job: basename(resolve(folder)),
        arena: memory,
        capacity: capabilities.arenaBytes,
        alignment: layout.alignment,
      });
      socket = await startListening(folder, watch, host.warn);
      return opened;
    },
    log(event) {
      log.add(event);
      if (event.kind === "plan") watch.planned(event.iteration, event.peak);
    },
    print(line) {
      if (args.verb > 0) console.log(line);
    },
    warn(message) {
      console.error(`warning: ${message}`);
      log.add({ kind: "warning", message });
    },
    poll: () => pipeline.poll(),
    ...(args.verb > 0 && { startProgress: (name, particles) => startProgress(name, particles) }),
  };
  for (const notice of args.notices) host.print(notice);
  let nextReport = performance.now() + 1000 * firstReport;
  try {
    await runJob(args, argv, host, async () => {
      if (performance.now() < nextReport) return;
      const seconds = await report(folder, host.warn);
      nextReport = performance.now() + (1000 * seconds) / shareOfReports;
    });
    log.add({ kind: "end", status: "success" });
    await report(folder, host.warn);
    pipeline.end("SUCCESS");
  } catch (error) {
    const aborted = error instanceof AbortedError;
    const message = error instanceof Error ? error.message : String(error);
    // The log may be what failed; the error to tell is the first one.
    try {
      log.add({ kind: "end", status: aborted ? "aborted" : "failure", message });
      await report(folder, () => {});
    } catch {}
    pipeline.end(aborted ? "ABORTED" : "FAILURE");
    throw error;
  } finally {
    socket?.close();
    watch.stop();
  }
}

/** Let `cryotile monitor` ask for the memory of the run. A run that cannot be asked goes on. */
async function startListening(
  folder: string,
  watch: ArenaWatch,
  warn: (message: string) => void,
): Promise<RunSocket | undefined> {
  const told = ({ message }: Error) => warn(`the memory of this run cannot be watched live: ${message}`);
  try {
    return await listen(folder, () => watch.answer(), told);
  } catch (error) {
    told(error as Error);
    return undefined;
  }
}

/** Seconds before the first page about a run, and the share of a run's time that goes into its pages before the end. */
const firstReport = 5;
const shareOfReports = 0.05;

/** The page about the run; returns the seconds that it took. A page that cannot be written ends no run. */
async function report(folder: string, warn: (message: string) => void): Promise<number> {
  const begun = performance.now();
  try {
    const { writeReport } = await import("../report/index.js");
    await writeReport(nodeDisk, folder);
  } catch (error) {
    warn(`report.html was not written: ${error instanceof Error ? error.message : String(error)}`);
  }
  return (performance.now() - begun) / 1000;
}

/** Temporary files of a run that was killed. */
function removeLeftovers(folder: string, root: string): void {
  for (const name of readdirSync(folder))
    if ((name.startsWith(root) || name.startsWith("report.html")) && /\.tmp-\d+$/.test(name))
      rmSync(join(folder, name), { force: true });
}
