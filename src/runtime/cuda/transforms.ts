import type { BufferDeclaration, DeviceBuffer, Fft } from "../contract.js";
import { UnsupportedError } from "../errors.js";
import { fftBuffers, kernelOperations, makeFft } from "../gpu/index.js";
import { Cufft, type CufftChoice } from "./cufft.js";
import type { CudaDevice } from "./device.js";

/** How a device transforms: the part of the contract that does. */
export interface Transforms {
  /** By what, and why not otherwise. */
  readonly told: string;
  fftBuffers(shape: readonly number[], batch: number): readonly BufferDeclaration[];
  makeFft(shape: readonly number[], batch: number): Fft;
  forward(fft: Fft, values: DeviceBuffer, spectra: DeviceBuffer): Promise<void>;
  inverse(fft: Fft, spectra: DeviceBuffer, values: DeviceBuffer): Promise<void>;
}

/** What a run says where it takes the kernels of this package. */
export const toldOfKernels = (why: string): string => `kernels of CryoTile (${why})`;

const ownTransforms = (cuda: CudaDevice, why: string): Transforms => ({
  told: toldOfKernels(why),
  fftBuffers,
  makeFft: (shape, batch) => makeFft(cuda, shape, batch),
  forward: (...args) => Promise.resolve(kernelOperations.forwardFft(cuda, ...args)),
  inverse: (...args) => Promise.resolve(kernelOperations.inverseFft(cuda, ...args)),
});

/**
 * cuFFT where it is found and works, else the kernels of this package.
 * @throws UnsupportedError where a library was named that does not work
 */
export function chooseTransforms(cuda: CudaDevice, choice: CufftChoice | undefined): Transforms {
  if (choice === undefined) return ownTransforms(cuda, "cuFFT was not asked for");
  try {
    return Cufft.open(cuda, choice);
  } catch (error) {
    if (choice.required || !(error instanceof UnsupportedError)) throw error;
    return ownTransforms(cuda, error.message);
  }
}
