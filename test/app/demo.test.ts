import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "cryotile-demo-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the demo refines without any driver, and its map and poses come near the truth", {
  timeout: 300_000,
}, () => {
  const script = resolve(import.meta.dirname, "../../scripts/demo.mjs");
  const env = { ...process.env, VK_DRIVER_FILES: join(folder, "no-such-driver.json"), VK_ICD_FILENAMES: "" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, folder], { env, encoding: "utf8" });
  expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
  if (process.platform === "linux") expect(stdout).toContain("; cpu on WebAssembly SIMD");
  const [, low, start] = /to ([\d.]+) A, above 0\.5 to [\d.]+ A \(the start: ([\d.]+)/.exec(stdout) ?? [];
  // The start is filtered to 30 A; the set of this seed reaches half of that.
  expect(Number(low)).toBeLessThan(0.75 * Number(start));
  // Fine steps are of 7.5 degrees; poses at random would be 79 degrees off in D2.
  expect(Number(/half of them within ([\d.]+) degrees/.exec(stdout)?.[1])).toBeLessThan(7.5);
  expect(existsSync(join(folder, "refine/report.html"))).toBe(true);
});
