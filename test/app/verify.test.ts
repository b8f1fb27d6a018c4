import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { webGpuTolerances } from "../../src/runtime/tolerances.js";
import type { Agreement } from "../../src/runtime/verify/index.js";
import { runCli } from "../support/cli.js";
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
    const { status, stderr, stdout } = runCli(tmpdir(), "verify");
    // On a machine with a graphics card it runs there.
    if (status === 0) expect(stdout).not.toMatch(/llvmpipe|SwiftShader/i);
    else {
      expect(status).toBe(1);
      expect(stderr).toContain("runs on the processor; allow it with --software");
    }
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
    expect(runtimes.map(({ runtime }) => runtime)).toEqual(expect.arrayContaining(["reference", "webgpu"]));
    const webgpu = runtimes.find(({ runtime }) => runtime === "webgpu");
    expect(webgpu?.limits?.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(2 ** 27);

    const missing = runCli(tmpdir(), "inspect");
    expect(missing.status).toBe(0);
    expect(missing.stdout).toContain("maxComputeWorkgroupStorageSize");
  });
});
