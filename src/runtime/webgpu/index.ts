import type { TraceEvent } from "../arena.js";
import type { Capabilities, Runtime, RuntimeLayout } from "../contract.js";
import { UnsupportedError } from "../errors.js";
import { fftBuffers, kernelOperations, makeFft } from "../gpu/index.js";
import { bindOperations } from "../operations.js";
import { GpuDevice, slabSizes, webGpuBytes } from "./device.js";
import type { ShaderLoader } from "./shader.js";

export type { ShaderLoader } from "./shader.js";

export interface WebGpuOptions {
  /** Where kernels come from: files in Node, imported text in a page. */
  readonly loadShader: ShaderLoader;
  /** Bytes of the arena. Default 512 MiB. */
  readonly bytes?: number;
  /** `default`: ask for no more than every WebGPU device has. */
  readonly limits?: "adapter" | "default";
  readonly onEvent?: (event: TraceEvent) => void;
}

/** Sizes on WebGPU: float32, 256-byte bindings. */
export const webGpuLayout: RuntimeLayout = {
  elementBytes: webGpuBytes,
  alignment: 256,
  screens: false,
  holdsImages: false,
  fftBuffers,
};

/** What an adapter is called, and whether it runs on the processor. */
export function describeAdapter(adapter: GPUAdapter): { device: string; software: boolean } {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const model = device || [vendor, architecture].filter(Boolean).join(" ");
  const name = [...new Set([model, description])].filter(Boolean).join(", ") || "unnamed adapter";
  return {
    device: name,
    software: isFallbackAdapter || /llvmpipe|lavapipe|swiftshader|basic render/i.test(name),
  };
}

/**
 * A runtime on a WebGPU adapter (an adapter serves one call). The reference's float64 becomes float32, accumulators 64-bit integers.
 * @throws DeviceMemoryError, UnsupportedError
 */
export async function openWebGpu(adapter: GPUAdapter, options: WebGpuOptions): Promise<Runtime> {
  const { loadShader, bytes = 2 ** 29, limits = "adapter", onEvent } = options;
  if (!Number.isSafeInteger(bytes) || bytes < 2 ** 20)
    throw new UnsupportedError(`an arena of ${bytes} bytes; a whole number of at least 1 MiB is needed`);
  const offered = adapter.limits;
  const requiredFeatures = (["shader-f16", "subgroups"] as const).filter((name) =>
    adapter.features.has(name),
  );
  const device = await adapter.requestDevice(
    limits === "default"
      ? {}
      : {
          requiredFeatures,
          requiredLimits: {
            maxBufferSize: offered.maxBufferSize,
            maxStorageBufferBindingSize: offered.maxStorageBufferBindingSize,
            maxComputeWorkgroupStorageSize: offered.maxComputeWorkgroupStorageSize,
            maxComputeInvocationsPerWorkgroup: offered.maxComputeInvocationsPerWorkgroup,
            maxComputeWorkgroupSizeX: offered.maxComputeWorkgroupSizeX,
          },
        },
  );
  const capabilities: Capabilities = {
    ...describeAdapter(adapter),
    maxBufferBytes: Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize),
    arenaBytes: bytes,
    slabs: slabSizes(bytes, device.limits.maxBufferSize),
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
    workgroupInvocations: device.limits.maxComputeInvocationsPerWorkgroup,
    float16: device.features.has("shader-f16"),
    float64: false,
    subgroups: device.features.has("subgroups"),
  };
  const gpu = await GpuDevice.open(device, capabilities, loadShader, onEvent);
  return {
    ...bindOperations(gpu, kernelOperations, () => gpu.check()),
    name: "webgpu",
    capabilities,
    layout: webGpuLayout,
    memory: gpu.arena,
    push: (scope) => gpu.arena.push(scope),
    pop: (scope) => gpu.arena.pop(scope),
    alloc: (kind, name, length) => gpu.alloc(kind, name, length),
    free: (buffer) => gpu.arena.free(buffer.block),
    upload: (buffer, values, at = 0) => gpu.upload(buffer, values, at),
    download: (buffer, at = 0, length = buffer.block.bytes / 4 - at) => gpu.download(buffer, at, length),
    clear: async (buffer) => gpu.clear(buffer),
    copy: (from, to) => gpu.copy(from, to, from.block.bytes),
    makeFft: (shape, batch) => makeFft(gpu, shape, batch),
    finish: () => gpu.finish(),
    close: () => gpu.close(),
  };
}
