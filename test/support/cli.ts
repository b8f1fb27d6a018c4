import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

export const cliPath = resolve(import.meta.dirname, "../../dist/src/app/cli.js");

/** Run the built command line in `cwd` to its end. */
export const runCli = (cwd: string, ...args: string[]) => runCliWith({}, cwd, ...args);

/** The same with environment variables of its own. */
export function runCliWith(
  variables: Readonly<Record<string, string>>,
  cwd: string,
  ...args: string[]
): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, ...variables };
  return spawnSync(process.execPath, [cliPath, ...args], { cwd, env, encoding: "utf8" });
}
