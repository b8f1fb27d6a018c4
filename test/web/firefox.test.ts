import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runtimeWords } from "../../web/src/job/words.js";
import { runCli } from "../support/cli.js";
import { describeFirefox, launchFirefox } from "../support/firefox.js";
import { mapCorrelation, readMap } from "../support/maps.js";
import { servePage } from "../support/page.js";
import { filesOfJob, writeFiles } from "../support/refine-page.js";
import { describeWebGpu } from "../support/webgpu.js";

const built = resolve(import.meta.dirname, "../../dist/web");
const seed = Number(process.env.CRYOTILE_SEED ?? 1 + (Date.now() % 1000));

describeFirefox(`the page in Firefox (seed ${seed})`, () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof servePage>>;
  let page: Page;
  let folder: string;
  const problems: string[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cryotile-firefox-"));
    browser = await launchFirefox({ webGpu: true });
    server = await servePage(built);
    page = await browser.newPage();
    page.on("pageerror", (error) => problems.push(String(error)));
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true, force: true });
    expect(problems).toEqual([]);
  });

  const click = (selector: string) => page.locator(selector).click();
  const textOf = (selector: string) => page.$eval(selector, (node) => node.textContent ?? "").catch(() => "");

  /** Refine the built-in set to its end here and, from the same particles, by the command line; folders of both. */
  async function both(address: string, runtime: "cpu" | "webgpu") {
    await page.goto(`${server.url}${address}`);
    await click(`input[name=runtime][value=${runtime}]`);
    await click("::-p-text(Refine the built-in set)");
    const state = ".room-head [role=status]";
    await expect.poll(() => textOf(state), { timeout: 180_000 }).toMatch(/Finished|Failed/);
    expect(await textOf(state)).toBe("Finished");
    expect(await textOf(".facts")).toContain(`${runtime}: `);
    const job = new URL(page.url()).hash.split("/")[2];
    const files = new Map(
      (await page.evaluate(filesOfJob, job)).map(([path, text]) => [path, Buffer.from(text, "base64")]),
    );
    const [here, node] = [join(folder, runtime), join(folder, `${runtime}-node`)];
    writeFiles(here, files, /^run_/);
    writeFiles(node, files, /^input\//);
    const { words } = JSON.parse((files.get("job.json") as Buffer).toString()) as { words: string[] };
    const { status, stderr } = runCli(node, "refine", ...words, ...runtimeWords(runtime));
    expect(status, stderr).toBe(0);
    return { here, node, written: [...files.keys()].filter((path) => /^run_.*\.(mrc|star)$/.test(path)) };
  }

  test("refines the built-in set on the processor, to the files of the command line, byte for byte", async () => {
    const { here, node, written } = await both(
      `#/refine?particles=120&box=32&iterations=2&seed=${seed}`,
      "cpu",
    );
    expect(written).toHaveLength(21);
    const bytes = (at: string, path: string) => readFileSync(join(at, path));
    expect(written.filter((path) => !bytes(here, path).equals(bytes(node, path)))).toEqual([]);
  }, 240_000);

  describeWebGpu("on WebGPU", () => {
    test("refines the built-in set to the map of the command line", async () => {
      const { here, node } = await both(`#/refine?particles=40&box=32&iterations=1&seed=${seed}`, "webgpu");
      for (const name of ["run_it001_half1_class001.mrc", "run_it001_half2_class001.mrc"]) {
        const [one, other] = [await readMap(join(here, name)), await readMap(join(node, name))];
        // Float32 by two compilers: ties between poses may fall otherwise, as the contract's job class allows (0.99).
        expect(Math.min(...mapCorrelation(one, other).slice(1, 8)), name).toBeGreaterThan(0.99);
      }
    }, 300_000);
  });

  test("shows every number of a tile, and the reference beside the processor", async () => {
    await page.goto(`${server.url}#/teach/gsd/tile?hide=guess`);
    await expect.poll(() => textOf(".teach-tile-row"), { timeout: 30_000 }).toContain("24,576 read");
    await expect
      .poll(() => textOf(".teach-details"), { timeout: 30_000 })
      .toMatch(/cpu, WebAssembly SIMD.*: within \d\.\de-\d, 0\.00001 is allowed/);
  }, 60_000);
});
