import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseStar, type StarTable } from "../../src/formats/star/index.js";
import { describeRelion, runTool } from "../support/relion.js";
import { difference } from "../support/runtimes.js";
import {
  backTo,
  expectSameFiles,
  filesOf,
  refined,
  runtimeOptions,
  shortRun,
  tinyFolder,
} from "../support/tiny-job.js";
import { describeWebGpu } from "../support/webgpu.js";

const folder = tinyFolder();
const table = (path: string, name: string): StarTable =>
  parseStar(readFileSync(join(folder, path)), path).get(name);

/** Three iterations in one go, then again from some of them. */
function continues(job: string, iterations: number[], ...options: string[]): void {
  const [own, whole] = [join(folder, job), join(folder, `${job}-whole`)];
  refined(folder, ...shortRun, ...options, "--iter", "3", "--o", `${job}/run`);
  expect(filesOf(own).filter((name) => name.endsWith("optimiser.star")).length).toBe(4);
  for (const from of iterations) {
    backTo(own, from, whole);
    refined(folder, "--continue", `${job}/run_it00${from}_optimiser.star`, "--o", `${job}/run`);
    expect(filesOf(own)).toContain("run_it003_data.star");
    expectSameFiles(own, whole);
    cpSync(whole, own, { recursive: true });
  }
}

describe("a continued run is byte for byte the run that was not interrupted", () => {
  test("reference", () => continues("reference", [2], ...runtimeOptions.reference, "--perturb", "0.5"));
});

test("a continued run on the processor is byte for byte the run that was not interrupted", () =>
  continues("cpu", [1, 2], ...runtimeOptions.cpu, "--perturb", "0.5"));

describeWebGpu("a continued run on WebGPU is byte for byte the run that was not interrupted", () => {
  test("with batches of 16", () => continues("webgpu", [1], ...runtimeOptions.webgpu, "--batch", "16"));

  test("an automated refinement that goes over to local searches", () => {
    const options = "--auto_refine --split_random_halves --low_resol_join_halves 40 --flatten_solvent".split(
      " ",
    );
    const search = "--auto_local_healpix_order 1 --auto_iter_max 3 --perturb 0.5".split(" ");
    continues("halves", [1, 2], ...runtimeOptions.webgpu, ...options, ...search);
  });

  test("two classes, grown from one reference after a correlation iteration", () =>
    continues(
      "classes",
      [0, 1],
      ...runtimeOptions.webgpu,
      ..."--K 2 --firstiter_cc --flatten_solvent".split(" "),
    ));
});

describe("options of a continued run", () => {
  test("that were given again stay with the run when it is continued once more", () => {
    const { reference } = runtimeOptions;
    refined(folder, ...shortRun, ...reference, "--iter", "1", "--o", "given/run");
    const again = ["--iter", "3", "--tau2_fudge", "4", "--no_norm", "--memory", "1GB"];
    refined(folder, "--continue", "given/run_it001_optimiser.star", "--o", "given/run", ...again);
    backTo(join(folder, "given"), 2, join(folder, "given-whole"));
    refined(folder, "--continue", "given/run_it002_optimiser.star", "--o", "given/run");
    expectSameFiles(join(folder, "given"), join(folder, "given-whole"));
    expect(table("given/run_it003_model.star", "model_general").number("rlnTau2FudgeFactor")).toBe(4);
    expect(table("given/run_it003_optimiser.star", "optimiser_general").number("rlnDoCorrectNorm")).toBe(0);
  });

  test("another search begins with even directions", () => {
    const more = ["--iter", "3", "--healpix_order", "1", "--offset_range", "1"];
    refined(folder, "--continue", "given/run_it002_optimiser.star", "--o", "finer/run", ...more);
    const sampling = table("finer/run_it003_sampling.star", "sampling_general");
    expect(sampling.number("rlnHealpixOrder")).toBe(1);
    expect([sampling.number("rlnPsiStep"), sampling.number("rlnOffsetRange")]).toEqual([30, 4]);
    const directions = table("finer/run_it003_model.star", "model_pdf_orient_class_1");
    expect(directions.rowCount).toBe(48);
  });

  test("nothing to do is said", () => {
    const { stdout } = refined(folder, "--continue", "given/run_it003_optimiser.star", "--o", "given/run");
    expect(stdout).toContain(
      "iteration 3 is the last one asked for (--iter 3): nothing to do; --iter 8 goes on",
    );
  });
});

describeRelion("a run of RELION", () => {
  const plain = [...shortRun, "--perturb", "0"];
  const numbers = (path: string, label: string) => table(path, "particles").numbers(label);

  test("goes on here as it does there", async () => {
    mkdirSync(join(folder, "relion"));
    await runTool("relion_refine", [...plain, "--iter", "1", "--o", "relion/run"], { cwd: folder });
    const from = ["--continue", "relion/run_it001_optimiser.star", "--iter", "2", "--skip_gridding"];
    await runTool("relion_refine", [...from, "--o", "relion/run"], { cwd: folder });
    refined(folder, ...from, "--o", "ours/run", "--relion-quirks", ...runtimeOptions.reference);
    const [theirs, ours] = ["relion/run_it002", "ours/run_it002"];
    for (const label of ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnOriginXAngst", "rlnOriginYAngst"])
      expect(
        difference(numbers(`${ours}_data.star`, label), numbers(`${theirs}_data.star`, label)),
        label,
      ).toBe(0);
    const probability = "rlnMaxValueProbDistribution";
    expect(
      difference(numbers(`${ours}_data.star`, probability), numbers(`${theirs}_data.star`, probability)),
    ).toBeLessThan(2e-3);
    const [model, other] = [ours, theirs].map((path) => table(`${path}_model.star`, "model_general"));
    for (const label of ["rlnTau2FudgeFactor", "rlnCurrentResolution", "rlnCurrentImageSize"])
      expect(model.number(label), label).toBe(other.number(label));
    expect(model.number("rlnSigmaOffsetsAngst")).toBeCloseTo(other.number("rlnSigmaOffsetsAngst"), 3);
    const [spectrum, expected] = [ours, theirs].map((path) =>
      table(`${path}_model.star`, "model_class_1").numbers("rlnReferenceTau2"),
    );
    for (const [s, value] of expected.entries()) expect(spectrum[s] / value).toBeCloseTo(1, 2);
  });

  test("RELION reads our files and goes on with them", async () => {
    const options = [...plain, "--relion-quirks", ...runtimeOptions.reference];
    refined(folder, ...options, "--iter", "2", "--o", "read/run");
    await runTool("relion_star_printtable", ["read/run_it001_data.star", "data_particles"], { cwd: folder });
    mkdirSync(join(folder, "there"));
    await runTool(
      "relion_refine",
      [..."--continue read/run_it001_optimiser.star --iter 2 --skip_gridding --o there/run".split(" ")],
      { cwd: folder },
    );
    const [theirs, ours] = ["there/run_it002_data.star", "read/run_it002_data.star"];
    for (const label of ["rlnAngleRot", "rlnAnglePsi", "rlnOriginXAngst"])
      expect(difference(numbers(ours, label), numbers(theirs, label)), label).toBe(0);
  });
});
