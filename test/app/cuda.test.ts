import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JobAgreement } from "../../src/app/verify-job.js";
import { cliPath } from "../support/cli.js";
import { describeCuda, emulatedCufft, emulatedDriver } from "../support/cuda.js";
import { eventsOf, filesOf, shortRun, tinyFolder } from "../support/tiny-job.js";
import { describeWebGpu } from "../support/webgpu.js";

const folder = tinyFolder();
const report = join(folder, "held.json");

/** The command line on a machine whose CUDA driver is the emulated one. */
function run(variables: Readonly<Record<string, string>>, ...args: string[]) {
  return spawnSync(process.execPath, [cliPath, ...args], {
    cwd: folder,
    encoding: "utf8",
    env: {
      ...process.env,
      LD_LIBRARY_PATH: dirname(emulatedDriver),
      CRYOTILE_CUFFT: emulatedCufft,
      CRYOTILE_EMULATOR_REPORT: report,
      ...Object.fromEntries(
        Object.entries(variables).map(([name, value]) => [`CRYOTILE_EMULATOR_${name}`, value]),
      ),
    },
    // Far more than it takes: whatever hangs is killed.
    timeout: 55_000,
    killSignal: "SIGKILL",
  });
}

/** `cryotile refine` to a success; what it prints. */
function refined(variables: Readonly<Record<string, string>>, ...args: string[]): string {
  const { status, stdout, stderr } = run(variables, "refine", ...shortRun, ...args);
  expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
  return stdout;
}

/** `cryotile refine` to a failure that gives back all it held of the device; the line that tells it. */
function refused(variables: Readonly<Record<string, string>>, ...args: string[]): string {
  const { status, signal, stderr } = run(variables, "refine", ...shortRun, ...args);
  expect([status, signal]).toEqual([1, null]);
  const { calls, ...held } = JSON.parse(readFileSync(report, "utf8"));
  expect(Object.values(held)).toEqual([0, 0, 0, 0, 0, 0, 0]);
  return stderr.split("\n").find((line) => line.startsWith("cryotile: ")) ?? stderr;
}

const cuda = ["--runtime", "cuda", "--software"];

describeCuda("auto takes CUDA first", () => {
  it("where a device is there", () => {
    const said = refined({}, "--software", "--iter", "1", "--o", "auto/run");
    expect(said).toContain("cuda on emulated device (found by CUDA)");
    expect(said).toContain(`transforms: cuFFT 12.0.4 (${emulatedCufft})`);
    expect(filesOf(join(folder, "auto"))).toContain("run_it001_class001.mrc");
  });

  const next = (name: string, variables: Readonly<Record<string, string>>, ...args: string[]) =>
    refined(variables, ...args, "--iter", "0", "--o", `${name}/run`);

  it("but not the one of a display", () => {
    const said = next("display", { DEVICES: "emulated card:8000000000:1" }, "--software");
    expect(said).toMatch(
      /(webgpu|cpu) on .* no CUDA: no CUDA device is free of a display; name one with --gpu/,
    );
    const named = next(
      "named",
      { DEVICES: "emulated card:8000000000:1" },
      ..."--software --runtime cuda --gpu 0".split(" "),
    );
    expect(named).toContain("cuda on emulated card (--runtime cuda)");
  });

  it("but not the processor without --software", () => {
    expect(next("processor", {})).toMatch(/no CUDA: .*runs on the processor; allow it with --software/);
  });

  it("but not where the driver does not take the kernels", () => {
    expect(next("kernels", { FAIL: "cuModuleLoadData:1:209" }, "--software")).toMatch(
      /no CUDA: emulated device: the driver does not take the kernels .*CUDA_ERROR_NO_BINARY_FOR_GPU/,
    );
  });

  it("and no other where a device fails otherwise", () => {
    expect(
      refused({ FAIL: "cuMemAlloc_v2:1:2" }, ..."--software --iter 0 --memory 100MB --o full/run".split(" ")),
    ).toMatch(
      /no room for an arena of 100000000 bytes .*: --memory 50MB, or close what else uses the device/,
    );
  });
});

describeCuda("--gpu", () => {
  const two = { DEVICES: "emulated one:8000000000:0,emulated two:4000000000:0" };
  const on = (gpu: string) => refined(two, ...cuda, ..."--iter 0 --o gpu/run --gpu".split(" "), gpu);

  it("names a card by number or uuid", () => {
    expect(on("1")).toContain("cuda on emulated two");
    expect(on("GPU-00000000-0000-0000-0000-000000000001")).toContain("cuda on emulated two");
    expect(on("0")).toContain("cuda on emulated one");
  });

  it("must name one that is there", () => {
    const { status, stderr } = run(two, "refine", ...shortRun, ...cuda, "--gpu", "2", "--o", "gpu/run");
    expect(status).toBe(1);
    expect(stderr).toMatch(/--gpu 2 names no device; there are: 0 emulated one GPU-.*, 1 emulated two/);
  });
});

describeCuda("a device that fails on the way", () => {
  it("ends the run with what to do, and keeps what was saved", () => {
    // The calls of one iteration, of the same run to its end.
    refined({}, ...cuda, ..."--iter 2 --o whole/run".split(" "));
    // The screen's certificate of each iteration is in the log.
    const told = eventsOf(join(folder, "whole")).filter(({ kind }) => kind === "iteration");
    const { screen = {} } = told.at(-1) as { screen?: Record<string, number> };
    expect(screen.ratio).toEqual(expect.any(Number));
    expect(screen.kept).toBeGreaterThan(0);
    expect(screen.candidates).toBeGreaterThanOrEqual(screen.kept);
    expect(screen.samples).toBeGreaterThan(screen.candidates);
    const { cuLaunchKernel } = JSON.parse(readFileSync(report, "utf8")).calls;
    const said = refused(
      { FAIL: `cuLaunchKernel:${cuLaunchKernel - 5}:719` },
      ...cuda,
      ..."--iter 2 --o lost/run".split(" "),
    );
    expect(said).toMatch(
      /^cryotile: emulated device: the device was lost \(cuLaunchKernel: CUDA_ERROR_LAUNCH_FAILED\).* start the run again from there: --continue lost\/run_it001_optimiser\.star$/,
    );
    expect(eventsOf(join(folder, "lost")).at(-1)).toMatchObject({ kind: "end", status: "failure" });
    const names = filesOf(join(folder, "lost"));
    expect(names).toContain("run_it001_class001.mrc");
    expect(names.filter((name) => name.includes("it002"))).toEqual([]);
  });

  it.each([
    ["cuEventSynchronize:3:700", /the device was lost \(cuEventSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS\)/],
    ["cuMemcpyHtoDAsync_v2:9:719", /the device was lost \(cuMemcpyHtoDAsync_v2: CUDA_ERROR_LAUNCH_FAILED\)/],
    ["cuLaunchKernel:40:1", /^cryotile: internal error: emulated device: cuLaunchKernel failed: .*report it/],
    ["cuLaunchKernel:40:2", /finds no room for its own needs .*; .* try a --memory below 100 MB/],
    ["cuModuleLoadData:1:209", /the driver does not take the kernels .* install a newer driver/],
    ["cuStreamCreate:1:999", /the device was lost \(cuStreamCreate: CUDA_ERROR_UNKNOWN\)/],
  ])("%s", (fault, message) => {
    const said = refused({ FAIL: fault }, ...cuda, ..."--memory 100MB --iter 1 --o fault/run".split(" "));
    expect(said).toMatch(message);
  });
});

describeCuda("--precision double", () => {
  it("computes a whole iteration in float64", () => {
    const { status, stdout } = run(
      {},
      ..."verify --job --runtime cuda --software --precision double --particles 8 --json".split(" "),
    );
    const { rows } = JSON.parse(stdout) as { rows: JobAgreement[] };
    expect(rows.map(({ ok }) => ok)).toEqual([true, true, true, true]);
    // Far below what float32 scores can do.
    for (const { best } of rows) expect(best).toBeLessThan(1e-9);
    expect(status).toBe(0);
  });

  it("is that of CUDA where there is a device, else of the reference", () => {
    const double = "--precision double --iter 0 --o double/run".split(" ");
    expect(refined({}, "--software", ...double)).toContain("cuda on emulated device (found by CUDA)");
    expect(refined({ DEVICES: "" }, ...double)).toMatch(
      /reference on .* \(--precision double; no CUDA: the CUDA driver finds no device\)/,
    );
  });
});

describeWebGpu("cuda against webgpu", () => {
  describeCuda("over the emulated driver", () => {
    it("agree on whole iterations, by every strategy", () => {
      const words = "--job --json --seed 7 --particles 8 --perturb 0.5 --against webgpu".split(" ");
      const { status, stdout, stderr } = run({}, "verify", ...cuda, ...words);
      expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
      const { against, rows } = JSON.parse(stdout) as { against: string; rows: JobAgreement[] };
      expect(against).toMatch(/^webgpu on /);
      expect(rows.map(({ scores, strategy }) => `${scores} ${strategy}`)).toEqual([
        "correlation all",
        ...["direct", "tiled", "gemm", "screen"].map((strategy) => `likelihood ${strategy}`),
      ]);
      expect(rows.filter(({ ok, particles }) => !ok || particles !== 8)).toEqual([]);
    });
  });
});

describe("inspect", () => {
  const cudaLines = (variables: Readonly<Record<string, string>>) => {
    const { status, stdout } = run(variables, "inspect", "--json");
    expect(status).toBe(0);
    const { runtimes } = JSON.parse(stdout) as {
      runtimes: { runtime: string; available: boolean; reason?: string; device?: string; notes: string[] }[];
    };
    return runtimes.filter(({ runtime }) => runtime === "cuda");
  };

  describeCuda("with a driver", () => {
    it("lists devices, and why one is not taken", () => {
      const devices = "emulated one:8000000000:0,emulated two:80000000000:1";
      const lines = cudaLines({ DEVICES: devices, FAIL: "cuDevicePrimaryCtxRetain:1:46" });
      expect(lines.map(({ device }) => device)).toEqual(["emulated one", "emulated two"]);
      expect(lines[0]).toMatchObject({
        available: false,
        reason: "emulated one cannot be used: cuDevicePrimaryCtxRetain: CUDA_ERROR_DEVICE_UNAVAILABLE",
      });
      expect(lines[1].notes.join("; ")).toMatch(
        /--gpu 1, or GPU-.* transforms: cuFFT 12\.0\.4 .* a display hangs on it: taken on request alone/,
      );
    });

    it("says why there is none", () => {
      expect(cudaLines({ VERSION: "10020" })).toMatchObject([
        { available: false, reason: "the CUDA driver is for CUDA 10.2; 11.2 or newer is needed" },
      ]);
    });
  });
});
