import { resolve } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { UserError } from "../../errors.js";
import { createFile, openFile } from "../../formats/node.js";
import { readRange } from "../../formats/source.js";
import { alignUp } from "../../runtime/arena.js";
import { type ReplayResult, replayFirstFit, replayStack } from "../../runtime/replay.js";
import { type MemoryTrace, parseTrace, toChromeTrace } from "../../runtime/trace.js";
import { formatBytes, parseBytes } from "../bytes.js";

interface ReplayOptions {
  capacity?: string;
  json?: boolean;
  chrome?: string;
}

/** Traces are read as one string, and no JavaScript engine has longer ones. */
const longestText = 2 ** 29 - 24;

async function readTrace(path: string): Promise<MemoryTrace> {
  const source = await openFile(path);
  try {
    if (source.size > longestText)
      throw new UserError(
        `${path}: has ${formatBytes(source.size)} bytes, traces of up to ${formatBytes(longestText)} are read; record fewer iterations`,
      );
    return parseTrace(new TextDecoder().decode(await readRange(source, 0, source.size)), path);
  } finally {
    await source.close();
  }
}

/** What all requests take side by side: no policy fails with it. */
function sumOfRequests(trace: MemoryTrace): number {
  const sum = trace.events.reduce(
    (bytes, event) => bytes + (event.kind === "alloc" ? alignUp(event.bytes, trace.alignment) : 0),
    0,
  );
  return Math.min(Math.max(sum, trace.alignment), Number.MAX_SAFE_INTEGER);
}

async function writeChrome(trace: MemoryTrace, path: string): Promise<void> {
  const sink = await createFile(path);
  try {
    await sink.write(new TextEncoder().encode(`${JSON.stringify(toChromeTrace(trace))}\n`));
    await sink.commit();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

const policyNames = { "first-fit": "first fit", stack: "stack" };

/** The first request that fails and whether memory was short or merely in pieces. */
function formatFailure({ failure }: ReplayResult): string {
  if (failure === undefined) return "none";
  const { name, event, asked, largestFree, totalFree } = failure;
  return [
    `${name} (event ${event})`,
    `asked         ${formatBytes(asked)}`,
    `largest free  ${formatBytes(largestFree)}`,
    `total free    ${formatBytes(totalFree)}`,
    asked <= totalFree ? "enough is free, but in pieces" : `short of ${formatBytes(asked - totalFree)}`,
  ].join("\n");
}

function formatResults(results: readonly ReplayResult[]): string {
  const table = new Table({
    head: ["policy", "peak bytes", "most fragmented", "first request that fails"],
    colAligns: ["left", "right", "right", "left"],
    style: { head: [], border: [] },
  });
  for (const result of results)
    table.push([
      policyNames[result.policy],
      formatBytes(result.peak),
      formatBytes(result.mostFragmented),
      formatFailure(result),
    ]);
  return table.toString();
}

async function replay(path: string, options: ReplayOptions): Promise<void> {
  const given = options.capacity === undefined ? undefined : parseBytes(options.capacity, "--capacity");
  if (options.chrome !== undefined && resolve(options.chrome) === resolve(path))
    throw new UserError(`--chrome ${options.chrome}: is the trace itself; give another name`);
  const trace = await readTrace(path);
  const limit = given ?? trace.capacity;
  const capacity = limit ?? sumOfRequests(trace);
  const results = [replayFirstFit(trace, capacity), replayStack(trace, capacity)];
  if (options.chrome !== undefined) await writeChrome(trace, options.chrome);
  if (options.json) {
    const { alignment, events } = trace;
    console.log(
      JSON.stringify(
        { file: path, capacity: limit ?? null, alignment, events: events.length, results },
        null,
        2,
      ),
    );
    return;
  }
  const requests = trace.events.filter((event) => event.kind === "alloc").length;
  console.log(
    [
      `${path}: ${trace.events.length} events, ${requests} requests`,
      `  capacity ${limit === undefined ? "not limited" : `${formatBytes(limit)} bytes`}, alignment ${trace.alignment}`,
      formatResults(results).replace(/^/gm, "  "),
      ...(options.chrome === undefined ? [] : [`  ${options.chrome}: opens in https://ui.perfetto.dev`]),
    ].join("\n"),
  );
}

/** `cryotile memory replay TRACE`: the requests of a run under two policies. Exit code 1 for bad input alone. */
export function memoryCommand(): Command {
  return new Command("memory")
    .description("look at what a run asked of the device's memory")
    .addCommand(
      new Command("replay")
        .description("run the requests of a trace through a first-fit free list and through the buffer stack")
        .argument("<trace>", "memory trace (JSON)")
        .option(
          "--capacity <bytes>",
          "memory to fit into, such as 80GB or 12GiB (default: that of the trace)",
        )
        .option("--json", "print JSON instead of a table")
        .option("--chrome <file>", "write the trace for Perfetto and chrome://tracing")
        .action(replay),
    );
}
