import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openMrc } from "../../src/formats/mrc/index.js";
import { openFile } from "../../src/formats/node.js";
import { parseStar } from "../../src/formats/star/index.js";
import { cliPath } from "../support/cli.js";
import { describeOn, fastRuntimes } from "../support/runtimes.js";
import {
  eventsOf,
  filesOf,
  refined,
  refused,
  runtimeOptions,
  shortRun,
  tinyFolder,
} from "../support/tiny-job.js";

const folder = tinyFolder();

async function runs(runtime: keyof typeof runtimeOptions): Promise<void> {
  const { stdout, stderr } = refined(
    folder,
    ...shortRun,
    ...runtimeOptions[runtime],
    ..."--perturb 0 --iter 2 --pipeline_control".split(" "),
    `${runtime}/`,
    "--o",
    `${runtime}/run`,
  );
  const own = join(folder, runtime);
  const names = [0, 1, 2].flatMap((iteration) =>
    ["class001.mrc", "data.star", "model.star", "optimiser.star", "sampling.star"].map(
      (name) => `run_it00${iteration}_${name}`,
    ),
  );
  expect(filesOf(own)).toEqual(names);
  expect(readdirSync(own).filter((name) => !name.includes("_it"))).toEqual([
    "RELION_JOB_EXIT_SUCCESS",
    "events.jsonl",
    "report.html",
  ]);

  expect(stdout).toContain(`60 particles of 32 pixels (4 A), 1 class(es), c1; ${runtime} on `);
  expect(stdout).toMatch(
    /^iteration 2: \d+\.\d\d A, Pmax 0\.\d{3}, changes [\d.]+ deg [\d.]+ A, size 8\/32, [\d.]+ s, peak \d+ MB$/m,
  );
  expect(stdout).toMatch(/^1 iterations left, about \d+ s at this rate$/m);
  expect(stderr).toMatch(/^iteration 2 of 2, expectation: 60 of 60, \d+\/s, 0 s left$/m);
  expect(stderr).toMatch(/^iteration 2 of 2, maximisation$/m);

  const kinds = eventsOf(own).map(({ kind }) => kind);
  expect([kinds[0], kinds.at(-1)]).toEqual(["start", "end"]);
  expect(kinds.filter((kind) => kind === "iteration").length).toBe(2);
  expect(readFileSync(join(own, "report.html"), "utf8")).toContain("<svg");

  const map = await openMrc(await openFile(join(own, "run_it002_class001.mrc")), { kind: "volume" });
  const voxels = await map.readVolume();
  await map.close();
  expect(voxels.every(Number.isFinite)).toBe(true);
  expect(map.pixelSize?.[0]).toBeCloseTo(4, 5);
}

const pmax = (path: string) =>
  parseStar(readFileSync(join(folder, path)), path)
    .get("model_general")
    .number("rlnAveragePmax");

describe("cryotile refine", () => {
  test("on the reference", () => runs("reference"));

  test("--verb 0 prints nothing, and a log that ends within a line is gone on with", () => {
    const log = join(folder, "reference/events.jsonl");
    const before = readFileSync(log, "utf8");
    writeFileSync(log, `${before}{"time":1,"ki`);
    const said = refined(
      folder,
      ..."--continue reference/run_it001_optimiser.star --o reference/run --verb 0".split(" "),
    );
    expect(said).toEqual({ stdout: "", stderr: "" });
    expect(eventsOf(join(folder, "reference")).length).toBeGreaterThan(before.trim().split("\n").length);
  });
});

describe("--skip_maximize", () => {
  test("gives the poses of an iteration and writes nothing else", () => {
    for (const [name, words] of [
      ["whole", []],
      ["poses", ["--skip_maximize"]],
    ] as const)
      refined(
        folder,
        ...shortRun,
        ...runtimeOptions.reference,
        ..."--perturb 0 --iter 1 --o".split(" "),
        `${name}/run`,
        ...words,
      );
    const particles = (name: string) =>
      parseStar(readFileSync(join(folder, name, "run_it001_data.star")), name).get("particles");
    for (const label of ["rlnAngleRot", "rlnAnglePsi", "rlnOriginXAngst", "rlnMaxValueProbDistribution"])
      expect(particles("poses").numbers(label)).toEqual(particles("whole").numbers(label));
    const first = readdirSync(join(folder, "poses")).filter((name) => name.includes("_it001"));
    expect(first).toEqual(["run_it001_data.star"]);
  });
});

for (const kind of fastRuntimes)
  describeOn(kind)(`cryotile refine on ${kind}`, () => {
    test("does what the reference does", async () => {
      await runs(kind);
      expect(pmax(`${kind}/run_it002_model.star`)).toBeCloseTo(pmax("reference/run_it002_model.star"), 2);
    });
  });

describe("RELION's pipeline", () => {
  test("a failure leaves its marker, in place of that of an earlier start", () => {
    writeFileSync(
      join(folder, "lost.star"),
      readFileSync(join(folder, "parts.star"), "utf8").replaceAll("noisy", "gone"),
    );
    const options = shortRun.map((word) => (word === "parts.star" ? "lost.star" : word));
    writeFileSync(join(folder, "reference/RELION_JOB_EXIT_ABORTED"), "");
    const failed = [...runtimeOptions.reference, "--pipeline_control", "reference/", "--o", "failed/run"];
    expect(refused(folder, ...options, ...failed)).toMatch(
      /lost\.star: 1 of 1 stacks are not there, such as gone\.mrcs/,
    );
    expect(readdirSync(join(folder, "reference")).filter((name) => name.startsWith("RELION"))).toEqual([
      "RELION_JOB_EXIT_FAILURE",
    ]);
  });

  test("a request to stop ends the run, which then goes on where it was", async () => {
    const own = join(folder, "stopped");
    const args = [...shortRun, ...runtimeOptions.reference, "--iter", "50", "--batch", "4"];
    const child = spawn(
      process.execPath,
      [cliPath, "refine", ...args, "--pipeline_control", "stopped", "--o", "stopped/run"],
      { cwd: folder, stdio: ["ignore", "ignore", "pipe"] },
    );
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    while (!existsSync(join(own, "run_it001_optimiser.star"))) await new Promise((r) => setTimeout(r, 50));
    writeFileSync(join(own, "RELION_JOB_ABORT_NOW"), "");
    expect(await ended).toBe(1);
    expect(stderr).toContain("stopped on request (stopped/RELION_JOB_ABORT_NOW)");
    expect(readdirSync(own).filter((name) => name.startsWith("RELION"))).toEqual(["RELION_JOB_EXIT_ABORTED"]);
    expect(eventsOf(own).at(-1)).toMatchObject({ kind: "end", status: "aborted" });
    const last =
      filesOf(own)
        .filter((name) => name.endsWith("optimiser.star"))
        .at(-1) ?? "";
    const next = String(Number(last.slice(6, 9)) + 1);
    refined(
      folder,
      "--continue",
      `stopped/${last}`,
      "--o",
      "stopped/run",
      "--iter",
      next,
      "--pipeline_control",
      "stopped",
    );
    expect(readdirSync(own).filter((name) => name.startsWith("RELION"))).toEqual(["RELION_JOB_EXIT_SUCCESS"]);
  });
});
