import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { parseStar } from "../../src/formats/star/index.js";
import { beyondPrint, otherPoses } from "../support/golden-iteration.js";
import { type BothRuns, refineBoth } from "../support/live-run.js";
import { mapCorrelation, readMap } from "../support/maps.js";
import { describeRelion, runTool } from "../support/relion.js";

const cli = resolve(import.meta.dirname, "../../dist/src/app/cli.js");
const folder = mkdtempSync(join(tmpdir(), "cryotile-refine-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const seed = 1 + Math.floor(Math.random() * 1e6);
const at = (...names: string[]) => join(folder, ...names);
const words = (line: string) => line.split(" ");

/** A set of 32 pixels of 4.5 A; returns the words that both programs are given for it. */
async function simulated(name: string, line: string): Promise<string> {
  const fixed = `--o ${at(name)} --box 32 --angpix 4.5 --snr 0.2 --lowpass 25`;
  const own = line.includes("--seed") ? line : `${line} --seed ${seed}`;
  await runTool(process.execPath, [cli, "simulate", ...words(fixed), ...words(own)], { cwd: folder });
  return `--i ${at(name, "particles.star")} --ref ${at(name, "ref_lp25.mrc")} --ini_high 25 --ctf --ctf_corrected_ref --particle_diameter 110 --norm --scale --random_seed ${seed} --healpix_order 1 --offset_range 3 --offset_step 1 --skip_gridding --tau2_fudge 2`;
}

/**
 * The probabilities of both passes from fewer pixels than the sums, so that no pixel lies on the largest shell of the reference, where RELION
 * goes by the rounding of r^2. What is left is the print.
 */
const awayFromEdge = "--strict_highres_exp 12";

const truthOf = (name: string, label: string) =>
  parseStar(readFileSync(at(name, "truth.star")), name)
    .get("particles")
    .numbers(label);

function resolutionShell({ ours }: BothRuns, iteration: number): number {
  const { currentResolution, box, pixelSize } = ours[iteration].models[0];
  return Math.round(currentResolution * box * pixelSize);
}

/** The worst correlation between the maps of both programs up to the resolution that they claim. */
async function worstShell(both: BothRuns, iteration: number, k = 0): Promise<number> {
  const { map } = both.ours[iteration].models[0].classes[k];
  const fsc = mapCorrelation(map, await both.relionMap(iteration, k));
  return Math.min(...fsc.slice(1, resolutionShell(both, iteration) + 1));
}

/** The first iteration in everything that RELION prints. */
function expectSameExpectation(both: BothRuns): void {
  const [, { particles, models }] = both.ours;
  const { particles: table, model } = both.relion(1);
  const count = table.rowCount;
  const column = (label: string) => table.numbers(`rln${label}`);
  // One particle may stand between two poses, or at the threshold, in the last digits.
  expect(otherPoses(both.ours[1], table, 1e-3, 1e-3).length).toBeLessThanOrEqual(count / 50);
  const significant = column("NrOfSignificantSamples");
  expect(particles.significant.filter((n, p) => n !== significant[p]).length).toBeLessThanOrEqual(count / 50);
  expect(beyondPrint(particles.maxProbability, column("MaxValueProbDistribution"))).toBeLessThan(5e-6);
  expect(beyondPrint(particles.logLikelihood, column("LogLikeliContribution"))).toBeLessThan(1e-5);
  expect(beyondPrint(particles.norm, column("NormCorrection"))).toBeLessThan(1e-3);
  const general = model!("model_general");
  expect(models[0].currentSize).toBe(general.number("rlnCurrentImageSize"));
  expect(1 / models[0].currentResolution).toBeCloseTo(general.number("rlnCurrentResolution"), 4);
  expect(models[0].sigmaOffset).toBeCloseTo(general.number("rlnSigmaOffsetsAngst"), 3);
  const accuracy = model!("model_classes").numbers("rlnAccuracyRotations");
  for (const [k, own] of models[0].classes.entries())
    expect(own.accuracyRotations).toBeCloseTo(accuracy[k], 5);
}

vi.setConfig({ testTimeout: 240_000 });

describeRelion(`refinement beside relion_refine (seed ${seed})`, () => {
  test("one iteration of 160 particles: poses, and maps to the resolution", async () => {
    const set = await simulated("one", "--builtin C1 --n 160");
    const both = await refineBoth(folder, "one-run", `${set} --iter 1 --sym C1 --zero_mask`);
    expect(otherPoses(both.ours[1], both.relion(1).particles, 1e-3, 1e-3).length).toBeLessThanOrEqual(1);
    expect(await worstShell(both, 1)).toBeGreaterThan(0.999);
    const accuracy = both.relion(1).model!("model_classes").number("rlnAccuracyRotations");
    expect(both.ours[1].models[0].classes[0].accuracyRotations).toBeCloseTo(accuracy, 5);
  });

  test("four iterations from a filtered map, the first by correlation", async () => {
    const set = await simulated("four", "--builtin C1 --n 64");
    const both = await refineBoth(folder, "four-run", `${set} --iter 4 --sym C1 --zero_mask --firstiter_cc`);
    const truth = await readMap(at("four", "truth_class001.mrc"));
    const end = both.ours[4].models[0].currentSize / 2;
    const area = (map: ArrayLike<number>) =>
      mapCorrelation(map, truth)
        .slice(1, end + 1)
        .reduce((sum, value) => sum + value, 0);
    const [ours, theirs] = [area(both.ours[4].models[0].classes[0].map), area(await both.relionMap(4))];
    expect(Math.abs(ours / theirs - 1)).toBeLessThan(0.01);
    expect(await worstShell(both, 4)).toBeGreaterThan(0.99);
    for (const iteration of [1, 2, 3, 4]) {
      const sizes = both.relion(iteration).model!("model_general").number("rlnCurrentImageSize");
      expect(both.ours[iteration].models[0].currentSize).toBe(sizes);
    }
  });

  test("two classes of two molecules, grown from one map, four iterations", async () => {
    for (const k of [1, 2]) await simulated(`molecule${k}`, `--builtin C2 --n 1 --seed ${seed + k}`);
    const maps = [1, 2].map((k) => at(`molecule${k}`, "truth_class001.mrc")).join(" ");
    const set = await simulated("two", `--map ${maps} --n 44`);
    const both = await refineBoth(
      folder,
      "two-run",
      `${set} --iter 4 --K 2 --sym C2 --zero_mask ${awayFromEdge}`,
    );
    const ours = Array.from(both.ours[4].particles.class, (k) => k + 1);
    const theirs = [...both.relion(4).particles.numbers("rlnClassNumber")];
    const truth = [...truthOf("two", "rlnClassNumber")];
    const share = (a: number[], b: number[]) => a.filter((k, p) => k === b[p]).length / a.length;
    const right = (found: number[]) => Math.max(share(found, truth), 1 - share(found, truth));
    expect(share(ours, theirs)).toBeGreaterThanOrEqual(0.9);
    expect(right(ours)).toBeGreaterThanOrEqual(right(theirs) - 0.1);
    for (const k of [0, 1]) expect(await worstShell(both, 4, k)).toBeGreaterThan(0.99);
  });

  test("point group D2", async () => {
    const set = await simulated("d2", "--builtin D2 --n 80");
    const both = await refineBoth(folder, "d2-run", `${set} --iter 1 --sym D2 --zero_mask ${awayFromEdge}`);
    expectSameExpectation(both);
    expect(await worstShell(both, 1)).toBeGreaterThan(0.999);
  });

  test.each(["", "--firstiter_cc"])("a reference that is not corrected for the CTF %s", async (first) => {
    const set = (await simulated(`bare${first}`, "--builtin C1 --n 50")).replace(" --ctf_corrected_ref", "");
    const both = await refineBoth(
      folder,
      `bare-run${first}`,
      `${set} --iter 2 --sym C1 --zero_mask ${awayFromEdge} ${first}`,
    );
    const found = otherPoses(both.ours[1], both.relion(1).particles, 1e-3, 1e-3);
    expect(found.length).toBeLessThanOrEqual(1);
    for (const iteration of [1, 2]) expect(await worstShell(both, iteration)).toBeGreaterThan(0.999);
  });

  test("references without their lowest resolution", async () => {
    const set = await simulated("lowest", "--builtin C1 --n 50");
    const line = `${set} --iter 1 --sym C1 --zero_mask ${awayFromEdge} --strict_lowres_exp 60`;
    const both = await refineBoth(folder, "lowest-run", line);
    expectSameExpectation(both);
    expect(await worstShell(both, 1)).toBeGreaterThan(0.999);
  });

  test("noise outside the mask", async () => {
    const set = await simulated("fill", "--builtin C1 --n 50");
    const both = await refineBoth(folder, "fill-run", `${set} --iter 1 --sym C1 ${awayFromEdge}`);
    expectSameExpectation(both);
    expect(await worstShell(both, 1)).toBeGreaterThan(0.999);
  });

  test("two optics groups of 300 and 200 kV", async () => {
    const optics = "--optics voltage=300 voltage=200,cs=2,q0=0.07 --micrographs 4";
    const set = await simulated("optics", `--builtin C1 --n 60 ${optics}`);
    const both = await refineBoth(
      folder,
      "optics-run",
      `${set} --iter 1 --sym C1 --zero_mask ${awayFromEdge}`,
    );
    expectSameExpectation(both);
    expect(await worstShell(both, 1)).toBeGreaterThan(0.999);
  });
});
