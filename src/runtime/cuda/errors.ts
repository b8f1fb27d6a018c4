import { DeviceLostError, DeviceMemoryError, UnsupportedError } from "../errors.js";

interface DriverFailure extends Error {
  readonly code: string;
  readonly call: string;
}

const isDriverFailure = (error: unknown): error is DriverFailure =>
  error instanceof Error && "code" in error && "call" in error;

/** The driver cannot run these kernels. */
const kernelFaults = new Set([
  "CUDA_ERROR_NO_BINARY_FOR_GPU",
  "CUDA_ERROR_INVALID_IMAGE",
  "CUDA_ERROR_INVALID_PTX",
  "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
  "CUDA_ERROR_JIT_COMPILER_NOT_FOUND",
]);

/** The program asked for something wrong. */
const programFaults = new Set([
  "CUDA_ERROR_INVALID_VALUE",
  "CUDA_ERROR_INVALID_DEVICE",
  "CUDA_ERROR_INVALID_CONTEXT",
  "CUDA_ERROR_INVALID_HANDLE",
  "CUDA_ERROR_NOT_FOUND",
  "CUFFT_INVALID_PLAN",
  "CUFFT_INVALID_TYPE",
  "CUFFT_INVALID_VALUE",
  "CUFFT_INVALID_SIZE",
  "CUFFT_UNALIGNED_DATA",
  "CUFFT_INVALID_DEVICE",
  "CUFFT_NO_WORKSPACE",
  "CUFFT_NOT_IMPLEMENTED",
  "CUFFT_NOT_SUPPORTED",
]);

/** Whether cuFFT is missing or does not work here. */
export const isLibraryFault = (error: unknown): error is Error & { readonly code: string } =>
  error instanceof Error &&
  "code" in error &&
  typeof error.code === "string" &&
  /^(ERR_NO_LIBRARY|CUFFT_.*)$/.test(error.code) &&
  error.code !== "CUFFT_ALLOC_FAILED";

/** A failure of the driver or of cuFFT as the contract has it: typed where a user can do something about it. Other errors stay as they are. */
export function asRuntimeError(error: unknown, device: string, arenaBytes: number): unknown {
  if (!isDriverFailure(error)) return error;
  const { code, call } = error;
  if (code === "CUDA_ERROR_OUT_OF_MEMORY" || code === "CUFFT_ALLOC_FAILED")
    return new DeviceMemoryError(`${device}: ${withoutMemory(call, arenaBytes)} (${call}: ${code})`, {
      cause: error,
    });
  if (code === "CUDA_ERROR_DEVICE_UNAVAILABLE")
    return new UnsupportedError(
      `${device}: another program has it for itself (${call}: ${code}); wait for it, or name another device with --gpu`,
      { cause: error },
    );
  if (programFaults.has(code)) return new Error(`${device}: ${call} failed: ${code}`, { cause: error });
  if (kernelFaults.has(code))
    return new UnsupportedError(
      `${device}: the driver does not take the kernels (${call}: ${code}); install a newer driver, or build them here: npm run build:cuda`,
      { cause: error },
    );
  return new DeviceLostError(
    `${device}: the device was lost (${call}: ${code}); results since the last saved iteration are gone, start the run again from there`,
    { cause: error },
  );
}

function withoutMemory(call: string, arenaBytes: number): string {
  if (call === "cuMemHostAlloc") return "the host has no more memory to pin";
  if (call === "cuMemAlloc_v2") return `no room for an arena of ${arenaBytes} bytes`;
  if (call.startsWith("cufft")) return `no room for a plan of cuFFT beside an arena of ${arenaBytes} bytes`;
  return `the driver finds no room for its own needs beside an arena of ${arenaBytes} bytes`;
}
