import type { RefineArguments } from "../../../src/app/refine/arguments.js";
import type { TraceEvent } from "../../../src/runtime/arena.js";
import type { Runtime } from "../../../src/runtime/contract.js";
import { UnsupportedError } from "../../../src/runtime/errors.js";
import type { Gate } from "./gate.js";
import { usualMemory } from "./words.js";

/**
 * The runtime that a job asks for, and why it was taken: of themselves a graphics card through WebGPU, then the processor. Reading results back
 * passes the gate, so that a run can be paused and stopped anywhere.
 */
export async function openBrowserRuntime(
  args: Pick<RefineArguments, "runtime" | "software" | "memory" | "threads">,
  onEvent: (event: TraceEvent) => void,
  gate: Gate,
): Promise<{ runtime: Runtime; reason: string }> {
  const { runtime, reason } = await choose(args, { bytes: args.memory ?? 1e6 * usualMemory, onEvent });
  return {
    reason,
    runtime: {
      ...runtime,
      async download(...range) {
        await gate.pass();
        return runtime.download(...range);
      },
    },
  };
}

interface Options {
  readonly bytes: number;
  readonly onEvent: (event: TraceEvent) => void;
}

async function choose(
  { runtime, software, threads }: Pick<RefineArguments, "runtime" | "software" | "threads">,
  options: Options,
): Promise<{ runtime: Runtime; reason: string }> {
  if (runtime === "reference") {
    const { openReference } = await import("../../../src/runtime/reference/index.js");
    return { runtime: openReference(options), reason: "--runtime reference" };
  }
  const cpu = async () => {
    const { openBrowserCpu } = await import("../../../src/runtime/cpu/browser.js");
    return openBrowserCpu({ ...options, ...(threads === undefined ? {} : { threads }) });
  };
  if (runtime === "cpu") return { runtime: await cpu(), reason: "--runtime cpu" };
  try {
    return { runtime: await webGpu(software, options), reason: "WebGPU" };
  } catch (error) {
    if (runtime !== "auto" || !(error instanceof UnsupportedError)) throw error;
    return { runtime: await cpu(), reason: error.message };
  }
}

async function webGpu(software: boolean, options: Options): Promise<Runtime> {
  const { loadShaderText, requestBrowserAdapter } = await import("../../../src/runtime/webgpu/browser.js");
  const { describeAdapter, openWebGpu } = await import("../../../src/runtime/webgpu/index.js");
  const adapter = await requestBrowserAdapter();
  const { device, software: slow } = describeAdapter(adapter);
  if (slow && !software)
    throw new UnsupportedError(`the only WebGPU adapter is ${device}, which runs on the processor`);
  return openWebGpu(adapter, { loadShader: loadShaderText, ...options });
}
