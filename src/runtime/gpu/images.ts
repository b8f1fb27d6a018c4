import type { ImageOperation, Operations } from "../operations.js";
import { maskPart } from "../tables.js";
import type { KernelDevice } from "./device.js";
import { forwardFft, inverseFft } from "./fft.js";
import { threads } from "./launch.js";

const volume = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

export const imageOperations: Operations<KernelDevice, ImageOperation> = {
  forwardFft,
  inverseFft,

  shiftImages: (gpu, { images, out, moves_i3, factor_i, box, count }) =>
    threads(
      gpu,
      "shift_images",
      count * box * box,
      { box },
      { images, moved: out, moves: moves_i3, factor: factor_i },
    ),

  async softMask(gpu, { values, shape, count, radius, width, noise, scratch }) {
    const size = volume(shape);
    const parts = Math.ceil(size / maskPart);
    const geometry = {
      size,
      box: shape[shape.length - 1],
      depth: shape.length === 3 ? shape[0] : 1,
      parts,
      radius,
      width,
    };
    if (noise === undefined)
      await gpu.run("mask_background", {
        over: { groups: count * parts },
        cost: Math.min(size, maskPart) / 64,
        params: { ...geometry, part: maskPart },
        buffers: { values, partials: scratch },
      });
    await threads(
      gpu,
      "mask_apply",
      count * size,
      { ...geometry, noise_fill: Number(noise !== undefined) },
      { values, partials: noise === undefined ? scratch : undefined, noise },
    );
  },

  shellPower: (gpu, { spectra, box, count, friedel, power_is }) => {
    const shells = Math.floor(box / 2) + 1;
    return gpu.run("shell_power", {
      over: { groups: count * shells },
      cost: Math.ceil(box / 64) * 8,
      params: { box, shells, once: Number(friedel === "once") },
      buffers: { spectra, powers: power_is },
    });
  },

  packPixels: (gpu, { spectra, box, count, pixels, packed_ik }) =>
    threads(
      gpu,
      "pack_pixels",
      count * pixels.count,
      { box, pixels: pixels.count },
      { spectra, xy: pixels.xy_k, packed: packed_ik },
    ),

  ctf: (gpu, { parameters, count, pixels, ctf_ik }) =>
    threads(
      gpu,
      "ctf",
      count * pixels.count,
      { pixels: pixels.count },
      { parameters, xy: pixels.xy_k, values: ctf_ik },
    ),

  spreadShells: (gpu, { table_gs, shells, group_i, count, pixels, zeroOrigin, out_ik }) =>
    threads(
      gpu,
      "spread_shells",
      count * pixels.count,
      { pixels: pixels.count, shells, zero_origin: Number(zeroOrigin) },
      { table: table_gs, group_of: group_i, xy: pixels.xy_k, values: out_ik },
    ),

  lowPass: (gpu, { spectrum, shape, low, high }) => {
    const n = shape[shape.length - 1];
    const count = (volume(shape) / n) * (Math.floor(n / 2) + 1);
    return threads(gpu, "low_pass", count, { n, low, high }, { spectrum });
  },
};
