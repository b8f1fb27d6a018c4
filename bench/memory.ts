import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Arena, type TraceEvent } from "../src/runtime/arena.js";
import { TraceRecorder } from "../src/runtime/trace.js";
import type { BenchRow } from "./record.js";

const jobs = 2000;
const passes = 15;
/** Blocks of a batch of particles, orientation scopes in it, and blocks of each; two of these go early. */
const [perJob, orientations, perOrientation] = [12, 8, 5];
const eventsPerJob = 2 + perJob + orientations * (2 + perOrientation + 2);
/** Stated, not measured: the time that the kernels of such a job take. */
const workMilliseconds = 10;

function run(onEvent?: (event: TraceEvent) => void): void {
  const arena = new Arena({ slabs: [2 ** 36], ...(onEvent && { onEvent }) });
  arena.push("iteration");
  for (let job = 0; job < jobs; job++) {
    arena.push("job");
    for (let n = 0; n < perJob; n++) arena.alloc("images", 1000 + n * job);
    for (let orientation = 0; orientation < orientations; orientation++) {
      arena.push("orientation");
      const blocks = Array.from({ length: perOrientation }, (_, n) => arena.alloc("slices", 5000 + n));
      for (const n of [perOrientation - 1, 1]) arena.free(blocks[n]);
      arena.pop("orientation");
    }
    arena.pop("job");
  }
  arena.pop("iteration");
}

/** Nanoseconds an event. */
function time(onEvent?: (event: TraceEvent) => void): number {
  const begun = performance.now();
  run(onEvent);
  return ((performance.now() - begun) * 1e6) / (jobs * eventsPerJob);
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] as number;

/** Heap that a trace holds, in bytes an event. */
function heapPerEvent(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const recorder = new TraceRecorder();
  run(recorder.onEvent);
  collect();
  const bytes = process.memoryUsage().heapUsed - before;
  return bytes / recorder.trace({ capacity: 1, alignment: 1 }).events.length;
}

export async function benchMemory(): Promise<BenchRow[]> {
  const bare: number[] = [];
  const traced: number[] = [];
  for (let pass = -3; pass < passes; pass++) {
    const [without, withTrace] = [time(), time(new TraceRecorder().onEvent)];
    if (pass < 0) continue;
    bare.push(without);
    traced.push(withTrace);
  }
  const [without, withTrace] = [median(bare), median(traced)];
  const overheadMilliseconds = ((withTrace - without) * eventsPerJob) / 1e6;
  return [
    { name: "push, alloc, free, pop without a listener", value: without, unit: "ns/event" },
    { name: "the same, events kept for a trace", value: withTrace, unit: "ns/event" },
    { name: "with a trace over without", value: withTrace / without, unit: "times" },
    {
      name: `trace, in a job of ${eventsPerJob} events and ${workMilliseconds} ms of work`,
      value: (100 * overheadMilliseconds) / workMilliseconds,
      unit: "% of the job",
      goal: 1,
      better: "lower",
    },
    { name: "heap that a trace holds", value: heapPerEvent(), unit: "bytes/event" },
  ];
}
