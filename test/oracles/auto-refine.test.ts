import { afterAll, beforeAll, expect, it } from "vitest";
import type { Refinement } from "../../src/em/refinement.js";
import type { IterationReport } from "../../src/em/run-iteration.js";
import { randomHalves } from "../../src/geometry/random.js";
import type { Runtime } from "../../src/runtime/contract.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { goldenFile, goldenTable, goldenVolume } from "../support/golden.js";
import { describeOn, difference, fastRuntimes, openTestRuntime } from "../support/runtimes.js";
import { tinyRun } from "../support/tiny-run.js";

const options = {
  autoRefine: true,
  iniHigh: 30,
  flattenSolvent: true,
  lowResolJoinHalves: 40,
  perturb: 0.5,
};
const half = randomHalves(60, 5).map((h) => h - 1);

it("the first iteration of half sets is relion_refine_mpi's (oracle 23 from particles)", async () => {
  const runtime = openReference();
  const { states } = await tinyRun(runtime, options, { half, batch: 30 });
  const data = goldenTable("iterations/13/run_it001_data.star.gz", "particles");
  const column = (label: string) => data.numbers(`rln${label}`);
  const { particles } = states[1];
  expect(difference(particles.rot, column("AngleRot"))).toBeLessThan(1e-3);
  expect(difference(particles.originX, column("OriginXAngst"))).toBeLessThan(1e-3);
  expect(Array.from(particles.significant)).toEqual(Array.from(column("NrOfSignificantSamples")));
  // Pixels on the edge of the current size: 3e-3 is the agreement that is known.
  expect(difference(particles.maxProbability, column("MaxValueProbDistribution"))).toBeLessThan(3e-3);
  for (const iteration of [0, 1]) {
    const file = `iterations/13/run_it00${iteration}_half1_model.star.gz`;
    const [model] = states[iteration].models;
    for (const [g, sigma2] of model.noise.entries()) {
      const relion = goldenTable(file, `model_group_${g + 1}`).numbers("rlnSigma2Noise");
      expect(
        difference(
          sigma2.map((value, s) => value / relion[s]),
          new Float64Array(17).fill(1),
        ),
      ).toBeLessThan(5e-4);
    }
  }
  const [model] = states[1].models;
  const table = goldenTable("iterations/13/run_it001_half1_model.star.gz", "model_class_1");
  const inside = 13;
  expect(
    difference(
      model.classes[0].radial.fsc.slice(0, inside),
      table.numbers("rlnGoldStandardFsc").slice(0, inside),
    ),
  ).toBeLessThan(1e-3);
  expect(model.classes[0].accuracyRotations).toBeCloseTo(11.45, 6);
  await runtime.close();
}, 60_000);

for (const kind of fastRuntimes)
  describeOn(kind)(`automated refinement to convergence (oracle 25): ${kind}`, () => {
    let runtime: Runtime;
    let states: Refinement[];
    let reports: IterationReport[];
    beforeAll(async () => {
      runtime = await openTestRuntime(kind);
      ({ states, reports } = await tinyRun(
        runtime,
        { ...options, healpixOrder: 2, autoLocalHealpixOrder: 3, iter: 12 },
        { half, batch: 30, keep: "views" },
      ));
    }, 300_000);
    afterAll(() => runtime.close());

    it("samples, counts and converges as relion_refine_mpi does", () => {
      const trace = goldenFile("iterations/14/trace.txt.gz")
        .toString()
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => line.split(" ").map(Number));
      for (const row of trace.slice(1)) {
        const [iteration, order, psi, range, step, perturbation, size, resolution, , sigma] = row;
        const { sampling, models, automation } = states[iteration];
        expect([sampling.healpixOrder, sampling.psiStep, sampling.offsetStep]).toEqual([order, psi, step]);
        expect(sampling.perturbation).toBeCloseTo(perturbation, 4);
        expect(models[0].currentSize).toBe(size);
        expect(1 / models[0].currentResolution).toBeCloseTo(resolution, 5);
        expect(automation.localSigma).toBe(sigma);
        expect([automation.withoutGain, automation.withoutChange]).toEqual(row.slice(16, 18));
        // Maps of a few noisy particles differ by their outermost shell, and then single poses: 5 % of the range.
        expect(Math.abs(sampling.offsetRange / range - 1)).toBeLessThan(0.05);
      }
      expect(states.at(-1)?.iteration).toBe(trace.length);
      expect(states.at(-1)?.automation.converged).toBe(true);
    });

    it("joins the halves to the map that relion_refine_mpi ends with", async () => {
      const final = reports.at(-1)?.final;
      if (final === undefined) throw new Error("no final maps");
      const relion = await goldenVolume("iterations/14/run_class001.mrc.gz");
      let [own2, relion2, both] = [0, 0, 0];
      for (const [at, value] of relion.entries()) {
        const own = final.joined.map[at];
        own2 += own * own;
        relion2 += value * value;
        both += own * value;
      }
      console.log(
        `${kind}: correlation with the map of relion_refine_mpi ${both / Math.sqrt(own2 * relion2)}`,
      );
      expect(both / Math.sqrt(own2 * relion2)).toBeGreaterThan(0.97);
      expect(final.unfiltered).toHaveLength(2);
    });
  });
