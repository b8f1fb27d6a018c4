import type { TraceEvent } from "../arena.js";
import type { Runtime, RuntimeLayout } from "../contract.js";
import { UnsupportedError } from "../errors.js";
import { kernelOperations } from "../gpu/index.js";
import { screenCoarse } from "../gpu/screen.js";
import { bindOperations } from "../operations.js";
import type { CudaDeviceInfo, NativeDriver } from "./addon.js";
import type { CufftChoice } from "./cufft.js";
import { CudaDevice, cudaAlignment, cudaBytes, type DeviceOptions } from "./device.js";
import type { KernelImage, Precision } from "./kernels.js";
import { PaddedTransforms } from "./padded-fft.js";
import { chooseTransforms, type Transforms } from "./transforms.js";

export type { CudaDeviceInfo, NativeDriver } from "./addon.js";
export type { CufftChoice } from "./cufft.js";
export type { KernelImage, KernelSignature, Precision } from "./kernels.js";
export type { DeviceProfile } from "./profile.js";

export interface CudaOptions {
  readonly driver: NativeDriver;
  readonly device: CudaDeviceInfo;
  readonly kernels: KernelImage;
  /** Bytes of the arena: the one allocation on the device. */
  readonly bytes: number;
  /** What numbers are on the device. Default single; the kernels are those of that precision. */
  readonly precision?: Precision;
  /** Where cuFFT is looked for. Default: nowhere; transforms are computed by kernels of this package. */
  readonly cufft?: CufftChoice | undefined;
  readonly onEvent?: (event: TraceEvent) => void;
  readonly onProfile?: DeviceOptions["onProfile"];
}

const layoutOf = (
  precision: Precision,
  screens: boolean,
  transforms: Transforms,
  padded: PaddedTransforms,
): RuntimeLayout => ({
  elementBytes: cudaBytes[precision],
  alignment: cudaAlignment,
  screens,
  holdsImages: true,
  fftBuffers: (shape, batch) => transforms.fftBuffers(shape, batch),
  paddedBuffers: (box, paddedBox, radius) => padded.buffers(box, paddedBox, radius),
});

/**
 * A runtime on a CUDA device.
 * @throws DeviceMemoryError, DeviceLostError, UnsupportedError
 */
export async function openCuda(options: CudaOptions): Promise<Runtime> {
  const { driver, device, kernels, bytes, precision = "single", onEvent, onProfile } = options;
  if (!Number.isSafeInteger(bytes) || bytes < 2 ** 20)
    throw new UnsupportedError(`an arena of ${bytes} bytes; a whole number of at least 1 MiB is needed`);
  const cuda = await CudaDevice.open(driver, device, bytes, kernels, { precision, onEvent, onProfile });
  let transforms: Transforms;
  try {
    transforms = chooseTransforms(cuda, options.cufft);
  } catch (error) {
    await cuda.close();
    throw error;
  }
  const padded = new PaddedTransforms(cuda);
  const operations = {
    ...kernelOperations,
    forwardFft: (_: CudaDevice, ...args: Parameters<Runtime["forwardFft"]>) => transforms.forward(...args),
    inverseFft: (_: CudaDevice, ...args: Parameters<Runtime["inverseFft"]>) => transforms.inverse(...args),
  };
  return {
    ...bindOperations(cuda, operations, () => cuda.check()),
    async screenCoarse(pass) {
      cuda.check();
      if (!cuda.screens) throw new UnsupportedError(`${device.name}: no matrix units for the screen`);
      await screenCoarse(cuda, pass);
    },
    async mapToProjector(a) {
      cuda.check();
      await padded.mapToProjector(a);
    },
    async dataToMap(a) {
      cuda.check();
      await padded.dataToMap(a);
    },
    name: "cuda",
    capabilities: { ...cuda.capabilities, transforms: transforms.told },
    layout: layoutOf(precision, cuda.screens, transforms, padded),
    memory: cuda.arena,
    push: (scope) => cuda.arena.push(scope),
    pop: (scope) => cuda.arena.pop(scope),
    alloc: (kind, name, length) => cuda.alloc(kind, name, length),
    free: (buffer) => cuda.arena.free(buffer.block),
    upload: (buffer, values, at = 0) => cuda.upload(buffer, values, at),
    download: (buffer, at = 0, length) => cuda.download(buffer, at, length),
    clear: async (buffer) => cuda.clear(buffer),
    copy: (from, to) => cuda.copy(from, to),
    makeFft: (shape, batch) => transforms.makeFft(shape, batch),
    finish: () => cuda.finish(),
    close: () => cuda.close(),
  };
}
