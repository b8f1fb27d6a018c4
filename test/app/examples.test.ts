import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parseTrace } from "../../src/runtime/trace.js";
import { runCli } from "../support/cli.js";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "cryotile-examples-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the multigrid example solves its problem in the memory that it tells, and its trace replays to the same peak", () => {
  const file = join(folder, "trace.json");
  const stdout = execFileSync(process.execPath, [join(root, "examples/multigrid.mjs"), file], {
    encoding: "utf8",
  });

  // sin sin is an eigenfunction of the five-point Laplacian too, which gives the discrete solution in closed form; its
  // distance from the smooth one is the error that must remain. Rounding adds a few 1e-12.
  const h = 1 / 128;
  const remaining = (2 * Math.PI ** 2) / ((8 / h ** 2) * Math.sin((Math.PI * h) / 2) ** 2) - 1;
  const told = Number(/largest error (\S+)/.exec(stdout)?.[1]);
  expect(told).toBeCloseTo(remaining, 8);

  // Fullest while the finest residual is held: three grids of 129 x 129 points and two of 65 x 65, at multiples of 64.
  const grid = (n: number) => Math.ceil(((n + 1) ** 2 * 8) / 64) * 64;
  const peak = 3 * grid(128) + 2 * grid(64);
  expect(stdout).toContain(
    `peak ${peak} of ${512 * 1024} bytes, held at the end: solution 128, right side 128`,
  );

  const trace = parseTrace(readFileSync(file, "utf8"), file);
  expect(trace.events.at(-1)).toMatchObject({ kind: "pop", scope: "iteration", top: 2 * grid(128) });
  const { results } = JSON.parse(runCli(folder, "memory", "replay", "--json", "trace.json").stdout);
  expect(results[1]).toEqual({ policy: "stack", peak, mostFragmented: grid(64) });
});
