import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { describe } from "vitest";

const executablePath = (process.env.PATH ?? "")
  .split(delimiter)
  .flatMap((folder) => ["chromium", "chromium-browser", "google-chrome"].map((name) => join(folder, name)))
  .find((path) => existsSync(path));

/** A suite that needs a real browser. Without one it is reported as skipped, except under CI, where it fails. */
export function describeChromium(name: string, body: () => void): void {
  if (executablePath !== undefined || process.env.CI) describe(name, body);
  else describe.skip(`${name} (skipped: no Chromium; on Debian: apt-get install chromium)`, body);
}

/** WebGPU on the processor, and its kernels compiled in reasonable time. */
const softwareWebGpu = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--ignore-gpu-blocklist",
  "--enable-dawn-features=disable_robustness,disable_workgroup_init",
];

/** Start a headless browser that talks to nobody but the test. */
export function launchBrowser({ webGpu = false } = {}): Promise<Browser> {
  if (executablePath === undefined) throw new Error("no Chromium on PATH");
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(webGpu ? softwareWebGpu : []),
    ],
  });
}
