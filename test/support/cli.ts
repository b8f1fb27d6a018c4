import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

export const cliPath = resolve(import.meta.dirname, "../../dist/src/app/cli.js");

/** Run the built command line in `cwd` to its end. */
export function runCli(
  cwd: string,
  ...args: string[]
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [cliPath, ...args], { cwd, encoding: "utf8" });
}
