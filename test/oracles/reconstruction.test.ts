import { describe, expect, it } from "vitest";
import { halfSetFsc, overallCompleteness, priorOfTau2, radialSsnr } from "../../src/em/ssnr.js";
import { softEdge } from "../../src/geometry/mask.js";
import type { Runtime } from "../../src/runtime/contract.js";
import { type ReconstructOptions, reconstruct } from "../../src/runtime/reconstruct.js";
import { centredGeometry } from "../../src/runtime/tables.js";
import { goldenArrays, hermitianSum, type RelionArrays, uploadArrays } from "../support/accumulators.js";
import { goldenTable, goldenVolume } from "../support/golden.js";
import { describeRuntimes, difference, largest, scoped } from "../support/runtimes.js";

const box = 32;
const paddedBox = 64;
const full = centredGeometry(box, paddedBox, box);

/** The map from RELION's arrays. */
function mapOf(
  runtime: Runtime,
  arrays: RelionArrays,
  geometry: typeof full,
  options: (
    work: ReturnType<typeof uploadArrays>,
  ) => Promise<Omit<Partial<ReconstructOptions>, "gridding"> & Pick<ReconstructOptions, "gridding">>,
): Promise<ArrayLike<number>> {
  return scoped(runtime, async () => {
    const accumulated = uploadArrays(runtime, arrays, geometry);
    const map = runtime.alloc("real", "map", box ** 3);
    await reconstruct(runtime, {
      ...accumulated,
      geometry,
      box,
      paddedBox,
      map,
      ...(await options(accumulated)),
    });
    return runtime.download(map);
  });
}

describeRuntimes("reconstruction from accumulators (oracles 19 to 22)", (runtime, kind) => {
  // float64 agrees to the float32 that RELION wrote; float32 adds its transforms and, with gridding, ten divisions an element.
  const close = kind === "reference" ? 2e-7 : 2e-5;

  for (const [gridding, file] of [
    [0, "rec_it0"],
    [1, "rec_it1"],
    [10, "rec_ctf"],
    ["skip", "rec_skip"],
  ] as const)
    it(`gridding ${gridding} gives the map of relion_reconstruct`, async () => {
      const found = await mapOf(runtime(), await goldenArrays("reconstruct/rec_dbg"), full, async () => ({
        gridding,
      }));
      const relion = await goldenVolume(`reconstruct/${file}.mrc.gz`);
      expect(difference(found, relion) / largest(relion)).toBeLessThan(close);
    });

  it("regularised by an FSC (oracle 21)", async () => {
    const fsc = goldenTable("reconstruct/fsc_in.star", "fsc").numbers("rlnGoldStandardFsc");
    const gpu = runtime();
    const found = await mapOf(gpu, await goldenArrays("reconstruct/rec_dbg"), full, async ({ weight }) => {
      const prior = { fsc, bothHalves: true };
      const { tau2 } = await radialSsnr(gpu, { weight, geometry: full, box, fudge: 1, prior });
      const prior_s = gpu.alloc("real", "prior", tau2.length);
      gpu.upload(prior_s, priorOfTau2(tau2, 2, 1));
      return { gridding: 10, prior_s, minShell: 0 };
    });
    const relion = await goldenVolume("reconstruct/map.mrc.gz");
    expect(difference(found, relion) / largest(relion)).toBeLessThan(close);
  });

  it("from arrays given to relion_reconstruct (oracle 22)", async () => {
    const arrays = hermitianSum(await goldenArrays("reconstruct/rec_dbg"), full.radius);
    const found = await mapOf(runtime(), arrays, full, async () => ({ gridding: 10, fromMaps: true }));
    const relion = await goldenVolume("reconstruct/fromarr.mrc.gz");
    expect(difference(found, relion) / largest(relion)).toBeLessThan(close);
  });
});

describeRuntimes("gold-standard half sets (oracle 23)", (runtime, kind) => {
  const geometry = centredGeometry(box, paddedBox, 28);
  const pixelSize = 4;
  const model = (table: string, label: string) =>
    goldenTable("halves/run_it001_half1_model.star", table).numbers(label);
  const classTable = (label: string) => model("model_class_1", label);

  /** Largest relative difference over shells where RELION has a value. */
  const relative = (found: ArrayLike<number>, relion: Float64Array, shells: number) =>
    largest(Array.from(relion.subarray(0, shells), (value, s) => (value > 0 ? found[s] / value - 1 : 0)));

  it("low-resolution join, FSC, radial quantities and half map are those of relion_refine_mpi", async () => {
    const gpu = runtime();
    const arrays = [
      await goldenArrays("halves/run_half1_class001"),
      await goldenArrays("halves/run_half2_class001"),
    ];
    await scoped(gpu, async () => {
      const [one, two] = arrays.map((half) => uploadArrays(gpu, half, geometry));
      // Joined up to 40 A or the resolution at the start of the iteration (30 A), whichever is lower.
      const joined = Math.ceil((box * pixelSize) / 40);
      const limit = (2 * joined) ** 2;
      await gpu.joinHalves({
        data1: one.data,
        weight1: one.weight,
        data2: two.data,
        weight2: two.weight,
        geometry,
        limit,
      });
      const fsc = await halfSetFsc(gpu, one, two, geometry, box);
      const relionFsc = classTable("rlnGoldStandardFsc");
      // Table printed with six decimals.
      expect(difference(fsc, relionFsc)).toBeLessThan(6e-6);
      const ssnr = await radialSsnr(gpu, {
        weight: one.weight,
        geometry,
        box,
        fudge: 1,
        prior: { fsc: relionFsc },
      });
      const shells = geometry.maxShell;
      // Printed with seven digits; the FSC that enters with six decimals.
      expect(relative(ssnr.sigma2, classTable("rlnReferenceSigma2"), shells)).toBeLessThan(5e-5);
      expect(relative(ssnr.tau2, classTable("rlnReferenceTau2"), shells)).toBeLessThan(5e-5);
      expect(relative(ssnr.dataVsPrior, classTable("rlnSsnrMap"), shells)).toBeLessThan(3e-5);
      // An element whose weight is equal to the prior within rounding may count on either side.
      expect(difference(ssnr.coverage, classTable("rlnFourierCompleteness"))).toBeLessThan(
        kind === "reference" ? 1e-6 : 1e-3,
      );
      const [completeness] = model("model_classes", "rlnOverallFourierCompleteness");
      expect(overallCompleteness(ssnr.dataVsPrior, ssnr.coverage)).toBeCloseTo(completeness, 4);
      const prior_s = gpu.alloc("real", "prior", ssnr.tau2.length);
      gpu.upload(prior_s, priorOfTau2(ssnr.tau2, 2, 1));
      const map = gpu.alloc("real", "map", box ** 3);
      await reconstruct(gpu, { ...one, geometry, box, paddedBox, map, gridding: 10, prior_s });
      const found = await gpu.download(map);
      const solvent = Array.from(found, (value, at) => {
        const [x, y, z] = [at % box, Math.floor(at / box) % box, Math.floor(at / box / box)].map(
          (k) => k - box / 2,
        );
        return value * softEdge(Math.hypot(x, y, z), 90 / (2 * pixelSize), 5);
      });
      const relion = await goldenVolume("halves/run_it001_half1_class001.mrc.gz");
      expect(difference(solvent, relion) / largest(relion)).toBeLessThan(kind === "reference" ? 1e-6 : 2e-5);
    });
  });
});

describe("golden arrays", () => {
  it("hold something", async () => {
    expect(largest((await goldenArrays("reconstruct/rec_dbg")).weight)).toBeGreaterThan(0.1);
  });
});
