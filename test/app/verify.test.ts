import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type JobAgreement, verifyJob } from "../../src/app/verify-job.js";
import type { Runtime } from "../../src/runtime/contract.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { webGpuTolerances } from "../../src/runtime/tolerances.js";
import type { Agreement } from "../../src/runtime/verify/index.js";
import { runCli, runCliWith } from "../support/cli.js";
import { tinyFile } from "../support/golden.js";
import { openTestCpu } from "../support/runtimes.js";
import { describeWebGpu } from "../support/webgpu.js";

describeWebGpu("cryotile verify and inspect", () => {
  test("verify compares every operation and exits cleanly with 0", () => {
    const { status, stdout } = runCli(tmpdir(), "verify", "--software", "--json", "--seed", "11");
    expect(status).toBe(0);
    const { seed, rows } = JSON.parse(stdout) as { seed: number; rows: Agreement[] };
    expect(seed).toBe(11);
    expect(rows.every(({ ok, error, tolerance }) => ok && error <= tolerance)).toBe(true);
    const operations = new Set([...rows.map(({ operation }) => operation), "finishAccumulator"]);
    expect([...operations].sort()).toEqual(Object.keys(webGpuTolerances).sort());
    expect(Object.keys(rows[0])).toEqual(
      expect.arrayContaining(["operation", "runtime", "error", "tolerance", "ok"]),
    );
  });

  test("verify prints a table, and the case count", () => {
    const { status, stdout } = runCli(tmpdir(), "verify", "--software", "--default-limits");
    expect(status).toBe(0);
    expect(stdout).toMatch(/diff2Coarse\s+│ webgpu\s+│/);
    expect(stdout).toMatch(/(\d+) of \1 cases agree/);
  });

  test("a software adapter is not chosen in silence", () => {
    const { status, stderr, stdout } = runCli(tmpdir(), "verify", "--runtime", "webgpu");
    // On a machine with a graphics card it runs there.
    if (status === 0) expect(stdout).not.toMatch(/llvmpipe|SwiftShader/i);
    else {
      expect(status).toBe(1);
      expect(stderr).toContain("runs on the processor; allow it with --software");
    }
  });

  test("verify --job compares an iteration by correlation and by likelihood with every strategy", () => {
    const words = ["--software", "--seed", "11", "--particles", "10", "--perturb", "0.5"];
    const { status, stdout } = runCli(tmpdir(), "verify", "--job", "--json", ...words);
    expect(status).toBe(0);
    const { rows } = JSON.parse(stdout) as { rows: JobAgreement[] };
    expect(rows.map(({ scores, strategy }) => `${scores} ${strategy}`)).toEqual([
      "correlation all",
      "likelihood direct",
      "likelihood tiled",
      "likelihood gemm",
    ]);
    for (const { ok, particles, wrongPoses, fsc } of rows) {
      expect({ ok, particles, wrongPoses }).toEqual({ ok: true, particles: 10, wrongPoses: 0 });
      expect(fsc).toBeGreaterThan(0.9999);
    }
  });

  test("options of refine need --job, and unknown ones are refused with it", () => {
    const without = runCli(tmpdir(), "verify", "--healpix_order", "1");
    expect(without.status).toBe(1);
    expect(without.stderr).toContain("with --job those of refine are");
    const alone = runCli(tmpdir(), "verify", "--against", "cpu");
    expect(alone.stderr).toContain("verify --against cpu: whole iterations are compared with it; add --job");
    const unknown = runCli(tmpdir(), "verify", "--job", "--software", "--healpix_oder", "1");
    expect(unknown.status).toBe(1);
    expect(unknown.stderr).toContain("did you mean --healpix_order?");
  });

  test("a seed that is no number is refused", () => {
    const { status, stderr } = runCli(tmpdir(), "verify", "--seed", "x");
    expect(status).toBe(1);
    expect(stderr).toContain("--seed: a whole number is expected");
  });

  test("inspect lists runtimes with limits, and why one is missing", () => {
    const { status, stdout } = runCli(tmpdir(), "inspect", "--json");
    expect(status).toBe(0);
    const { machine, runtimes } = JSON.parse(stdout) as {
      machine: { cores: number };
      runtimes: { runtime: string; available: boolean; limits?: Record<string, number> }[];
    };
    expect(machine.cores).toBeGreaterThan(0);
    expect(runtimes.map(({ runtime }) => runtime)).toEqual(
      expect.arrayContaining(["reference", "cpu", "webgpu"]),
    );
    expect(runtimes.find(({ runtime }) => runtime === "cpu")).toMatchObject({ available: true });
    const webgpu = runtimes.find(({ runtime }) => runtime === "webgpu");
    expect(webgpu?.limits?.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(2 ** 27);

    const missing = runCli(tmpdir(), "inspect");
    expect(missing.status).toBe(0);
    expect(missing.stdout).toContain("maxComputeWorkgroupStorageSize");
  });
});

describe("cryotile verify without a graphics card", () => {
  const withoutDriver = { VK_DRIVER_FILES: join(tmpdir(), "no-such-driver.json"), VK_ICD_FILENAMES: "" };

  test.runIf(process.platform === "linux")("takes the processor, says why, and agrees", () => {
    const { status, stdout } = runCliWith(withoutDriver, tmpdir(), "verify");
    expect(stdout).toMatch(/^cpu on WebAssembly SIMD, .* \(no graphics card: no WebGPU adapter: /);
    expect(stdout).toMatch(/diff2Coarse\s+│ cpu\s+│/);
    expect(stdout).toMatch(/(\d+) of \1 cases agree/);
    expect(status).toBe(0);
  });

  test("says that nothing was compared with it, which is no success", () => {
    const words = ["--runtime", "cpu", "--job", "--against", "webgpu", "--particles", "2"];
    const { status, stderr } = runCliWith(withoutDriver, tmpdir(), "verify", ...words);
    expect(status).toBe(1);
    expect(stderr).toMatch(/verify --against webgpu: nothing was compared: no WebGPU adapter: /);
  });

  test("--runtime cpu is taken at its word, and an unknown one is refused", () => {
    const { status, stdout } = runCli(tmpdir(), "verify", "--runtime", "cpu", "--json");
    const { runtime, rows } = JSON.parse(stdout) as { runtime: string; rows: Agreement[] };
    expect(runtime).toBe("cpu");
    expect(new Set(rows.map(({ operation }) => operation)).size).toBe(
      Object.keys(webGpuTolerances).length - 1,
    );
    expect(status).toBe(0);
    const { stderr } = runCli(tmpdir(), "verify", "--runtime", "gpu");
    expect(stderr).toContain("--runtime: one of auto, cuda, webgpu, cpu is expected");
  });
});

/** A runtime whose fine scores are off: by a share of themselves, or by a fixed size in turns. */
function tampered(share: number, size: number): Runtime {
  const runtime = openReference();
  // It is judged as a float32 runtime.
  const layout = { ...runtime.layout, elementBytes: { ...runtime.layout.elementBytes, real: 4 } };
  return {
    ...runtime,
    layout,
    async diff2Fine(a) {
      await runtime.diff2Fine(a);
      const scores = Float64Array.from(await runtime.download(a.samples.values));
      runtime.upload(
        a.samples.values,
        scores.map((score, at) => score * (1 + share) + (at % 2 === 0 ? size : -size)),
      );
    },
  };
}

/** A runtime whose sums are off, by a share of themselves, where its scores are right. */
function tamperedSums(share: number): Runtime {
  const runtime = openReference();
  const layout = { ...runtime.layout, elementBytes: { ...runtime.layout.elementBytes, real: 4 } };
  return {
    ...runtime,
    layout,
    async finishAccumulator(a) {
      await runtime.finishAccumulator(a);
      const weight = Float64Array.from(await runtime.download(a.weight));
      runtime.upload(
        a.weight,
        weight.map((value) => value * (1 + share)),
      );
    },
  };
}

describe("the verdict of verify --job", () => {
  const job = async (runtime: Runtime, against?: Runtime) => {
    const folder = mkdtempSync(join(tmpdir(), "cryotile-job-"));
    for (const name of ["ref.mrc", "parts.star"]) writeFileSync(join(folder, name), tinyFile(name));
    writeFileSync(join(folder, "noisy.mrcs"), tinyFile("noisy.mrcs.gz"));
    const search =
      "--ini_high 20 --particle_diameter 90 --healpix_order 0 --offset_range 2 --zero_mask --ctf --pad 1 --skip_gridding";
    const words = ["--i", join(folder, "parts.star"), "--ref", join(folder, "ref.mrc"), ...search.split(" ")];
    try {
      return await verifyJob(runtime, {
        words,
        seed: 1,
        particles: 9,
        report() {},
        ...(against ? { against } : {}),
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
      await runtime.close();
      await against?.close();
    }
  };
  const verdicts = (rows: JobAgreement[]) => [...new Set(rows.slice(1).map(({ ok }) => ok))];

  test("stands where scores are off by less than float32 costs", async () => {
    expect(verdicts(await job(tampered(0, 1e-5)))).toEqual([true]);
  });

  test("falls where they are wrong", async () => {
    expect(verdicts(await job(tampered(0.02, 0)))).toEqual([false]);
  });

  test("falls where sums are wrong", async () => {
    expect(verdicts(await job(tamperedSums(1e-4)))).toEqual([false]);
    expect(verdicts(await job(tamperedSums(0)))).toEqual([true]);
  });

  test("is given against another float32 runtime too", async () => {
    expect(verdicts(await job(tampered(0, 1e-5), await openTestCpu()))).toEqual([true]);
    expect(verdicts(await job(tampered(0.02, 0), await openTestCpu()))).toEqual([false]);
    expect(verdicts(await job(tamperedSums(1e-4), await openTestCpu()))).toEqual([false]);
  });

  test("refuses searches that it cannot compare", async () => {
    const words = ["--i", "x.star", "--ref", "y.mrc", "--continue", "z.star"];
    await expect(verifyJob(openReference(), { words, seed: 1, particles: 1, report() {} })).rejects.toThrow();
  });
});
