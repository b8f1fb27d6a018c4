import type { BufferDeclaration, DeviceBuffer, Fft } from "../contract.js";
import { UnsupportedError } from "../errors.js";
import { Cufft, type CufftChoice } from "./cufft.js";
import type { CudaDevice } from "./device.js";
import { LineTransforms } from "./line-fft.js";

/** How a device transforms: the part of the contract that does. */
export interface Transforms {
  /** By what, and why not otherwise. */
  readonly told: string;
  fftBuffers(shape: readonly number[], batch: number): readonly BufferDeclaration[];
  makeFft(shape: readonly number[], batch: number): Fft;
  forward(fft: Fft, values: DeviceBuffer, spectra: DeviceBuffer): Promise<void>;
  inverse(fft: Fft, spectra: DeviceBuffer, values: DeviceBuffer): Promise<void>;
}

/**
 * cuFFT where it is found and works, else the kernels of this package.
 * @throws UnsupportedError where a library was named that does not work
 */
export function chooseTransforms(cuda: CudaDevice, choice: CufftChoice | undefined): Transforms {
  if (choice === undefined) return new LineTransforms(cuda, "cuFFT was not asked for");
  try {
    return Cufft.open(cuda, choice);
  } catch (error) {
    if (choice.required || !(error instanceof UnsupportedError)) throw error;
    return new LineTransforms(cuda, error.message);
  }
}
