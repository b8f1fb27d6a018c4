import { product } from "../fft-plan.js";
import type { ImageOperation, Operations } from "../operations.js";
import { maskPart } from "../tables.js";
import type { CpuDevice } from "./device.js";
import { forwardFft, inverseFft } from "./fft.js";

export const imageOperations: Operations<CpuDevice, ImageOperation> = {
  forwardFft,
  inverseFft,

  shiftImages(cpu, { images, out, moves_i3, factor_i, box, count }) {
    cpu.run("shift_images", count * box, box, { images, moved: out, moves: moves_i3, factor: factor_i, box });
  },

  softMask(cpu, { values, shape, count, radius, width, noise, scratch }) {
    const size = product(shape);
    const box = shape[shape.length - 1];
    const parts = Math.ceil(size / maskPart);
    const geometry = {
      values,
      partials: scratch,
      size,
      box,
      depth: shape.length === 3 ? shape[0] : 1,
      parts,
    };
    if (noise === undefined)
      cpu.run("mask_background", count * parts, 5 * Math.min(size, maskPart), {
        ...geometry,
        part: maskPart,
        radius,
        width,
      });
    cpu.run("mask_apply", (count * size) / box, 5 * box, { ...geometry, noise, radius, width });
  },

  shellPower(cpu, { spectra, box, count, friedel, power_is }) {
    const shells = Math.floor(box / 2) + 1;
    const once = Number(friedel === "once");
    cpu.run("shell_power", count, 2 * box * box, { spectra, power: power_is, box, shells, once });
  },

  packPixels(cpu, { spectra, box, count, pixels, packed_ik }) {
    const own = { spectra, xy: pixels.xy_k, packed: packed_ik, box, pixels: pixels.count };
    cpu.run("pack_pixels", count, 2 * pixels.count, own);
  },

  ctf(cpu, { parameters, count, pixels, ctf_ik }) {
    const own = { parameters, xy: pixels.xy_k, values: ctf_ik, pixels: pixels.count };
    cpu.run("ctf", count, 20 * pixels.count, own);
  },

  spreadShells(cpu, { table_gs, shells, group_i, count, pixels, zeroOrigin, out_ik }) {
    cpu.run("spread_shells", count, 3 * pixels.count, {
      table: table_gs,
      group_of: group_i,
      xy: pixels.xy_k,
      values: out_ik,
      pixels: pixels.count,
      shells,
      zero_origin: Number(zeroOrigin),
    });
  },

  lowPass(cpu, { spectrum, shape, low, high }) {
    const n = shape[shape.length - 1];
    cpu.run("low_pass", product(shape) / n, 5 * n, { spectrum, n, low, high });
  },
};
