import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";
import { runCli } from "../support/cli.js";
import { mapCorrelation, readMap } from "../support/live-run.js";
import { servePage } from "../support/page.js";
import {
  atEnd,
  iterationsShown,
  openPage,
  startBuiltIn,
  storedFiles,
  writeFiles,
} from "../support/refine-page.js";
import { describeWebGpu } from "../support/webgpu.js";

const built = resolve(import.meta.dirname, "../../dist/web");
const seed = Number(process.env.CRYOTILE_SEED ?? 1 + (Date.now() % 1000));
const job = `#/refine?particles=60&box=32&iterations=2&seed=${seed}`;

/** Lets a test take the device away, as a driver that restarts does. */
const loseDevice = {
  name: /job\.worker/,
  code: `
    const request = GPUAdapter.prototype.requestDevice;
    globalThis.devices = [];
    GPUAdapter.prototype.requestDevice = async function (...args) {
      const device = await request.apply(this, args);
      globalThis.devices.push(device);
      return device;
    };`,
};

describeChromium(`refinement in a tab on WebGPU (seed ${seed})`, () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    browser = await launchBrowser({ webGpu: true });
    folder = mkdtempSync(join(tmpdir(), "cryotile-web-"));
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  describeWebGpu("beside Node", () => {
    test("a device that is lost costs an iteration, and the map is that of the command line", async () => {
      const server = await servePage(built, { prepend: loseDevice });
      const { page } = await openPage(browser, `${server.url}${job}`);
      try {
        const id = await startBuiltIn(page, "webgpu");
        await expect.poll(() => iterationsShown(page), { timeout: 240_000 }).toBe(1);
        const worker = page.workers().find((each) => each.url().includes("job.worker"));
        await worker?.evaluate(() =>
          (globalThis as unknown as { devices: GPUDevice[] }).devices.at(-1)?.destroy(),
        );
        await page
          .getByText(/the device was lost .* going on from the last finished iteration on a new device/)
          .waitFor({ timeout: 60_000 });
        expect(await atEnd(page, 240_000)).toBe("Finished");
        expect(await page.locator(".facts").textContent()).toContain("webgpu: google swiftshader");
        const files = await storedFiles(page, id);
        writeFiles(folder, files, /^(input|run_it002)/);
        const { words } = JSON.parse((files.get("job.json") as Buffer).toString()) as { words: string[] };
        const node = join(folder, "node");
        writeFiles(node, files, /^input\//);
        const { status, stderr } = runCli(node, "refine", ...words, "--runtime", "webgpu", "--software");
        expect(status, stderr).toBe(0);
        for (const name of ["run_it002_half1_class001.mrc", "run_it002_half2_class001.mrc"]) {
          const [here, there] = [await readMap(join(folder, name)), await readMap(join(node, name))];
          // Float32 on two drivers: ties between poses may fall otherwise, as the contract's job class allows (0.99).
          expect(Math.min(...mapCorrelation(here, there).slice(1, 8)), name).toBeGreaterThan(0.99);
        }
      } finally {
        await page.context().close();
        server.close();
      }
    }, 900_000);
  });
});
