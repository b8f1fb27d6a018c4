// `npm test`: builds, checks types and lint, runs every suite, and ends with one line `N passed, N failed[, N skipped]`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const bin = (...parts) => join(root, "node_modules", ...parts);

function step(name, args) {
  const started = Date.now();
  const ok =
    spawnSync(process.execPath, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] }).status === 0;
  console.log(`${ok ? "ok" : "FAILED"}: ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  return ok;
}

const steps = [
  ["build", [bin("typescript", "bin", "tsc"), "-p", "tsconfig.build.json"]],
  ["runnable command", ["scripts/finish-build.mjs"]],
  ["types", [bin("typescript", "bin", "tsc"), "--noEmit"]],
  ["lint and format", [bin("@biomejs", "biome", "bin", "biome"), "ci", "--error-on-warnings", "."]],
];
const results = steps.map(([name, args]) => step(name, args));

const folder = mkdtempSync(join(tmpdir(), "cryotile-test-"));
const report = join(folder, "report.json");
const filters = process.argv.slice(2);
const suites = step("suites", [
  bin("vitest", "vitest.mjs"),
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
  ...filters,
]);
let counts = { passed: 0, failed: suites ? 0 : 1, skipped: 0 };
try {
  const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites } = JSON.parse(
    readFileSync(report, "utf8"),
  );
  const failed = suites ? 0 : Math.max(1, numFailedTests, numFailedTests === 0 ? numFailedTestSuites : 0);
  counts = { passed: numPassedTests, failed, skipped: numPendingTests };
} catch (error) {
  console.error(`test: the runner left no report (${error.message})`);
  counts.failed = 1;
}
rmSync(folder, { recursive: true, force: true });

const passed = counts.passed + results.filter(Boolean).length;
const failed = counts.failed + results.filter((ok) => !ok).length;
console.log(`${passed} passed, ${failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ""}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
