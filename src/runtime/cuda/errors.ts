import { DeviceLostError, DeviceMemoryError, UnsupportedError } from "../errors.js";

interface DriverFailure extends Error {
  readonly code: string;
  readonly call: string;
}

const isDriverFailure = (error: unknown): error is DriverFailure =>
  error instanceof Error && "code" in error && "call" in error;

const unsupported = new Set([
  "CUDA_ERROR_NO_BINARY_FOR_GPU",
  "CUDA_ERROR_INVALID_IMAGE",
  "CUDA_ERROR_INVALID_PTX",
  "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
  "CUDA_ERROR_JIT_COMPILER_NOT_FOUND",
]);

/** A failure of the driver as the contract has it. Others stay as they are. */
export function asRuntimeError(error: unknown, device: string, arenaBytes: number): unknown {
  if (!isDriverFailure(error)) return error;
  const { code, call } = error;
  if (code === "CUDA_ERROR_OUT_OF_MEMORY")
    return new DeviceMemoryError(
      call === "cuMemHostAlloc"
        ? `${device}: the host has no more memory to pin (${call}: ${code})`
        : `${device}: no room for an arena of ${arenaBytes} bytes (${call}: ${code}); give it less`,
      { cause: error },
    );
  if (unsupported.has(code))
    return new UnsupportedError(
      `${device}: the driver does not take the kernels (${call}: ${code}); install a newer driver, or build them here: npm run build:cuda`,
      { cause: error },
    );
  return new DeviceLostError(
    `${device}: the device was lost (${call}: ${code}); results since the last saved iteration are gone, start the run again from there`,
    { cause: error },
  );
}
