import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { UnsupportedError } from "../errors.js";
import type { ShaderLoader } from "./shader.js";

/** The Dawn instance lives as long as the process: adapters and devices refer to it without keeping it. */
let dawn: GPU | undefined;

/** WebGPU in Node: Dawn, from the optional package `webgpu`. The first call decides on the options of Dawn. */
export async function nodeGpu(options: readonly string[] = []): Promise<GPU> {
  if (dawn !== undefined) return dawn;
  let module: typeof import("webgpu");
  try {
    module = await import("webgpu");
  } catch (error) {
    throw new UnsupportedError(
      `WebGPU in Node needs the package webgpu, which does not load here (${(error as Error).message}); install it with: npm install webgpu`,
    );
  }
  Object.assign(globalThis, module.globals);
  dawn = module.create([...options]) as GPU;
  return dawn;
}

/** The adapter to use, or why there is none. Adapters that run on the processor are used only where `software` allows it. */
export async function requestNodeAdapter(software: boolean): Promise<GPUAdapter> {
  const gpu = await nodeGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null)
    throw new UnsupportedError(
      "no WebGPU adapter: no Vulkan, Metal or Direct3D 12 driver was found; install the driver of the graphics card (on Linux also libvulkan1)",
    );
  const { describeAdapter } = await import("./index.js");
  const { device, software: slow } = describeAdapter(adapter);
  if (slow && !software)
    throw new UnsupportedError(
      `the only WebGPU adapter is ${device}, which runs on the processor; allow it with --software`,
    );
  return adapter;
}

/** Kernels from the package's own files. */
export const loadShaderFile: ShaderLoader = (path) => readFile(new URL(path, shaderFolder()), "utf8");

function shaderFolder(): URL {
  for (const up of ["../../../shaders/wgsl/", "../../../../shaders/wgsl/"]) {
    const folder = new URL(up, import.meta.url);
    if (existsSync(folder)) return folder;
  }
  throw new UnsupportedError("the folder shaders/wgsl of the package is missing; install it again");
}
