import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe } from "vitest";
import type { Runtime } from "../../src/runtime/contract.js";
import { type NodeCudaOptions, openNodeCuda } from "../../src/runtime/cuda/node.js";

const folder = resolve(import.meta.dirname, "../../build/cuda");

/** A driver that runs kernels on the processor; npm test builds it. */
export const emulatedDriver = join(folder, "emulator", "libcuda.so.1");
/** A cuFFT over it. */
export const emulatedCufft = join(folder, "emulator", "libcufft.so.12");
/** The addon, and what it knows about the kernels. */
export const cudaAddon = join(folder, "cryotile_cuda.node");
export const cudaDeclarations = join(folder, "kernels.json");

const missing = [emulatedDriver, emulatedCufft, cudaAddon].some((path) => !existsSync(path));
if (missing) {
  const notice = "the emulated CUDA driver is not built (a C++ compiler and cmake are needed)";
  if (process.env.CI) throw new Error(notice);
  console.warn(`skipped: tests on CUDA: ${notice}`);
}

/** A suite on the CUDA runtime, over an emulated device. Never skipped in CI. */
export const describeCuda = describe.skipIf(missing);

/** Without cuFFT where it is not asked for. */
export const openTestCuda = (options: Partial<NodeCudaOptions> = {}): Promise<Runtime> =>
  openNodeCuda({ bytes: 2 ** 28, software: true, library: emulatedDriver, cufft: "none", ...options });
