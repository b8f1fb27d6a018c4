import { halfSetFsc, overallCompleteness, priorOfTau2, radialSsnr } from "../../../src/em/ssnr.js";
import { softEdge } from "../../../src/geometry/mask.js";
import type { Runtime } from "../../../src/runtime/contract.js";
import { type ReconstructOptions, reconstruct } from "../../../src/runtime/reconstruct.js";
import { centredGeometry } from "../../../src/runtime/tables.js";
import { goldenArrays, hermitianSum, type RelionArrays, uploadArrays } from "../../support/accumulators.js";
import { goldenTable, goldenVolume } from "../../support/golden.js";
import { difference, largest } from "../../support/numbers.js";
import { type Check, decimals, type Oracle, scoped } from "./check.js";

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

/** How far a map is from a golden one, of its largest voxel. */
async function nearTo(file: string, found: ArrayLike<number>, runtime: Runtime): Promise<Check[]> {
  const relion = await goldenVolume(`reconstruct/${file}.mrc.gz`);
  const value = difference(found, relion) / largest(relion);
  // float64 agrees to the float32 that RELION wrote; float32 adds its transforms and, with gridding, ten divisions an element.
  return [{ name: "map", value, bound: runtime.name === "reference" ? 2e-7 : 2e-5 }];
}

const griddings = [
  [0, "rec_it0"],
  [1, "rec_it1"],
  [10, "rec_ctf"],
  ["skip", "rec_skip"],
] as const;

const reconstructions: Oracle[] = griddings.map(([gridding, file]) => ({
  name: `gridding ${gridding} gives the map of relion_reconstruct (oracles 19, 20)`,
  async run(runtime) {
    const arrays = await goldenArrays("reconstruct/rec_dbg");
    return nearTo(file, await mapOf(runtime, arrays, full, async () => ({ gridding })), runtime);
  },
}));

const regularised: Oracle = {
  name: "a map regularised by an FSC is that of relion_reconstruct (oracle 21)",
  async run(gpu) {
    const fsc = goldenTable("reconstruct/fsc_in.star", "fsc").numbers("rlnGoldStandardFsc");
    const found = await mapOf(gpu, await goldenArrays("reconstruct/rec_dbg"), full, async ({ weight }) => {
      const prior = { fsc, bothHalves: true };
      const { tau2 } = await radialSsnr(gpu, { weight, geometry: full, box, fudge: 1, prior });
      const prior_s = gpu.alloc("real", "prior", tau2.length);
      gpu.upload(prior_s, priorOfTau2(tau2, 2, 1));
      return { gridding: 10, prior_s, minShell: 0 };
    });
    return nearTo("map", found, gpu);
  },
};

const fromArrays: Oracle = {
  name: "a map from arrays given to relion_reconstruct is its own (oracle 22)",
  async run(runtime) {
    const arrays = hermitianSum(await goldenArrays("reconstruct/rec_dbg"), full.radius);
    const found = await mapOf(runtime, arrays, full, async () => ({ gridding: 10, fromMaps: true }));
    return nearTo("fromarr", found, runtime);
  },
};

/** Largest relative difference over shells where RELION has a value. */
const relative = (found: ArrayLike<number>, relion: Float64Array, shells: number) =>
  largest(Array.from(relion.subarray(0, shells), (value, s) => (value > 0 ? found[s] / value - 1 : 0)));

const halfSets: Oracle = {
  name: "low-resolution join, FSC, radial quantities and half map are those of relion_refine_mpi (oracle 23)",
  async run(gpu) {
    const geometry = centredGeometry(box, paddedBox, 28);
    const pixelSize = 4;
    const exact = gpu.name === "reference";
    const model = (table: string, label: string) =>
      goldenTable("halves/run_it001_half1_model.star", table).numbers(label);
    const classTable = (label: string) => model("model_class_1", label);
    const checks: Check[] = [];
    const check = (name: string, value: number, bound: number) => checks.push({ name, value, bound });
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
      check("FSC", difference(fsc, relionFsc), 6e-6);
      const ssnr = await radialSsnr(gpu, {
        weight: one.weight,
        geometry,
        box,
        fudge: 1,
        prior: { fsc: relionFsc },
      });
      const shells = geometry.maxShell;
      // Printed with seven digits; the FSC that enters with six decimals.
      check("sigma2", relative(ssnr.sigma2, classTable("rlnReferenceSigma2"), shells), 5e-5);
      check("tau2", relative(ssnr.tau2, classTable("rlnReferenceTau2"), shells), 5e-5);
      check("dataVsPrior", relative(ssnr.dataVsPrior, classTable("rlnSsnrMap"), shells), 3e-5);
      // An element whose weight is equal to the prior within rounding may count on either side.
      const coverage = difference(ssnr.coverage, classTable("rlnFourierCompleteness"));
      check("coverage", coverage, exact ? 1e-6 : 1e-3);
      const [completeness] = model("model_classes", "rlnOverallFourierCompleteness");
      const overall = overallCompleteness(ssnr.dataVsPrior, ssnr.coverage);
      check("completeness", Math.abs(overall - completeness), decimals(4));
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
      check("half map", difference(solvent, relion) / largest(relion), exact ? 1e-6 : 2e-5);
    });
    return checks;
  },
};

export const reconstructionOracles: readonly Oracle[] = [
  ...reconstructions,
  regularised,
  fromArrays,
  halfSets,
];
