import type { BufferDeclaration, DeviceBuffer, Fft } from "../contract.js";
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
 * The kernels of this package, or cuFFT on request: its transforms are faster, but it takes longer to make a plan than an iteration takes.
 * @throws UnsupportedError where cuFFT is asked for and does not work
 */
export const chooseTransforms = (cuda: CudaDevice, choice: CufftChoice | undefined): Transforms =>
  choice === undefined ? new LineTransforms(cuda) : Cufft.open(cuda, choice);
