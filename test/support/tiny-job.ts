import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import type { JobEvent } from "../../src/app/job/events.js";
import { runCli } from "./cli.js";
import { tinyFile } from "./golden.js";

/** Options of a short run on the tiny set; the small search and the plain reconstruction keep it quick. */
export const shortRun = [
  ..."--i parts.star --ref ref.mrc --ini_high 20 --ctf --ctf_corrected_ref --particle_diameter 90 --norm --scale".split(
    " ",
  ),
  ..."--random_seed 5 --zero_mask --healpix_order 0 --offset_range 2 --offset_step 1 --tau2_fudge 2 --skip_gridding".split(
    " ",
  ),
];

/** Runtimes by the options that choose them. */
export const runtimeOptions = {
  reference: ["--runtime", "reference"],
  webgpu: ["--runtime", "webgpu", "--software"],
  cpu: ["--runtime", "cpu", "--j", "2"],
} as const;

/** A folder with the tiny set, removed after the suite. */
export function tinyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "cryotile-refine-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ["parts.star", "ang.star", "ref.mrc"]) writeFileSync(join(folder, name), tinyFile(name));
  for (const name of ["noisy.mrcs", "proj.mrcs"]) writeFileSync(join(folder, name), tinyFile(`${name}.gz`));
  return folder;
}

/** Run `cryotile refine` to a success. */
export function refined(cwd: string, ...args: string[]): { stdout: string; stderr: string } {
  const { status, stdout, stderr } = runCli(cwd, "refine", ...args);
  expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
  return { stdout, stderr };
}

/** Run `cryotile refine` to a failure; returns the line that tells it. */
export function refused(cwd: string, ...args: string[]): string {
  const { status, stderr } = runCli(cwd, "refine", ...args);
  expect(status).toBe(1);
  return stderr.split("\n").find((line) => line.startsWith("cryotile: ")) ?? stderr;
}

export const eventsOf = (folder: string): JobEvent[] =>
  readFileSync(join(folder, "events.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Files that a run leaves besides its log and page. */
export const filesOf = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.includes("_it"))
    .sort();

/** The folder of a job as it was after an iteration, in place of the one that is there; that one moves to `to`. */
export function backTo(folder: string, iteration: number, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(folder, to, { recursive: true });
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  for (const name of filesOf(to))
    if (Number(/_it(\d+)/.exec(name)?.[1]) === iteration) copyFileSync(join(to, name), join(folder, name));
}

/** Every file of `folder` is byte for byte that of `other`. */
export function expectSameFiles(folder: string, other: string): void {
  const names = filesOf(folder);
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) {
    expect(existsSync(join(other, name)), name).toBe(true);
    expect(readFileSync(join(folder, name)).equals(readFileSync(join(other, name))), name).toBe(true);
  }
}
