import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { fftPlan } from "../../src/geometry/fft.js";
import type { Runtime } from "../../src/runtime/contract.js";
import type { NativeCuda } from "../../src/runtime/cuda/addon.js";
import { firstLibrary } from "../../src/runtime/cuda/cufft.js";
import { cufftChoice } from "../../src/runtime/cuda/cufft-node.js";
import type { CufftChoice } from "../../src/runtime/cuda/index.js";
import { UnsupportedError } from "../../src/runtime/errors.js";
import { planMemory, summariseTrace } from "../../src/runtime/plan.js";
import { tolerancesOf } from "../../src/runtime/tolerances.js";
import { Random } from "../../src/runtime/verify/harness.js";
import { cudaAddon, describeCuda, emulatedCufft, openTestCuda } from "../support/cuda.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);
console.log(`transforms on cuda: seed ${seed} (CRYOTILE_SEED=${seed} repeats it)`);

const work = mkdtempSync(join(tmpdir(), "cryotile-transforms-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));
afterEach(() => {
  delete process.env.CRYOTILE_EMULATOR_FAIL;
});

const half = (shape: readonly number[]) =>
  shape.slice(0, -1).reduce((all, n) => all * n, Math.floor(shape[shape.length - 1] / 2) + 1);
const whole = (shape: readonly number[]) => shape.reduce((all, n) => all * n, 1);

describeCuda("where cuFFT is looked for", () => {
  it("toolkits, environments and Python packages, beside the names that the loader knows", () => {
    const base = join(work, "base");
    const folders = ["lib64", "lib", "lib/python3.12/site-packages/nvidia/cufft/lib", "bin"].map((folder) =>
      join(base, folder),
    );
    for (const folder of folders) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "libcufft.so.11"), "");
    }
    for (const variables of [{ CUDA_HOME: base }, { PATH: `/nowhere:${join(base, "bin")}` }]) {
      const { libraries = [] } = cufftChoice("find", variables) ?? {};
      expect(libraries.slice(0, 3)).toEqual(["libcufft.so.12", "libcufft.so.11", "libcufft.so.10"]);
      expect(libraries.filter((path) => path.startsWith(base))).toEqual(
        folders.slice(0, 3).map((folder) => join(folder, "libcufft.so.11")),
      );
      expect(cufftChoice(undefined, { ...variables, CRYOTILE_CUFFT: "find" })?.libraries).toEqual(libraries);
    }
  });

  it("nowhere else where one is named, and nowhere at all unless asked", () => {
    const named = { CRYOTILE_CUFFT: "/some/libcufft.so" };
    expect(cufftChoice(undefined, named)?.libraries).toEqual(["/some/libcufft.so"]);
    expect(cufftChoice("none", named)).toBe(undefined);
    expect(cufftChoice(undefined, {})).toBe(undefined);
  });

  it("says what was wrong with each", () => {
    const native = createRequire(import.meta.url)(cudaAddon) as NativeCuda;
    const broken = join(work, "broken.so");
    writeFileSync(broken, "half a download");
    const empty = join(work, "empty.so");
    writeFileSync(`${empty}.cc`, 'extern "C" int cufftGetVersion(int* v) { return *v = 0; }');
    execFileSync("c++", ["-shared", "-fPIC", "-o", empty, `${empty}.cc`]);
    const load = (choice: Partial<CufftChoice>) => () =>
      firstLibrary({ libraries: [], sought: "looked for it", ...choice }, (path) => native.fftVersion(path));
    expect(load({ libraries: ["libnowhere.so.12", "libnowhere.so.11"] })).toThrow(
      /^no cuFFT \(looked for it\): name/,
    );
    expect(load({ libraries: ["libnowhere.so.12", broken, empty] })).toThrow(
      /broken\.so: (file too short|invalid ELF header).*; .*empty\.so has no cufftCreate|cufftExecZ2D/,
    );
    expect(load({ libraries: ["libnowhere.so.12"] })).toThrow(
      /libnowhere\.so\.12: cannot open shared object file.*name another library with CRYOTILE_CUFFT/,
    );
    expect(load({ libraries: [broken, emulatedCufft] })()).toEqual({
      library: emulatedCufft,
      version: 12004,
    });
  });
});

describeCuda("cuFFT on request", () => {
  it("else the own kernels", async () => {
    const runtime = await openTestCuda({ cufft: "none" });
    expect(runtime.capabilities.transforms).toMatch(/^kernels of CryoTile \(/);
    await runtime.close();
  });

  it("is refused where the library is for another driver, makes no plan or is not there", async () => {
    await expect(openTestCuda({ cufft: join(work, "libcufft.so.12") })).rejects.toThrow(UnsupportedError);
    for (const [fault, message] of [
      ["cufftMakePlanMany64:1:7", /cuFFT cannot be used \(.*cufftMakePlanMany64: CUFFT_SETUP_FAILED\): name/],
      ["cufftCreate:1:5", /cuFFT cannot be used \(.*cufftCreate: CUFFT_INTERNAL_ERROR\): name/],
    ] as const) {
      process.env.CRYOTILE_EMULATOR_FAIL = fault;
      await expect(openTestCuda({ cufft: emulatedCufft })).rejects.toThrow(message);
    }
  });
});

/** The transform of real [height][width], over its number, from transforms of single lines (src/geometry/fft.ts). */
function transformed(values: ArrayLike<number>, height: number, width: number): Float64Array {
  const columns = Math.floor(width / 2) + 1;
  const spectrum = new Float64Array(2 * height * columns);
  for (let y = 0; y < height; y++) {
    const re = Float64Array.from({ length: width }, (_, x) => values[y * width + x] / (width * height));
    const im = new Float64Array(width);
    fftPlan(width).forward(re, im);
    for (let x = 0; x < columns; x++) spectrum.set([re[x], im[x]], 2 * (y * columns + x));
  }
  for (let x = 0; x < columns; x++) {
    const part = (of: number) =>
      Float64Array.from({ length: height }, (_, y) => spectrum[2 * (y * columns + x) + of]);
    const [re, im] = [part(0), part(1)];
    fftPlan(height).forward(re, im);
    for (let y = 0; y < height; y++) spectrum.set([re[y], im[y]], 2 * (y * columns + x));
  }
  return spectrum;
}

/** Relative L2 distance. */
function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let off = 0;
  let all = 0;
  for (let at = 0; at < expected.length; at++) {
    off += (found[at] - expected[at]) ** 2;
    all += expected[at] ** 2;
  }
  return Math.sqrt(off / all);
}

describeCuda.each(["single", "double"] as const)("own kernels in %s precision", (precision) => {
  // Every radix, products of few and of many of them, tiles of every width, Bluestein's convolution, and lines too long for shared memory.
  const lengths = [
    16, 48, 121, 169, 243, 259, 343, 360, 512, 625, 720, 723, 1024, 1438, 1440, 2047, 2048, 3001, 3072, 4096,
  ];
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await openTestCuda({ precision });
  });
  afterAll(() => runtime.close());

  it.each(lengths)("lines of %i points", async (n) => {
    const random = new Random(seed + n);
    for (const [height, width] of [
      [n, 6],
      [3, n],
      [2, 2 * n],
    ]) {
      const given = Float32Array.from(random.normals(height * width));
      runtime.push("job");
      const values = runtime.alloc("real", "values", given.length);
      const spectra = runtime.alloc("complex", "spectra", half([height, width]));
      runtime.upload(values, given);
      const fft = runtime.makeFft([height, width], 1);
      await runtime.forwardFft(fft, values, spectra);
      const expected = transformed(given, height, width);
      const { bound } = tolerancesOf(runtime).forwardFft;
      expect(distance(await runtime.download(spectra), expected)).toBeLessThan(bound);
      await runtime.inverseFft(fft, spectra, values);
      expect(distance(await runtime.download(values), given)).toBeLessThan(2 * bound);
      runtime.pop("job");
    }
  });
});

describeCuda.each([
  { name: "cuFFT", cufft: emulatedCufft },
  { name: "own kernels", cufft: "none" },
])("transforms by $name", ({ cufft }) => {
  const shapes = [
    { shape: [4, 4], batch: 1 },
    { shape: [24, 36], batch: 5 },
    { shape: [18, 20, 22], batch: 1 },
    { shape: [37, 37], batch: 2 },
  ];
  const job = async (runtime: Runtime) => {
    for (const { shape, batch } of shapes) {
      runtime.push("job");
      const values = runtime.alloc("real", "values", batch * whole(shape));
      const spectra = runtime.alloc("complex", "spectra", batch * half(shape));
      const fft = runtime.makeFft(shape, batch);
      await runtime.forwardFft(fft, values, spectra);
      await runtime.inverseFft(fft, spectra, values);
      runtime.pop("job");
    }
  };

  it.each(["single", "double"] as const)(
    "plan equals trace to the byte in %s precision",
    async (precision) => {
      const events: Parameters<typeof summariseTrace>[0][number][] = [];
      const runtime = await openTestCuda({ precision, cufft, onEvent: (event) => events.push(event) });
      const plan = await planMemory(runtime.layout, job);
      await job(runtime);
      expect({ ...summariseTrace(events), peak: runtime.memory.peak }).toEqual(plan);
      await runtime.close();
    },
  );

  it("forward leaves the values as they are", async () => {
    const runtime = await openTestCuda({ cufft });
    const random = new Random(seed);
    for (const { shape, batch } of shapes) {
      const given = Float32Array.from(random.normals(batch * whole(shape)));
      runtime.push("job");
      const values = runtime.alloc("real", "values", given.length);
      const spectra = runtime.alloc("complex", "spectra", batch * half(shape));
      runtime.upload(values, given);
      await runtime.forwardFft(runtime.makeFft(shape, batch), values, spectra);
      expect(await runtime.download(values)).toEqual(given);
      runtime.pop("job");
    }
    await runtime.close();
  });

  it("many plans, each used again after others", async () => {
    const runtime = await openTestCuda({ cufft });
    const random = new Random(seed);
    const given = Float32Array.from(random.normals(60 * 60));
    for (let turn = 0; turn < 2; turn++)
      for (let n = 8; n < 60; n++) {
        runtime.push("job");
        const values = runtime.alloc("real", "values", n * n);
        const spectra = runtime.alloc("complex", "spectra", half([n, n]));
        const fft = runtime.makeFft([n, n], 1);
        runtime.upload(values, given.subarray(0, n * n));
        await runtime.forwardFft(fft, values, spectra);
        await runtime.inverseFft(fft, spectra, values);
        const found = await runtime.download(values);
        let worst = 0;
        for (let at = 0; at < n * n; at++) worst = Math.max(worst, Math.abs(found[at] - given[at]));
        // Two transforms of up to 12 passes in all (24 with Bluestein's), 2^-24 of values of up to 5 each.
        expect(worst, `${n} x ${n}`).toBeLessThan(1e-5);
        runtime.pop("job");
      }
    await runtime.close();
  });
});
