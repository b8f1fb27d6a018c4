import { expectationOperations } from "./expectation.js";
import { imageOperations } from "./images.js";
import { maximisationOperations } from "./maximisation.js";
import { projectionOperations } from "./projection.js";
import { weightOperations } from "./weights.js";

export type { KernelDevice, Launch } from "./device.js";
export { fftBuffers, makeFft } from "./fft.js";

/** Every operation as launches of kernels. */
export const kernelOperations = {
  ...imageOperations,
  ...projectionOperations,
  ...expectationOperations,
  ...weightOperations,
  ...maximisationOperations,
};
