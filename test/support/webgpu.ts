import { describe } from "vitest";
import type { Runtime } from "../../src/runtime/contract.js";
import { openWebGpu, type WebGpuOptions } from "../../src/runtime/webgpu/index.js";
import { loadShaderFile, requestNodeAdapter } from "../../src/runtime/webgpu/node.js";

const missing = await requestNodeAdapter(true).then(
  () => undefined,
  (error: Error) => error.message,
);
if (missing !== undefined) {
  if (process.env.CI) throw new Error(`WebGPU is needed in CI: ${missing}`);
  console.warn(`skipped: tests on WebGPU (${missing})`);
}

/** A suite that needs a WebGPU adapter, a software one included. Never skipped in CI. */
export const describeWebGpu = describe.skipIf(missing !== undefined);

export async function openTestGpu(options: Partial<WebGpuOptions> = {}): Promise<Runtime> {
  return openWebGpu(await requestNodeAdapter(true), {
    loadShader: loadShaderFile,
    bytes: 2 ** 28,
    ...options,
  });
}
