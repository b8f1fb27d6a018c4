import { expect, it } from "vitest";
import { openReference } from "../../src/runtime/reference/index.js";
import { goldenTable } from "../support/golden.js";
import { describeOn, difference, fastRuntimes, openTestRuntime } from "../support/runtimes.js";
import { tinyRun } from "../support/tiny-run.js";
import { autoOptions, autoRefineOracle, half } from "./parity/auto-refine.js";
import { beyond } from "./parity/check.js";

it("the first iteration of half sets is relion_refine_mpi's (oracle 23 from particles)", async () => {
  const runtime = openReference();
  const { states } = await tinyRun(runtime, autoOptions, { half, batch: 30 });
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
  describeOn(kind)(kind, () => {
    it(autoRefineOracle.name, { timeout: 300_000 }, async () => {
      const runtime = await openTestRuntime(kind);
      expect(beyond(await autoRefineOracle.run(runtime))).toEqual([]);
      await runtime.close();
    });
  });
