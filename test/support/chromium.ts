import { describe } from "vitest";
import { chromiumPath } from "./browser.js";

/** A suite that needs a real browser. Without one it is reported as skipped, except under CI, where it fails. */
export function describeChromium(name: string, body: () => void): void {
  if (chromiumPath !== undefined || process.env.CI) describe(name, body);
  else describe.skip(`${name} (skipped: no Chromium; on Debian: apt-get install chromium)`, body);
}
