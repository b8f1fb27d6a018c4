import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, launch } from "puppeteer-core";
import { describe } from "vitest";

const path = (process.env.PATH ?? "")
  .split(delimiter)
  .flatMap((folder) => ["firefox", "firefox-esr"].map((name) => join(folder, name)))
  .find((file) => existsSync(file));

/** WebGPU on whatever Vulkan driver there is, which Firefox would refuse as untested. */
const anyWebGpu = { "dom.webgpu.enabled": true, "gfx.webgpu.ignore-blocklist": true };

/** A headless Firefox, driven by WebDriver BiDi. */
export function launchFirefox({ webGpu = false } = {}): Promise<Browser> {
  if (path === undefined) throw new Error("no Firefox on PATH");
  return launch({
    browser: "firefox",
    executablePath: path,
    headless: true,
    extraPrefsFirefox: webGpu ? anyWebGpu : { "dom.webgpu.enabled": false },
  });
}

/** A suite that needs Firefox. Without one it is reported as skipped, except under CI, where it fails. */
export function describeFirefox(name: string, body: () => void): void {
  if (path !== undefined || process.env.CI) describe(name, body);
  else describe.skip(`${name} (skipped: no Firefox; on Debian: apt-get install firefox-esr)`, body);
}
