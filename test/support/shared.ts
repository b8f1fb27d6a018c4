import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { describe } from "vitest";

const candidate = resolve(import.meta.dirname, "../../../shared");

/** The folder of shared reference data beside the checkout, or undefined where there is none. */
export const sharedDir: string | undefined = existsSync(resolve(candidate, "data/MANIFEST.md"))
  ? candidate
  : undefined;

/** A suite that needs the shared data; elsewhere it is reported as skipped, with the reason in its name. */
export function describeShared(name: string, body: (shared: string) => void): void {
  if (sharedDir === undefined) describe.skip(`${name} (skipped: no ../shared folder)`, () => body(""));
  else describe(name, () => body(sharedDir as string));
}
