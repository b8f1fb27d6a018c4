import { UserError } from "../../errors.js";
import type { TraceEvent } from "../../runtime/arena.js";
import type { Runtime } from "../../runtime/contract.js";
import { DeviceMemoryError, UnsupportedError } from "../../runtime/errors.js";
import { openReference } from "../../runtime/reference/index.js";
import { openWebGpu } from "../../runtime/webgpu/index.js";
import { loadShaderFile, requestNodeAdapter } from "../../runtime/webgpu/node.js";
import type { RefineArguments } from "./arguments.js";

/** Device memory where `--memory` says nothing. */
export const defaultMemory = 2 ** 31;

/** The runtime that the arguments ask for, with the memory that they allow, and why it was taken. */
export async function openRuntime(
  { runtime, software, memory = defaultMemory }: Pick<RefineArguments, "runtime" | "software" | "memory">,
  onEvent?: (event: TraceEvent) => void,
): Promise<{ runtime: Runtime; reason: string }> {
  const events = onEvent === undefined ? {} : { onEvent };
  if (runtime === "reference")
    return { runtime: openReference({ bytes: memory, ...events }), reason: "--runtime reference" };
  try {
    const adapter = await requestNodeAdapter(software);
    const opened = await openWebGpu(adapter, { loadShader: loadShaderFile, bytes: memory, ...events });
    return {
      runtime: opened,
      reason: runtime === "auto" ? "a WebGPU adapter was found" : "--runtime webgpu",
    };
  } catch (error) {
    if (runtime === "auto" && error instanceof UnsupportedError)
      throw new UserError(
        `no runtime: ${error.message}; --software uses an adapter that runs on the processor, --runtime reference the slow float64 one`,
      );
    if (error instanceof DeviceMemoryError)
      throw new UserError(
        `${error.message}: --memory ${Math.floor(memory / 2e6)}MB, or close what else uses the device`,
        { cause: error },
      );
    throw error;
  }
}
