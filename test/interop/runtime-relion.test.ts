import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { allocProjector, fillProjector, lowPassMap } from "../../src/em/reference.js";
import { mapFsc, overallCompleteness, radialSsnr } from "../../src/em/ssnr.js";
import { openMrc } from "../../src/formats/mrc/index.js";
import { openFile } from "../../src/formats/node.js";
import { parseStar } from "../../src/formats/star/index.js";
import { eulerToMatrix, transpose } from "../../src/geometry/euler.js";
import { pointGroup } from "../../src/geometry/symmetry.js";
import type { DeviceBuffer, Runtime } from "../../src/runtime/contract.js";
import {
  centredGeometry,
  centredLength,
  ctfRow,
  makePhases,
  makePixels,
  maskScratch,
  pixelTable,
  pixelX,
  pixelY,
} from "../../src/runtime/tables.js";
import { uploadArrays } from "../support/accumulators.js";
import { goldenTable, tinyFile, tinyPixels } from "../support/golden.js";
import { describeRelion, runTool } from "../support/relion.js";
import { describeRuntimes, difference, largest, scoped } from "../support/runtimes.js";

const box = 32;
const pixelSize = 4;
const full = centredGeometry(box, 2 * box, box);

async function volume(path: string): Promise<Float32Array> {
  const file = await openMrc(await openFile(path), { kind: "volume" });
  const voxels = await file.readVolume();
  await file.close();
  return voxels;
}

/** A centred half array from a half transform of the padded cube, as the external reconstruction is given it. */
function centred(transform: Float32Array): Float64Array {
  const { radius } = full;
  const out = new Float64Array(centredLength(full));
  const row = (k: number) => (k < 0 ? k + 2 * box : k);
  for (let z = -radius, index = 0; z <= radius; z++)
    for (let y = -radius; y <= radius; y++)
      for (let x = 0; x <= radius; x++, index++)
        if (x * x + y * y + z * z <= box ** 2)
          out[index] = transform[(row(z) * 2 * box + row(y)) * (box + 1) + x];
  return out;
}

describeRelion("runtimes against RELION's programs", () => {
  let folder: string;
  const at = (name: string) => join(folder, name);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cryotile-runtime-"));
    for (const name of ["ref.mrc", "ang.star"]) writeFileSync(at(name), tinyFile(name));
    writeFileSync(at("noisy.mrcs"), tinyFile("noisy.mrcs.gz"));
    copyFileSync(resolve(import.meta.dirname, "../golden/poses/parts_ang.star"), at("parts_ang.star"));
    writeFileSync(
      at("external.sh"),
      `#!/bin/sh\nout=$(grep _rlnExtReconsResult "$1" | grep -v Starfile | awk '{print $2}')\ncp ref.mrc "$out"\n`,
      { mode: 0o755 },
    );
    const run = (program: string, ...args: string[]) => runTool(program, args, { cwd: folder });
    mkdirSync(at("refine"));
    process.env.RELION_EXTERNAL_RECONSTRUCT_EXECUTABLE = "./external.sh";
    const fixed =
      "--skip_align --oversampling 0 --perturb 0 --zero_mask --iter 1 --tau2_fudge 2 --external_reconstruct";
    const model =
      "--sym C1 --ref ref.mrc --ini_high 20 --ctf --ctf_corrected_ref --particle_diameter 90 --norm --scale";
    await run(
      "relion_refine",
      "--o",
      "refine/run",
      "--i",
      "parts_ang.star",
      "--random_seed",
      "5",
      ...model.split(" "),
      ...fixed.split(" "),
    );
    delete process.env.RELION_EXTERNAL_RECONSTRUCT_EXECUTABLE;
    for (const sym of ["C1", "C3", "D2", "T"])
      await run(
        "relion_reconstruct",
        "--i",
        "parts_ang.star",
        "--o",
        `${sym}.mrc`,
        "--ctf",
        "--sym",
        sym,
        "--write_debug_output",
      );
    await run(
      "relion_mask_create",
      "--denovo",
      "--box_size",
      "32",
      "--outer_radius",
      "10",
      "--width_soft_edge",
      "4",
      "--angpix",
      "4",
      "--o",
      "mask.mrc",
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const arrays = async (prefix: string) => ({
    re: await volume(at(`${prefix}_data_real.mrc`)),
    im: await volume(at(`${prefix}_data_imag.mrc`)),
    weight: await volume(at(`${prefix}_weight.mrc`)),
  });
  const map = (runtime: Runtime, voxels: ArrayLike<number>): DeviceBuffer => {
    const buffer = runtime.alloc("real", "map", voxels.length);
    runtime.upload(buffer, voxels);
    return buffer;
  };

  describeRuntimes("projections (oracle 1)", (runtime, kind) => {
    it("slices times CTF, shifted, are the images of relion_project", async () => {
      const gpu = runtime();
      await scoped(gpu, async () => {
        const projector = allocProjector(gpu, box, 2, box);
        await fillProjector(gpu, map(gpu, await tinyPixels("ref.mrc")), box, projector);
        const table = goldenTable("tiny/ang.star", "particles");
        const column = (label: string) => table.numbers(`rln${label}`);
        const count = table.rowCount;
        const pixels = makePixels(gpu, box, "shells");
        const [rot, tilt, psi] = ["AngleRot", "AngleTilt", "AnglePsi"].map(column);
        const [u, v, angle] = ["DefocusU", "DefocusV", "DefocusAngle"].map(column);
        const matrices = gpu.alloc("real", "matrices", 9 * count);
        for (let i = 0; i < count; i++)
          gpu.upload(matrices, transpose(eulerToMatrix(rot[i], tilt[i], psi[i])), 9 * i);
        const slices_ok = gpu.alloc("complex", "slices", count * pixels.count);
        await gpu.projectSlices({ projector, first: 0, matrices, rows: count, count, pixels, slices_ok });
        const optics = { voltage: 300, sphericalAberration: 2.7, amplitudeContrast: 0.1 };
        const rows = Array.from({ length: count }, (_, i) =>
          ctfRow({ ...optics, defocusU: u[i], defocusV: v[i], defocusAngle: angle[i] }, { box, pixelSize }),
        );
        const ctf_ik = gpu.alloc("real", "ctf", count * pixels.count);
        await gpu.ctf({ parameters: map(gpu, rows.flat()), count, pixels, ctf_ik });
        const images = map(gpu, await tinyPixels("proj.mrcs.gz"));
        const spectra = gpu.alloc("complex", "spectra", count * box * (box / 2 + 1));
        await gpu.forwardFft(gpu.makeFft([box, box], count), images, spectra);
        const packed_ik = gpu.alloc("complex", "images", count * pixels.count);
        await gpu.packPixels({ spectra, box, count, pixels, packed_ik });
        const [slices, ctf, found] = [
          await gpu.download(slices_ok),
          await gpu.download(ctf_ik),
          await gpu.download(packed_ik),
        ];
        const [ox, oy] = ["OriginXAngst", "OriginYAngst"].map(column);
        let worst = 0;
        for (let i = 0; i < count; i++)
          for (const [k, packed] of pixelTable(box, "shells").entries()) {
            const [x, y] = [pixelX(packed), pixelY(packed)];
            // The Nyquist row and column hold their own Friedel mates, and a real image cannot keep both.
            if (x === box / 2 || Math.abs(y) === box / 2 || x * x + y * y > 15.5 ** 2) continue;
            const phase = (2 * Math.PI * (x * ox[i] + y * oy[i])) / pixelSize / box;
            const at = i * pixels.count + k;
            const [re, im] = [ctf[at] * slices[2 * at], ctf[at] * slices[2 * at + 1]];
            worst = Math.max(
              worst,
              Math.abs(re * Math.cos(phase) - im * Math.sin(phase) - found[2 * at]),
              Math.abs(re * Math.sin(phase) + im * Math.cos(phase) - found[2 * at + 1]),
            );
          }
        // RELION wrote float32 images of size 4; float32 slices add their interpolation.
        expect(worst).toBeLessThan(kind === "reference" ? 2e-8 : 5e-7);
        expect(makePhases(gpu, [0.5, -1], box, box).count).toBe(1);
      });
    });
  });

  describeRuntimes("maps and masks", (runtime, kind) => {
    const close = kind === "reference" ? 1e-7 : 1e-6;

    it("initial low-pass (oracle 5)", async () => {
      const gpu = runtime();
      const found = await scoped(gpu, async () => {
        const buffer = map(gpu, await tinyPixels("ref.mrc"));
        await lowPassMap(gpu, buffer, box, pixelSize, 20);
        return gpu.download(buffer);
      });
      const relion = await volume(at("refine/run_it000_class001.mrc"));
      expect(difference(found, relion) / largest(relion)).toBeLessThan(close);
    });

    it("FSC of two maps (oracle 29)", async () => {
      const gpu = runtime();
      const { stdout } = await runTool(
        "relion_image_handler",
        ["--i", "D2.mrc", "--fsc", "C1.mrc", "--angpix", "4"],
        { cwd: folder },
      );
      const relion = parseStar(Buffer.from(stdout.slice(stdout.indexOf("data_fsc"))), "fsc").get("fsc");
      const found = await scoped(gpu, async () =>
        mapFsc(gpu, map(gpu, await volume(at("D2.mrc"))), map(gpu, await volume(at("C1.mrc"))), box),
      );
      // Printed with six decimals.
      expect(difference(found, relion.numbers("rlnFourierShellCorrelation"))).toBeLessThan(2e-6);
    });

    it("soft spherical mask (oracle 31)", async () => {
      const gpu = runtime();
      const found = await scoped(gpu, async () => {
        const shape = [box, box, box];
        const values = map(gpu, new Float32Array(box ** 3).fill(1));
        const noise = map(gpu, new Float32Array(box ** 3));
        const scratch = gpu.alloc("real", "scratch", maskScratch(shape, 1));
        await gpu.softMask({ values, shape, count: 1, radius: 10, width: 4, noise, scratch });
        return gpu.download(values);
      });
      expect(difference(found, await volume(at("mask.mrc")))).toBeLessThan(close);
    });
  });

  describeRuntimes("symmetry of accumulators (oracle 18)", (runtime, kind) => {
    for (const sym of ["C3", "D2", "T"])
      it(`${sym} gives the arrays of relion_reconstruct`, async () => {
        const gpu = runtime();
        const relion = await arrays(sym);
        await scoped(gpu, async () => {
          const { data, weight } = uploadArrays(gpu, await arrays("C1"), full);
          const operators = pointGroup(sym).operators.slice(1);
          const matrices = map(
            gpu,
            operators.flatMap((operator) => [...operator]),
          );
          const outData = gpu.alloc("complex", "out data", data.length);
          const outWeight = gpu.alloc("real", "out weight", weight.length);
          await gpu.symmetrise({
            data,
            weight,
            geometry: full,
            operators: matrices,
            count: operators.length,
            outData,
            outWeight,
          });
          const [foundData, foundWeight] = [await gpu.download(outData), await gpu.download(outWeight)];
          // Elements on the sphere itself are kept or dropped by rounding; RELION wrote the arrays as float32.
          const inside = Array.from(relion.weight, (_, index) => {
            const [x, y, z] = [
              index % 34,
              (Math.floor(index / 34) % 67) - 33,
              Math.floor(index / 34 / 67) - 33,
            ];
            return x * x + y * y + z * z < 30 ** 2;
          });
          const worst = (found: (index: number) => number, wanted: Float32Array) =>
            largest(Array.from(wanted, (value, index) => (inside[index] ? found(index) - value : 0))) /
            largest(wanted);
          // RELION's axes of T have seven digits.
          const close = sym === "T" ? 5e-6 : kind === "reference" ? 3e-7 : 2e-6;
          expect(worst((index) => foundWeight[index], relion.weight)).toBeLessThan(close);
          expect(worst((index) => foundData[2 * index], relion.re)).toBeLessThan(close);
          expect(worst((index) => foundData[2 * index + 1], relion.im)).toBeLessThan(close);
        });
      });
  });

  describeRuntimes("radial quantities without FSC (oracle 24)", (runtime, kind) => {
    it("are those of relion_refine", async () => {
      const gpu = runtime();
      const table = parseStar(readFileSync(at("refine/run_it001_model.star")), "model").get("model_class_1");
      await scoped(gpu, async () => {
        const reference = map(gpu, await tinyPixels("ref.mrc"));
        await lowPassMap(gpu, reference, box, pixelSize, 20);
        const projector = allocProjector(gpu, box, 2, box);
        const tau2 = await fillProjector(gpu, reference, box, projector);
        // Printed with seven digits or six decimals; above the filter only rounding is left of the reference.
        const relionTau2 = table.numbers("rlnReferenceTau2");
        expect(difference(tau2.slice(0, 8), relionTau2.slice(0, 8))).toBeLessThan(6e-7);
        const weight = map(
          gpu,
          centred(await volume(at("refine/run_it001_class001_external_reconstruct_weight.mrc"))),
        );
        const found = await radialSsnr(gpu, {
          weight,
          geometry: full,
          box,
          fudge: 2,
          prior: { tau2: relionTau2 },
        });
        const relative = (values: Float64Array, label: string) =>
          largest(
            Array.from(table.numbers(label), (value, s) => (value > 0 ? values[s] / value - 1 : 0)).slice(1),
          );
        expect(relative(found.sigma2, "rlnReferenceSigma2")).toBeLessThan(1e-5);
        // tau2 enters with the digits of its print: up to 4e-4 of the smallest in six decimals.
        expect(relative(found.dataVsPrior, "rlnSsnrMap")).toBeLessThan(4e-4);
        expect(difference(found.coverage, table.numbers("rlnFourierCompleteness"))).toBeLessThan(
          kind === "reference" ? 1e-6 : 1e-3,
        );
        expect(overallCompleteness(found.dataVsPrior, found.coverage)).toBeGreaterThan(0);
      });
    });
  });
});
