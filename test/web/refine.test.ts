import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";
import { runCli } from "../support/cli.js";
import { buildPage, servePage } from "../support/page.js";
import {
  atEnd,
  eventsIn,
  iterationsShown,
  openPage,
  startBuiltIn,
  state,
  storedFiles,
  writeFiles,
} from "../support/refine-page.js";

const seed = Number(process.env.CRYOTILE_SEED ?? 1 + (Date.now() % 1000));
const small = `#/refine?particles=150&box=32&iterations=3&seed=${seed}`;

describeChromium(`refinement in a tab (seed ${seed})`, () => {
  let built: Awaited<ReturnType<typeof buildPage>>;
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    built = await buildPage();
    browser = await launchBrowser();
    folder = mkdtempSync(join(tmpdir(), "cryotile-web-"));
  });
  afterAll(async () => {
    await browser?.close();
    built?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The job of a page run by the command line on the particles that the page made. */
  function inNode(files: ReadonlyMap<string, Buffer>, name: string, runtime: readonly string[]): string {
    const at = join(folder, name);
    writeFiles(at, files, /^input\//);
    const { words } = JSON.parse((files.get("job.json") as Buffer).toString()) as { words: string[] };
    const { status, stderr } = runCli(at, "refine", ...words, ...runtime);
    expect(status, stderr).toBe(0);
    return at;
  }

  test("a first visit refines to the end on the processor, with the files of the command line, byte for byte", async () => {
    const server = await servePage(built.folder);
    const { page, problems } = await openPage(browser, `${server.url}${small}`);
    try {
      const job = await startBuiltIn(page, "cpu");
      expect(await atEnd(page, 120_000)).toBe("Finished");
      expect(await iterationsShown(page)).toBe(3);
      const files = await storedFiles(page, job);
      const at = inNode(files, "cpu", ["--runtime", "cpu"]);
      const written = [...files.keys()].filter((path) => /^run_.*\.(mrc|star)$/.test(path));
      // Four times (start and three iterations): two maps, two models, data, sampling, optimiser.
      expect(written).toHaveLength(28);
      const other = written.filter((path) => !files.get(path)?.equals(readFileSync(join(at, path))));
      expect(other).toEqual([]);
      expect(files.get("report.html")?.toString()).toContain("Fourier shell correlation");
      expect(problems).toEqual([]);
    } finally {
      await page.context().close();
      server.close();
    }
  }, 240_000);

  test("pauses, stops, and goes on after a reload from the last finished iteration, to the same result", async () => {
    const server = await servePage(built.folder);
    const { page, problems } = await openPage(
      browser,
      `${server.url}${small.replace("iterations=3", "iterations=5")}`,
    );
    try {
      const job = await startBuiltIn(page, "cpu");
      await expect.poll(() => iterationsShown(page), { timeout: 60_000 }).toBeGreaterThan(0);
      await page.getByRole("button", { name: "Pause" }).click();
      await state(page).filter({ hasText: "Paused" }).waitFor();
      // What was under way ends; then nothing happens.
      await page.waitForTimeout(1500);
      const before = await page.locator(".run-side").textContent();
      await page.waitForTimeout(1500);
      expect(await page.locator(".run-side").textContent()).toBe(before);
      const pausedAt = await iterationsShown(page);
      await page.getByRole("button", { name: "Resume" }).click();
      await expect.poll(() => iterationsShown(page), { timeout: 60_000 }).toBeGreaterThan(pausedAt);
      await page.getByRole("button", { name: "Pause" }).click();
      await state(page).filter({ hasText: "Paused" }).waitFor();
      await page.waitForTimeout(1500);
      const done = await iterationsShown(page);
      expect(done).toBeLessThan(5);
      page.on("dialog", (dialog) => dialog.accept());
      await page.reload();
      expect(await iterationsShown(page)).toBe(done);
      await page.getByRole("button", { name: `Continue after iteration ${done}` }).click();
      expect(await atEnd(page, 120_000)).toBe("Finished");
      const files = await storedFiles(page, job);
      // The pause is no time that a phase took, and no reason to expect that the next iterations take as long.
      const told = eventsIn(files).flatMap((event) => (event.kind === "iteration" ? [event] : []));
      const [earlier, later] = [pausedAt, pausedAt + 1].map((n) => told.find((one) => one.iteration === n));
      const took = Object.values(later?.seconds ?? {}).reduce((sum, seconds) => sum + seconds, 0);
      const passed = (later?.time ?? 0) - (earlier?.time ?? 0);
      // It was paused for 1.5 s at least, after what was under way had ended.
      expect(passed - took).toBeGreaterThan(1.4);
      const at = inNode(files, "reload", ["--runtime", "cpu"]);
      for (const name of ["run_it005_half1_class001.mrc", "run_it005_data.star"])
        expect(files.get(name)?.equals(readFileSync(join(at, name))), name).toBe(true);
      expect(problems).toEqual([]);
    } finally {
      await page.context().close();
      server.close();
    }
  }, 240_000);

  test("without WebGPU it runs on the processor and says so", async () => {
    const server = await servePage(built.folder, { isolated: false });
    const { page } = await openPage(browser, `${server.url}${small.replace("iterations=3", "iterations=1")}`);
    try {
      await startBuiltIn(page, "auto");
      expect(await atEnd(page, 120_000)).toBe("Finished");
      expect(await page.locator("main").textContent()).toMatch(
        /runs on the processor: the browser found no graphics card/,
      );
      expect(await page.locator(".facts").textContent()).toContain("cpu: WebAssembly SIMD, 1 thread");
    } finally {
      await page.context().close();
      server.close();
    }
  }, 180_000);
});
