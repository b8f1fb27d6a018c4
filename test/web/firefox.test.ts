import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../support/cli.js";
import { describeFirefox, launchFirefox } from "../support/firefox.js";
import { servePage } from "../support/page.js";
import { filesOfJob, writeFiles } from "../support/refine-page.js";

const built = resolve(import.meta.dirname, "../../dist/web");
const seed = Number(process.env.CRYOTILE_SEED ?? 1 + (Date.now() % 1000));

describeFirefox(`the page in Firefox (seed ${seed})`, () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof servePage>>;
  let page: Page;
  const problems: string[] = [];
  beforeAll(async () => {
    browser = await launchFirefox();
    server = await servePage(built);
    page = await browser.newPage();
    page.on("pageerror", (error) => problems.push(String(error)));
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    server?.close();
    expect(problems).toEqual([]);
  });

  const click = (selector: string) => page.locator(selector).click();
  const textOf = (selector: string) => page.$eval(selector, (node) => node.textContent ?? "").catch(() => "");

  test("refines the built-in set on the processor, to the files of the command line, byte for byte", async () => {
    await page.goto(`${server.url}#/refine?particles=120&box=32&iterations=2&seed=${seed}`);
    await click("input[name=runtime][value=cpu]");
    await click("::-p-text(Refine the built-in set)");
    const state = ".room-head [role=status]";
    await expect.poll(() => textOf(state), { timeout: 120_000 }).toMatch(/Finished|Failed/);
    expect(await textOf(state)).toBe("Finished");
    const job = new URL(page.url()).hash.split("/")[2];
    const files = new Map(
      (await page.evaluate(filesOfJob, job)).map(([path, text]) => [path, Buffer.from(text, "base64")]),
    );
    const at = mkdtempSync(join(tmpdir(), "cryotile-firefox-"));
    try {
      writeFiles(at, files, /^input\//);
      const { words } = JSON.parse((files.get("job.json") as Buffer).toString()) as { words: string[] };
      const { status, stderr } = runCli(at, "refine", ...words, "--runtime", "cpu");
      expect(status, stderr).toBe(0);
      const written = [...files.keys()].filter((path) => /^run_.*\.(mrc|star)$/.test(path));
      expect(written).toHaveLength(21);
      const other = written.filter((path) => !files.get(path)?.equals(readFileSync(join(at, path))));
      expect(other).toEqual([]);
    } finally {
      rmSync(at, { recursive: true });
    }
  }, 240_000);

  test("shows every number of a tile, and the reference beside the processor", async () => {
    await page.goto(`${server.url}#/teach/gsd/tile?hide=guess`);
    await expect.poll(() => textOf(".teach-tile-row"), { timeout: 30_000 }).toContain("24,576 read");
    await expect
      .poll(() => textOf(".teach-details"), { timeout: 30_000 })
      .toMatch(/cpu, WebAssembly SIMD.*: within \d\.\de-\d, 0\.00001 is allowed/);
  }, 60_000);
});
