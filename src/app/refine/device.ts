import { freemem } from "node:os";
import { UserError } from "../../errors.js";
import type { TraceEvent } from "../../runtime/arena.js";
import type { Runtime } from "../../runtime/contract.js";
import { openNodeCpu } from "../../runtime/cpu/node.js";
import { DeviceMemoryError, UnsupportedError } from "../../runtime/errors.js";
import { openReference } from "../../runtime/reference/index.js";
import { openWebGpu } from "../../runtime/webgpu/index.js";
import { loadShaderFile, requestNodeAdapter } from "../../runtime/webgpu/node.js";
import type { RefineArguments } from "./arguments.js";

/** Device memory where `--memory` says nothing. */
export const defaultMemory = 2 ** 31;

/** Host memory that is free. */
export const freeBytes = (): number =>
  Math.min(freemem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);

type Choice = Pick<RefineArguments, "runtime" | "software" | "memory" | "threads">;

/**
 * The runtime that the arguments ask for, with the memory that they allow, and why it was taken: of themselves a graphics card through
 * WebGPU, then the processor.
 */
export async function openRuntime(
  choice: Choice,
  onEvent?: (event: TraceEvent) => void,
): Promise<{ runtime: Runtime; reason: string }> {
  const { runtime, software, memory = defaultMemory, threads } = choice;
  const options = { bytes: memory, ...(onEvent === undefined ? {} : { onEvent }) };
  const cpu = () => openNodeCpu({ ...options, ...(threads === undefined ? {} : { threads }) });
  if (runtime === "reference") return { runtime: openReference(options), reason: "--runtime reference" };
  if (runtime === "cpu") return { runtime: await cpu(), reason: "--runtime cpu" };
  let adapter: GPUAdapter;
  try {
    adapter = await requestNodeAdapter(software);
  } catch (error) {
    if (runtime !== "auto" || !(error instanceof UnsupportedError)) throw error;
    return { runtime: await cpu(), reason: "no graphics card for WebGPU was found" };
  }
  try {
    const opened = await openWebGpu(adapter, { loadShader: loadShaderFile, ...options });
    return {
      runtime: opened,
      reason: runtime === "auto" ? "a WebGPU adapter was found" : "--runtime webgpu",
    };
  } catch (error) {
    if (error instanceof DeviceMemoryError)
      throw new UserError(
        `${error.message}: --memory ${Math.floor(memory / 2e6)}MB, or close what else uses the device`,
        { cause: error },
      );
    throw error;
  }
}
