import { randomHalves } from "../../../src/geometry/random.js";
import { goldenFile, goldenVolume } from "../../support/golden.js";
import { tinyRun } from "../../support/tiny-run.js";
import { type Check, decimals, type Oracle } from "./check.js";

export const autoOptions = {
  autoRefine: true,
  iniHigh: 30,
  flattenSolvent: true,
  lowResolJoinHalves: 40,
  perturb: 0.5,
};
export const half = randomHalves(60, 5).map((h) => h - 1);

const check = (name: string, value: number, bound: number): Check => ({ name, value, bound });

/** Runs of automated refinement that end as `relion_refine_mpi` ends (oracle 25). */
export const autoRefineOracle: Oracle = {
  name: "automated refinement samples, counts, converges and joins the halves as relion_refine_mpi does (oracle 25)",
  async run(runtime) {
    const { states, reports } = await tinyRun(
      runtime,
      { ...autoOptions, healpixOrder: 2, autoLocalHealpixOrder: 3, iter: 12 },
      { half, batch: 30, keep: "views" },
    );
    const trace = goldenFile("iterations/14/trace.txt.gz")
      .toString()
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split(" ").map(Number));
    const checks = [
      check("iterations", Math.abs((states.at(-1)?.iteration ?? 0) - trace.length), 0),
      check("not converged", states.at(-1)?.automation.converged ? 0 : 1, 0),
    ];
    for (const row of trace.slice(1)) {
      const [iteration, order, psi, range, step, perturbation, size, resolution, , sigma] = row;
      const state = states[iteration];
      if (state === undefined) break;
      const { sampling, models, automation } = state;
      const equal = (name: string, found: number, expected: number) =>
        check(`${name} of iteration ${iteration}`, found === expected ? 0 : 1, 0);
      const near = (name: string, found: number, expected: number, bound: number) =>
        check(`${name} of iteration ${iteration}`, Math.abs(found - expected), bound);
      checks.push(
        equal("order", sampling.healpixOrder, order),
        equal("angle", sampling.psiStep, psi),
        equal("step", sampling.offsetStep, step),
        near("perturbation", sampling.perturbation, perturbation, decimals(4)),
        equal("size", models[0].currentSize, size),
        near("resolution", 1 / models[0].currentResolution, resolution, decimals(5)),
        equal("sigma of local searches", automation.localSigma, sigma),
        equal("iterations without gain", automation.withoutGain, row[16]),
        equal("iterations without change", automation.withoutChange, row[17]),
        // Maps of a few noisy particles differ by their outermost shell, and then single poses: 5 % of the range.
        near("offset range", sampling.offsetRange / range, 1, 0.05),
      );
    }
    const final = reports.at(-1)?.final;
    if (final === undefined) return [...checks, check("no final maps", 1, 0)];
    const relion = await goldenVolume("iterations/14/run_class001.mrc.gz");
    let [own2, relion2, both] = [0, 0, 0];
    for (const [at, value] of relion.entries()) {
      const own = final.joined.map[at];
      own2 += own * own;
      relion2 += value * value;
      both += own * value;
    }
    return [
      ...checks,
      check("1 - correlation with the final map", 1 - both / Math.sqrt(own2 * relion2), 0.03),
      check("halves that are missing", Math.abs(final.unfiltered.length - 2), 0),
    ];
  },
};
