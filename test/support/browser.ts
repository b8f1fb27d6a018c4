import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { bundle } from "./bundle.js";

export const chromiumPath = (process.env.PATH ?? "")
  .split(delimiter)
  .flatMap((folder) => ["chromium", "chromium-browser", "google-chrome"].map((name) => join(folder, name)))
  .find((path) => existsSync(path));

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

/** WebGPU and WebGL on this machine's graphics card, without a screen. */
const hardwareWebGpu = [
  "--enable-unsafe-webgpu",
  "--use-angle=vulkan",
  "--enable-features=Vulkan",
  "--disable-vulkan-surface",
  "--ignore-gpu-blocklist",
];

/** Start a headless browser that talks to nobody but the test. `hardware`: WebGPU is that of this machine's graphics card. */
export function launchBrowser({ webGpu = false, hardware = false } = {}): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error("no Chromium on PATH");
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      "--no-sandbox",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(hardware ? hardwareWebGpu : webGpu ? softwareWebGpu : []),
    ],
  });
}

const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** A server of one page, on this machine alone, that runs a module (its source text) as /entry.js. */
export async function servePage(entry: string, isolated: boolean): Promise<{ url: string; close(): void }> {
  const script = await bundle(entry);
  const server = createServer((request, response) => {
    const [type, body] =
      request.url === "/entry.js"
        ? ["text/javascript", script]
        : ["text/html", "<script src=/entry.js></script>"];
    response.writeHead(200, { "content-type": type, ...(isolated ? isolation : {}) }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}
