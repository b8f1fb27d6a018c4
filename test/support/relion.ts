import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { describe } from "vitest";

const execute = promisify(execFile);

/** Full path of a RELION program on PATH, or undefined. */
export function relionTool(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  return undefined;
}

/**
 * A suite that runs RELION's programs beside ours. Where RELION is not installed it is reported as skipped, except
 * under CI, where it fails.
 */
export function describeRelion(name: string, body: () => void): void {
  if (relionTool("relion_refine") !== undefined || process.env.CI) describe(name, body);
  else describe.skip(`${name} (skipped: RELION is not installed; on Debian: apt-get install relion)`, body);
}

/** Run a program to its end; rejects, with what it printed, when it exits non-zero. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: { cwd: string },
): Promise<{ stdout: string; stderr: string }> {
  return execute(command, [...args], { ...options, maxBuffer: 256 << 20, encoding: "utf8" });
}
