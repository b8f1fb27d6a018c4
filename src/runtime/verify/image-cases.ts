import { ctfFlags, makePixels, maskScratch, type PixelChoice } from "../tables.js";
import type { Case, Random } from "./harness.js";

const product = (shape: readonly number[]) => shape.reduce((all, n) => all * n, 1);
const halfLength = (shape: readonly number[]) => {
  const n = shape[shape.length - 1];
  return (product(shape) / n) * (Math.floor(n / 2) + 1);
};

/** Transforms of every kind of length: powers of two, prime factors up to 13, larger primes (Bluestein), odd. */
function fftCases(random: Random): Case[] {
  const shapes = [
    ...[2, 4, 8, 22, 26, 30, 34, 56, 64, 74].map((n) => ({ shape: [n, n], batch: 3 })),
    { shape: [6, 10], batch: 2 },
    ...[12, 15, 19, 38, 67].map((n) => ({ shape: [n, n, n], batch: 1 })),
  ];
  return shapes.flatMap(({ shape, batch }): Case[] => {
    const values = random.normals(batch * product(shape));
    const half = random.normals(2 * batch * halfLength(shape));
    const variant = `${batch} x ${shape.join(" x ")}`;
    return [
      {
        operation: "forwardFft",
        variant,
        async run(bench) {
          const spectra = await bench.out("complex", "spectra", batch * halfLength(shape));
          const fft = bench.runtime.makeFft(shape, batch);
          await bench.runtime.forwardFft(fft, bench.put("real", "values", values), spectra);
          return { spectra: await bench.get(spectra) };
        },
      },
      {
        operation: "inverseFft",
        variant,
        async run(bench) {
          const out = await bench.out("real", "values", values.length);
          const fft = bench.runtime.makeFft(shape, batch);
          await bench.runtime.inverseFft(fft, bench.put("complex", "spectra", half), out);
          return { values: await bench.get(out) };
        },
      },
    ];
  });
}

function maskCases(random: Random): Case[] {
  const masks = [
    { shape: [30, 30], count: 4, radius: 9.3, width: 5, noisy: false },
    { shape: [31, 31], count: 2, radius: 20, width: 3, noisy: false },
    { shape: [22, 22], count: 3, radius: 6.5, width: 4, noisy: true },
    { shape: [44, 44, 44], count: 1, radius: 17, width: 5, noisy: false },
  ];
  return masks.map(({ shape, count, radius, width, noisy }): Case => {
    const values = random.normals(count * product(shape)).map((value) => Math.fround(value + 2));
    const noise = random.normals(values.length);
    return {
      operation: "softMask",
      variant: `${count} x ${shape.join(" x ")}, ${noisy ? "noise" : "mean"}`,
      async run(bench) {
        const buffer = bench.put("real", "values", values);
        await bench.runtime.softMask({
          values: buffer,
          shape,
          count,
          radius,
          width,
          scratch: await bench.out("real", "scratch", maskScratch(shape, count)),
          ...(noisy ? { noise: bench.put("real", "noise", noise) } : {}),
        });
        return { values: await bench.get(buffer) };
      },
    };
  });
}

function pixelCases(random: Random, box: number, size: number, choice: PixelChoice, count: number): Case[] {
  const spectra = random.normals(count * 2 * halfLength([box, box]));
  const variant = `${count} x ${box}, size ${size}, ${choice}`;
  const shells = Math.floor(size / 2) + 1;
  const table = random.uniforms(3 * shells, 0.5, 2);
  const group = Uint32Array.from({ length: count }, () => random.integer(0, 2));
  const rows = Array.from({ length: count }, (_, i) => {
    const flags = [
      0,
      ctfFlags.intactFirstPeak,
      ctfFlags.phaseFlipped,
      ctfFlags.onlyFlipPhases,
      ctfFlags.premultiplied,
    ][i % 5];
    const defocus = random.uniforms(3, -0.02, -0.005);
    return [defocus[0], 0.1 * defocus[1], defocus[2], 1e-6 * random.uniform(), 0.02, -1e-4, 0.9, flags].map(
      Math.fround,
    );
  }).flat();
  return [
    {
      operation: "packPixels",
      variant,
      async run(bench) {
        const pixels = makePixels(bench.runtime, size, choice);
        const packed = await bench.out("complex", "packed", count * pixels.count);
        await bench.runtime.packPixels({
          spectra: bench.put("complex", "spectra", spectra),
          box,
          count,
          pixels,
          packed_ik: packed,
        });
        return { packed: await bench.get(packed) };
      },
    },
    {
      operation: "ctf",
      variant,
      async run(bench) {
        const pixels = makePixels(bench.runtime, size, choice);
        const ctf = await bench.out("real", "ctf", count * pixels.count);
        await bench.runtime.ctf({
          parameters: bench.put("real", "parameters", rows),
          count,
          pixels,
          ctf_ik: ctf,
        });
        return { ctf: await bench.get(ctf) };
      },
    },
    {
      operation: "spreadShells",
      variant,
      async run(bench) {
        const pixels = makePixels(bench.runtime, size, choice);
        const out = await bench.out("real", "weights", count * pixels.count);
        await bench.runtime.spreadShells({
          table_gs: bench.put("real", "table", table),
          shells,
          group_i: bench.put("index", "groups", group),
          count,
          pixels,
          zeroOrigin: count % 2 === 0,
          out_ik: out,
        });
        return { weights: await bench.get(out) };
      },
    },
  ];
}

function shiftCase(random: Random): Case {
  const [box, count] = [18, 7];
  const stack = 11;
  const images = random.normals(stack * box * box);
  const moves = Uint32Array.from(
    { length: 3 * count },
    (_, at) => (at % 3 === 0 ? random.integer(0, stack - 1) : random.integer(-20, 20)) >>> 0,
  );
  const factors = random.uniforms(count, 0.5, 2);
  return {
    operation: "shiftImages",
    variant: `${count} x ${box} of ${stack}`,
    async run(bench) {
      const out = await bench.out("real", "moved", count * box * box);
      await bench.runtime.shiftImages({
        images: bench.put("real", "images", images),
        out,
        moves_i3: bench.put("index", "moves", moves),
        factor_i: bench.put("real", "factors", factors),
        box,
        count,
      });
      return { moved: await bench.get(out) };
    },
  };
}

function powerCase(random: Random, box: number, friedel: "once" | "twice"): Case {
  const count = 3;
  const spectra = random.normals(count * 2 * halfLength([box, box]));
  return {
    operation: "shellPower",
    variant: `${count} x ${box}, ${friedel}`,
    async run(bench) {
      const power = await bench.out("real", "power", count * (Math.floor(box / 2) + 1));
      await bench.runtime.shellPower({
        spectra: bench.put("complex", "spectra", spectra),
        box,
        count,
        friedel,
        power_is: power,
      });
      return { power: await bench.get(power) };
    },
  };
}

function lowPassCase(random: Random, shape: readonly number[], low: number, high: number): Case {
  const values = random.normals(2 * halfLength(shape));
  return {
    operation: "lowPass",
    variant: shape.join(" x "),
    async run(bench) {
      const spectrum = bench.put("complex", "spectrum", values);
      await bench.runtime.lowPass({ spectrum, shape, low, high });
      return { spectrum: await bench.get(spectrum) };
    },
  };
}

export function imageCases(random: Random): Case[] {
  return [
    ...fftCases(random),
    ...maskCases(random),
    ...pixelCases(random, 32, 32, "shells", 3),
    ...pixelCases(random, 30, 18, "shells", 6),
    ...pixelCases(random, 26, 14, "all", 4),
    shiftCase(random),
    powerCase(random, 30, "once"),
    powerCase(random, 17, "twice"),
    powerCase(random, 150, "once"),
    lowPassCase(random, [26, 26], 4.5, 6.5),
    lowPassCase(random, [20, 20, 20], 3, 7),
  ];
}
