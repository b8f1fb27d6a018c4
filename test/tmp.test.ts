import { it } from "vitest";
import { randomHalves } from "../src/geometry/random.js";
import { openReference } from "../src/runtime/reference/index.js";
import { goldenTable } from "./support/golden.js";
import { tinyRun } from "./support/tiny-run.js";

const diff = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let m = 0;
  for (let i = 0; i < b.length; i++) m = Math.max(m, Math.abs(a[i] - b[i]));
  return m;
};
it("x", async () => {
  const rt = openReference();
  const half = randomHalves(60, 5).map((h) => h - 1);
  const { states } = await tinyRun(
    rt,
    {
      autoRefine: true,
      iniHigh: 30,
      flattenSolvent: true,
      offsetRange: 3,
      offsetStep: 1,
      lowResolJoinHalves: 40,
      healpixOrder: 1,
      perturb: 0.5,
      iter: 1,
    },
    { half, batch: 30 },
  );
  const p = goldenTable("iterations/13/run_it001_data.star.gz", "particles");
  const c = (l: string) => p.numbers("rln" + l);
  console.log(
    "half",
    diff(
      half,
      c("RandomSubset").map((x) => x - 1),
    ),
  );
  for (const [n, s] of [
    ["000", states[0]],
    ["001", states[1]],
  ] as const) {
    const f = `iterations/13/run_it${n}_half1_model.star.gz`;
    const m = s.models[0];
    console.log(
      "noise",
      [0, 1].map((g) =>
        diff(
          m.noise[g].map((v, i) => v / goldenTable(f, `model_group_${g + 1}`).numbers("rlnSigma2Noise")[i]),
          new Float64Array(17).fill(1),
        ),
      ),
    );
    const gen = goldenTable(f, "model_general");
    for (const l of gen.labels) console.log(l, gen.string(l));
    console.log(
      m.averageNorm,
      m.sigmaOffset,
      m.averagePmax,
      m.logLikelihood,
      1 / m.currentResolution,
      m.currentSize,
      m.scale,
    );
    const k = m.classes[0];
    const t = goldenTable(f, "model_class_1");
    console.log(
      "ssnr",
      [...k.radial.dataVsPrior].map((x, i) => `${x.toFixed(3)}/${t.numbers("rlnSsnrMap")[i]}`).join(" "),
      "acc",
      k.accuracyRotations,
      k.accuracyTranslations,
    );
  }
  const s = states[1].particles;
  let bad = 0;
  for (let i = 0; i < 60; i++)
    if (
      Math.abs(s.rot[i] - c("AngleRot")[i]) > 1e-3 ||
      Math.abs(s.tilt[i] - c("AngleTilt")[i]) > 1e-3 ||
      Math.abs(s.originX[i] - c("OriginXAngst")[i]) > 1e-3
    )
      bad++;
  console.log(
    "bad",
    bad,
    diff(s.maxProbability, c("MaxValueProbDistribution")),
    [...s.significant].filter((k, i) => k !== c("NrOfSignificantSamples")[i]).length,
    diff(s.logLikelihood, c("LogLikeliContribution")),
  );
  await rt.close();
}, 600000);
