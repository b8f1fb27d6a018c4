import { writeFileSync } from "node:fs";
import { freemem } from "node:os";
import { UserError } from "../../errors.js";
import type { TraceEvent } from "../../runtime/arena.js";
import type { Runtime } from "../../runtime/contract.js";
import { openNodeCpu } from "../../runtime/cpu/node.js";
import { openNodeCuda } from "../../runtime/cuda/node.js";
import { DeviceMemoryError, UnsupportedError } from "../../runtime/errors.js";
import { openReference } from "../../runtime/reference/index.js";
import { openWebGpu, type WebGpuOptions } from "../../runtime/webgpu/index.js";
import { loadShaderFile, requestNodeAdapter } from "../../runtime/webgpu/node.js";
import type { RefineArguments } from "./arguments.js";

/** Device memory where `--memory` says nothing. */
export const defaultMemory = 2 ** 31;
/** The same on a CUDA card that has as much free, and what is left to others there. */
const cudaMemory = 4e9;
const cudaReserve = 3e8;

/** Host memory that is free. */
export const freeBytes = (): number =>
  Math.min(freemem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);

type Choice = Pick<RefineArguments, "runtime" | "software" | "memory"> & {
  readonly precision?: RefineArguments["precision"];
  readonly gpu?: RefineArguments["gpu"];
  readonly freeMemory?: number;
  readonly profile?: RefineArguments["profile"];
  readonly threads?: RefineArguments["threads"];
  readonly limits?: WebGpuOptions["limits"];
};

/**
 * The runtime that the arguments ask for, with the memory that they allow, and why it was taken: of itself a graphics card through CUDA,
 * then through WebGPU, then the processor; in double precision through CUDA, then the reference.
 */
export async function openRuntime(
  choice: Choice,
  onEvent?: (event: TraceEvent) => void,
): Promise<{ runtime: Runtime; reason: string }> {
  const { runtime, precision, software, memory = defaultMemory, threads, limits = "adapter" } = choice;
  const options = { bytes: memory, ...(onEvent === undefined ? {} : { onEvent }) };
  const cpu = () => openNodeCpu({ ...options, ...(threads === undefined ? {} : { threads }) });
  if (runtime === "reference") return { runtime: openReference(options), reason: "--runtime reference" };
  if (runtime === "cpu") return { runtime: await cpu(), reason: "--runtime cpu" };
  let without = "";
  if (runtime === "cuda" || runtime === "auto") {
    try {
      return {
        runtime: await openCudaCard(choice, onEvent),
        reason: runtime === "cuda" ? "--runtime cuda" : "found by CUDA",
      };
    } catch (error) {
      if (runtime === "cuda" || !(error instanceof UnsupportedError)) throw withLess(error, memory);
      without = `; no CUDA: ${error.message}`;
    }
  }
  if (precision === "double")
    return { runtime: openReference(options), reason: `--precision double${without}` };
  let adapter: GPUAdapter;
  try {
    adapter = await requestNodeAdapter(software);
  } catch (error) {
    if (runtime !== "auto" || !(error instanceof UnsupportedError)) throw error;
    return { runtime: await cpu(), reason: `no graphics card: ${error.message}${without}` };
  }
  try {
    const opened = await openWebGpu(adapter, { loadShader: loadShaderFile, limits, ...options });
    return {
      runtime: opened,
      reason: runtime === "auto" ? `found by WebGPU${without}` : "--runtime webgpu",
    };
  } catch (error) {
    throw withLess(error, memory);
  }
}

function openCudaCard(
  { precision, software, memory, gpu, profile, freeMemory = 0 }: Choice,
  onEvent?: (event: TraceEvent) => void,
): Promise<Runtime> {
  return openNodeCuda({
    software,
    precision: precision === "double" ? "double" : "single",
    bytes:
      memory ?? ((free) => Math.max(2 ** 20, Math.min(cudaMemory, free - Math.max(cudaReserve, freeMemory)))),
    ...(gpu === undefined ? {} : { device: gpu }),
    ...(profile === undefined
      ? {}
      : { onProfile: (found) => writeFileSync(profile, `${JSON.stringify(found, null, 1)}\n`) }),
    ...(onEvent === undefined ? {} : { onEvent }),
  });
}

/** What to do where the device has no room. */
function withLess(error: unknown, memory: number): unknown {
  if (!(error instanceof DeviceMemoryError)) return error;
  return new UserError(
    `${error.message}: --memory ${Math.floor(memory / 2e6)}MB, or close what else uses the device`,
    { cause: error },
  );
}
