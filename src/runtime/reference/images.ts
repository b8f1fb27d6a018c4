import { halfColumns, inverseRealFft, realFft } from "../../geometry/fft.js";
import { frequency, isUnique, shellOf } from "../../geometry/fourier.js";
import { maskOutside } from "../../geometry/mask.js";
import type { ImageOperation, Operations } from "../operations.js";
import { ctfFlags, ctfLength, pixelX, pixelY } from "../tables.js";
import type { HostMemory } from "./memory.js";

const volume = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);
const smallestCtf = 1e-8;

export const imageOperations: Operations<HostMemory, ImageOperation> = {
  forwardFft(memory, { shape, batch }, values, spectra) {
    const from = memory.real(values);
    const to = memory.real(spectra);
    const size = volume(shape);
    for (let i = 0; i < batch; i++) {
      const { re, im } = realFft(from.subarray(i * size, (i + 1) * size), shape);
      for (let at = 0; at < re.length; at++) {
        to[2 * (i * re.length + at)] = re[at];
        to[2 * (i * re.length + at) + 1] = im[at];
      }
    }
  },

  inverseFft(memory, { shape, batch }, spectra, values) {
    const from = memory.real(spectra);
    const to = memory.real(values);
    const size = volume(shape);
    const width = shape[shape.length - 1];
    const half = (size / width) * halfColumns(width);
    for (let i = 0; i < batch; i++) {
      const re = Float64Array.from({ length: half }, (_, at) => from[2 * (i * half + at)]);
      const im = Float64Array.from({ length: half }, (_, at) => from[2 * (i * half + at) + 1]);
      to.set(inverseRealFft({ shape, re, im }), i * size);
    }
  },

  shiftImages(memory, { images, out, moves_i3, factor_i, box, count }) {
    const from = memory.real(images);
    const to = memory.real(out);
    const moves = memory.index(moves_i3);
    const factor = memory.real(factor_i);
    for (let i = 0; i < count; i++) {
      const [image, dx, dy] = [moves[3 * i], moves[3 * i + 1] | 0, moves[3 * i + 2] | 0];
      for (let y = 0; y < box; y++)
        for (let x = 0; x < box; x++) {
          const [sx, sy] = [x - dx, y - dy];
          const inside = sx >= 0 && sx < box && sy >= 0 && sy < box;
          to[(i * box + y) * box + x] = inside ? factor[i] * from[(image * box + sy) * box + sx] : 0;
        }
    }
  },

  softMask(memory, { values, shape, count, radius, width, noise }) {
    const data = memory.real(values);
    const size = volume(shape);
    for (let i = 0; i < count; i++) {
      const range = [i * size, (i + 1) * size] as const;
      const background = noise === undefined ? undefined : memory.real(noise).subarray(...range);
      maskOutside(data.subarray(...range), shape, radius, width, background);
    }
  },

  shellPower(memory, { spectra, box, count, friedel, power_is }) {
    const from = memory.real(spectra);
    const power = memory.real(power_is);
    const columns = halfColumns(box);
    const shells = Math.floor(box / 2) + 1;
    power.fill(0, 0, count * shells);
    for (let i = 0; i < count; i++)
      for (let row = 0; row < box; row++)
        for (let x = 0; x < columns; x++) {
          const y = frequency(row, box);
          const shell = shellOf(x, y);
          if (shell >= shells || (friedel === "once" && !isUnique(x, y))) continue;
          const at = 2 * ((i * box + row) * columns + x);
          power[i * shells + shell] += from[at] ** 2 + from[at + 1] ** 2;
        }
  },

  packPixels(memory, { spectra, box, count, pixels, packed_ik }) {
    const from = memory.real(spectra);
    const to = memory.real(packed_ik);
    const xy = memory.index(pixels.xy_k);
    const columns = halfColumns(box);
    for (let i = 0; i < count; i++)
      for (let k = 0; k < pixels.count; k++) {
        const [x, y] = [pixelX(xy[k]), pixelY(xy[k])];
        const source = 2 * ((i * box + (y < 0 ? y + box : y)) * columns + x);
        const sign = (x + y) % 2 === 0 ? 1 : -1;
        to[2 * (i * pixels.count + k)] = sign * from[source];
        to[2 * (i * pixels.count + k) + 1] = sign * from[source + 1];
      }
  },

  ctf(memory, { parameters, count, pixels, ctf_ik }) {
    const rows = memory.real(parameters);
    const to = memory.real(ctf_ik);
    const xy = memory.index(pixels.xy_k);
    for (let i = 0; i < count; i++) {
      const [xx, mixed, yy, fourth, offset, damping, scale, flags] = rows.subarray(
        i * ctfLength,
        (i + 1) * ctfLength,
      );
      for (let k = 0; k < pixels.count; k++) {
        const [x, y] = [pixelX(xy[k]), pixelY(xy[k])];
        const r2 = x * x + y * y;
        const turns = xx * x * x + mixed * x * y + yy * y * y + fourth * r2 * r2 - offset;
        let value =
          flags & ctfFlags.intactFirstPeak && Math.abs(turns) < 0.25 ? 1 : -Math.sin(2 * Math.PI * turns);
        value *= Math.exp(damping * r2);
        if (flags & ctfFlags.phaseFlipped) value = Math.abs(value);
        else if (flags & ctfFlags.onlyFlipPhases) value = value < 0 ? -1 : 1;
        value *= scale;
        if (Math.abs(value) < smallestCtf) value = value < 0 ? -smallestCtf : smallestCtf;
        to[i * pixels.count + k] = flags & ctfFlags.premultiplied ? value * value : value;
      }
    }
  },

  spreadShells(memory, { table_gs, shells, group_i, count, pixels, zeroOrigin, out_ik }) {
    const table = memory.real(table_gs);
    const group = memory.index(group_i);
    const to = memory.real(out_ik);
    const xy = memory.index(pixels.xy_k);
    for (let i = 0; i < count; i++)
      for (let k = 0; k < pixels.count; k++) {
        const shell = shellOf(pixelX(xy[k]), pixelY(xy[k]));
        to[i * pixels.count + k] =
          shell >= shells || (zeroOrigin && shell === 0) ? 0 : table[group[i] * shells + shell];
      }
  },

  lowPass(memory, { spectrum, shape, low, high }) {
    const data = memory.real(spectrum);
    const n = shape[shape.length - 1];
    const columns = halfColumns(n);
    const rows = volume(shape) / n;
    for (let row = 0; row < rows; row++)
      for (let x = 0; x < columns; x++) {
        const y = frequency(row % n, n);
        const z = frequency(Math.floor(row / n), n);
        const radius = Math.sqrt(x * x + y * y + z * z);
        if (radius < low) continue;
        const factor = radius > high ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * (radius - low)) / (high - low));
        data[2 * (row * columns + x)] *= factor;
        data[2 * (row * columns + x) + 1] *= factor;
      }
  },
};
