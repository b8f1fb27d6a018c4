import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { planIteration } from "../../src/em/memory.js";
import { startRefinement } from "../../src/em/refinement.js";
import { nextIteration } from "../../src/em/run-iteration.js";
import { openNodeCpu } from "../../src/runtime/cpu/node.js";
import { type MemoryTrace, TraceRecorder } from "../../src/runtime/trace.js";
import { tinyPixels } from "./golden.js";
import { tinyContext } from "./tiny-run.js";

const bytes = 2 ** 28;

/** Two iterations of a refinement of the tiny set (60 particles, box 32, 20 a batch) on the cpu runtime: its trace and its planned peak. */
export async function recordRefinement(): Promise<{ trace: MemoryTrace; planned: number }> {
  const recorder = new TraceRecorder();
  const runtime = await openNodeCpu({ threads: 1, bytes, onEvent: recorder.onEvent });
  const context = await tinyContext(runtime, { iter: 2 });
  let refinement = await startRefinement(context, [await tinyPixels("ref.mrc")]);
  let planned = 0;
  for (let i = 0; i < 2; i++)
    ({ refinement } = await nextIteration(context, refinement, {
      async chooseBatch(input) {
        const batch = { size: 20, keep: "slices" as const, hold: false };
        const { peak } = await planIteration(runtime.layout, input, batch);
        planned = Math.max(planned, peak);
        return batch;
      },
    }));
  await runtime.close();
  return { trace: recorder.trace({ capacity: bytes, alignment: runtime.layout.alignment }), planned };
}

export const traceFile = resolve(import.meta.dirname, "../../web/src/teach/traces/refinement.json");

/** The trace that the page shows; `KEEP_TRACE=1` records it anew. */
export async function keptTrace(): Promise<string> {
  if (process.env.KEEP_TRACE !== undefined) {
    const { trace, planned } = await recordRefinement();
    const events = trace.events.map((event) => ({ ...event, time: Math.round(event.time * 1000) / 1000 }));
    writeFileSync(
      traceFile,
      `{"planned":${planned},"format":"${trace.format}","version":1,"capacity":${trace.capacity},"alignment":${trace.alignment},"events":[\n${events.map((event) => JSON.stringify(event)).join(",\n")}\n]}\n`,
    );
  }
  return readFileSync(traceFile, "utf8");
}
