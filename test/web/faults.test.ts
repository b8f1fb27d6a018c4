import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";
import { runCli } from "../support/cli.js";
import { servePage } from "../support/page.js";
import {
  atEnd,
  eventsIn,
  iterationsShown,
  openPage,
  startBuiltIn,
  storedFiles,
  writeFiles,
} from "../support/refine-page.js";

const built = resolve(import.meta.dirname, "../../dist/web");
const seed = Number(process.env.CRYOTILE_SEED ?? 1 + (Date.now() % 1000));
const small = `#/refine?particles=150&box=32&iterations=4&seed=${seed}`;

/** Refuses shared memory above a size, as a browser does that has no more. */
const refuseMemory = (bytes: number) => ({
  name: /job\.worker/,
  code: `
    const Memory = WebAssembly.Memory;
    WebAssembly.Memory = class extends Memory {
      constructor(descriptor) {
        if (descriptor.maximum * 65536 > ${bytes}) throw new RangeError("could not allocate memory");
        super(descriptor);
      }
    };`,
});

describeChromium(`what can happen to a refinement in a tab (seed ${seed})`, () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    browser = await launchBrowser();
    folder = mkdtempSync(join(tmpdir(), "cryotile-faults-"));
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function withPage(
    address: string,
    options: Parameters<typeof servePage>[1],
    body: (page: Page, problems: string[]) => Promise<void>,
  ): Promise<void> {
    const server = await servePage(built, options);
    const { page, problems } = await openPage(browser, `${server.url}${address}`);
    try {
      await body(page, problems);
    } finally {
      await page.context().close();
      server.close();
    }
  }

  test(
    "stops when asked to, keeps what is finished, and goes on to the files of the command line",
    () =>
      withPage(small, {}, async (page, problems) => {
        const job = await startBuiltIn(page, "cpu");
        await expect.poll(() => iterationsShown(page), { timeout: 60_000 }).toBeGreaterThan(0);
        await page.getByRole("button", { name: "Stop" }).click();
        const end = await atEnd(page, 30_000);
        expect(end, (await page.locator(".notice").allTextContents()).join()).toBe("Stopped");
        const done = await iterationsShown(page);
        expect(done).toBeLessThan(4);
        // Nobody works on it any more: another tab could.
        const held = () => page.evaluate(async () => (await navigator.locks.query()).held?.length);
        await expect.poll(held).toBe(0);
        const stopped = await storedFiles(page, job);
        expect(eventsIn(stopped).at(-1)).toMatchObject({ kind: "end", status: "aborted" });
        expect(stopped.has(`run_it00${done}_data.star`)).toBe(true);
        expect(stopped.has(`run_it00${done + 1}_data.star`)).toBe(false);
        expect([...stopped.keys()].filter((path) => path.endsWith(".tmp"))).toEqual([]);
        await page.getByRole("button", { name: `Continue after iteration ${done}` }).click();
        expect(await atEnd(page, 120_000)).toBe("Finished");
        const files = await storedFiles(page, job);
        const at = join(folder, "stopped");
        writeFiles(at, files, /^input\//);
        const { words } = JSON.parse((files.get("job.json") as Buffer).toString()) as { words: string[] };
        const { status, stderr } = runCli(at, "refine", ...words, "--runtime", "cpu");
        expect(status, stderr).toBe(0);
        for (const name of ["run_it004_half1_class001.mrc", "run_it004_data.star"])
          expect(files.get(name)?.equals(readFileSync(join(at, name))), name).toBe(true);
        expect(problems).toEqual([]);
      }),
    240_000,
  );

  test(
    "stopped while the particles are made, it starts again from nothing; left so, it leaves nothing",
    () =>
      withPage(small.replace("particles=150", "particles=20000"), {}, async (page, problems) => {
        await startBuiltIn(page, "cpu");
        await page.getByText("Making the particles").waitFor();
        await page.getByRole("button", { name: "Stop" }).click();
        expect(await atEnd(page, 30_000)).toBe("Stopped");
        await page.getByRole("button", { name: "Start again" }).click();
        await page.getByText("Making the particles").waitFor();
        page.on("dialog", (dialog) => dialog.accept());
        await page.reload();
        await page.getByText(/This browser has no refinement/).waitFor();
        await page.goto(page.url().replace(/#.*/, "#/refine"));
        const left = async () => {
          await page.reload();
          await page.getByRole("button", { name: "Refine the built-in set" }).waitFor();
          await page.waitForTimeout(500);
          return page.evaluate(async () => {
            const jobs = await (await navigator.storage.getDirectory()).getDirectoryHandle("jobs");
            const names: string[] = [];
            for await (const name of jobs.keys()) names.push(name);
            return names;
          });
        };
        await expect.poll(left, { timeout: 30_000, interval: 1000 }).toEqual([]);
        expect(problems).toEqual([]);
      }),
    120_000,
  );

  test("a browser that stores nothing: the way back to a run, and on after a stop", async () => {
    const server = await servePage(built);
    const context = await browser.newContext();
    await context.addInitScript(() => {
      Object.defineProperty(StorageManager.prototype, "getDirectory", {
        value: () => Promise.reject(new DOMException("not here", "SecurityError")),
      });
      // Nor can such browsers write into a folder of the disk.
      Reflect.deleteProperty(globalThis, "showDirectoryPicker");
    });
    const page = await context.newPage();
    try {
      await page.goto(`${server.url}${small}`);
      await startBuiltIn(page, "cpu");
      await page.getByText("This browser stores nothing for pages").waitFor();
      await expect.poll(() => iterationsShown(page), { timeout: 60_000 }).toBeGreaterThan(0);
      await page.getByRole("link", { name: "Refine" }).click();
      await page
        .getByText("is being refined in this tab")
        .getByRole("link", { name: "Built-in set" })
        .click();
      await page.getByRole("button", { name: "Stop" }).click();
      expect(await atEnd(page, 30_000)).toBe("Stopped");
      const done = await iterationsShown(page);
      await page.getByRole("button", { name: `Continue after iteration ${done}` }).click();
      expect(await atEnd(page, 120_000)).toBe("Finished");
      await page.getByText("Earlier iterations").click();
      for (const name of ["run_it001_data.star", "run_it004_data.star", "report.html"])
        await page.getByRole("button", { name, exact: true }).waitFor();
      const names: string[] = [];
      page.on("download", (download) => names.push(download.suggestedFilename()));
      await page.getByRole("button", { name: "Save all files" }).click();
      const listed = await page.locator(".refine-files button.link").allTextContents();
      // Five iterations with the start, of seven files each: more than a browser takes at once.
      expect(listed.length).toBeGreaterThan(30);
      await expect.poll(() => names.toSorted(), { timeout: 30_000 }).toEqual(listed.toSorted());
    } finally {
      await context.close();
      server.close();
    }
  }, 180_000);

  test(
    "storage that is full ends the run with what to do, and goes on when there is room",
    () =>
      withPage(small, {}, async (page) => {
        const devtools = await page.context().newCDPSession(page);
        const origin = new URL(page.url()).origin;
        // Particles of 32 x 32 float32 take 0.6 MB, an iteration 0.3 MB.
        await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 2_200_000 });
        await startBuiltIn(page, "cpu");
        expect(await atEnd(page, 120_000)).toBe("Failed");
        expect(await page.locator(".notice.problem").textContent()).toMatch(
          /gives this page no more room\. Remove earlier refinements/,
        );
        await devtools.send("Storage.overrideQuotaForOrigin", { origin });
        await page.getByRole("button", { name: /^(Continue|Start)/ }).click();
        expect(await atEnd(page, 120_000)).toBe("Finished");
        expect(await iterationsShown(page)).toBe(4);
      }),
    180_000,
  );

  test(
    "a second tab shows a run that the first works on, and leaves it alone",
    () =>
      withPage(small.replace("iterations=4", "iterations=60"), {}, async (page) => {
        await startBuiltIn(page, "cpu");
        await expect.poll(() => iterationsShown(page), { timeout: 60_000 }).toBeGreaterThan(0);
        const other = await page.context().newPage();
        await other.goto(page.url());
        await other.getByText("Running in another tab").waitFor();
        expect(await other.getByRole("button", { name: /^Continue/ }).count()).toBe(0);
        await other.getByRole("link", { name: "Refine" }).click();
        const row = other.locator(".refine-earlier li");
        await row.getByText("Running").waitFor();
        expect(await row.getByRole("button").count()).toBe(0);
        await other.goto(page.url());
        await other.getByText("Running in another tab").waitFor();
        await page.getByRole("button", { name: "Stop" }).click();
        expect(await atEnd(page, 60_000)).toBe("Stopped");
        // What the first tab did meanwhile is not lost on the second.
        const done = await iterationsShown(page);
        expect(await atEnd(other, 30_000)).toBe("Stopped");
        expect(await iterationsShown(other)).toBe(done);
        await page.getByRole("button", { name: /^Continue/ }).click();
        await expect.poll(() => iterationsShown(page), { timeout: 60_000 }).toBeGreaterThan(done);
        await other.getByRole("button", { name: /^Continue/ }).click();
        await other.getByText("Running in another tab").waitFor();
        expect(await iterationsShown(other)).toBeGreaterThan(done);
        await page.getByRole("button", { name: "Stop" }).click();
        expect(await atEnd(other, 60_000)).toBe("Stopped");
        // Removing asks first.
        await other.getByRole("link", { name: "Refine" }).click();
        for (const [answer, left] of [
          ["dismiss", 1],
          ["accept", 0],
        ] as const) {
          other.once("dialog", (dialog) => dialog[answer]());
          await row.getByRole("button", { name: /^Remove Built-in set of/ }).click();
          await expect.poll(() => row.count()).toBe(left);
        }
        await page.getByRole("button", { name: /^Continue/ }).click();
        await page.getByText("it was removed in another tab").waitFor();
      }),
    120_000,
  );

  test(
    "an iteration that does not fit ends with the advice of the memory plan, and goes on with what that asks for",
    () =>
      withPage(`${small}&memory=6`, {}, async (page) => {
        await startBuiltIn(page, "cpu");
        expect(await atEnd(page, 60_000)).toBe("Failed");
        const advice = await page.locator(".notice.problem").textContent();
        const told =
          /needs (\d+) MB for one particle at a time and was given 6 MB\. Give it \1 MB or more in Memory/.exec(
            advice ?? "",
          );
        expect(told, advice ?? "").not.toBeNull();
        const needed = Number(told?.[1]);
        expect(needed).toBeGreaterThan(4);
        const field = page.getByLabel("Memory (MB)");
        expect(await field.inputValue()).toBe("6");
        await field.fill(String(needed));
        await page.getByRole("button", { name: /^(Continue|Start)/ }).click();
        await expect.poll(() => iterationsShown(page), { timeout: 60_000 }).toBeGreaterThan(0);
      }),
    120_000,
  );

  test(
    "memory that the browser refuses: half of it, until it is enough",
    () =>
      withPage(
        small.replace("iterations=4", "iterations=1"),
        { prepend: refuseMemory(3e8) },
        async (page) => {
          const job = await startBuiltIn(page, "cpu");
          expect(await atEnd(page, 120_000)).toBe("Finished");
          const events = eventsIn(await storedFiles(page, job));
          const warnings = events.flatMap((event) => (event.kind === "warning" ? [event.message] : []));
          expect(warnings.filter((text) => text.includes("no room for an arena"))).toEqual([
            expect.stringMatching(/no room for an arena of 1000000000 bytes .* going on .* with 500 MB/),
            expect.stringMatching(/no room for an arena of 500000000 bytes .* going on .* with 250 MB/),
          ]);
          await page.getByText(/going on .* with 250 MB/).waitFor();
        },
      ),
    180_000,
  );

  test(
    "memory that the browser never gives ends the run with what to do",
    () =>
      withPage(small, { prepend: refuseMemory(1e6) }, async (page) => {
        await startBuiltIn(page, "cpu");
        expect(await atEnd(page, 60_000)).toBe("Failed");
        expect(await page.locator(".notice.problem").textContent()).toMatch(
          /no room for an arena .* give less in Memory/,
        );
        expect(await page.getByLabel("Memory (MB)").isVisible()).toBe(true);
      }),
    120_000,
  );
});

describeChromium(`another runtime in the middle of a run (seed ${seed})`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser({ webGpu: true });
  });
  afterAll(() => browser?.close());

  test("a run goes on elsewhere from the last finished iteration", async () => {
    const server = await servePage(built);
    const { page, problems } = await openPage(
      browser,
      `${server.url}#/refine?particles=60&box=32&iterations=3&seed=${seed}`,
    );
    try {
      const job = await startBuiltIn(page, "webgpu");
      await expect.poll(() => iterationsShown(page), { timeout: 240_000 }).toBe(1);
      await page.check("input[name=runtime][value=cpu]");
      expect(await atEnd(page, 120_000)).toBe("Finished");
      expect(await page.locator(".facts").textContent()).toContain("cpu: WebAssembly SIMD");
      const events = eventsIn(await storedFiles(page, job));
      expect(
        events.flatMap((event) => (event.kind === "start" ? [[event.runtime, event.from]] : [])),
      ).toEqual([
        ["webgpu", 0],
        ["cpu", 1],
      ]);
      const finished = events.flatMap((event) => (event.kind === "iteration" ? [event.iteration] : []));
      expect(finished).toEqual([1, 2, 3]);
      expect(problems).toEqual([]);
    } finally {
      await page.context().close();
      server.close();
    }
  }, 400_000);
});
