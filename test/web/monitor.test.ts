import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMonitor } from "../../src/app/monitor/server.js";
import { launchBrowser } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";
import { cliPath } from "../support/cli.js";
import { servePage } from "../support/page.js";
import { atEnd, drop, iterationsShown, openPage } from "../support/refine-page.js";
import { describeRelion, runTool } from "../support/relion.js";
import { measured } from "../support/teach-page.js";
import { eventsOf, shortRun, tinyFolder } from "../support/tiny-job.js";

const page = resolve(import.meta.dirname, "../../dist/web");

describeChromium("monitor", () => {
  const folder = tinyFolder();
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
  });

  test("follows a run of the command line to its end", async () => {
    mkdirSync(join(folder, "live"));
    const run = spawn(
      process.execPath,
      [
        cliPath,
        "refine",
        ...shortRun,
        "--o",
        "live/run",
        "--iter",
        "4",
        "--runtime",
        "reference",
        "--verb",
        "0",
      ],
      { cwd: folder, stdio: "ignore" },
    );
    const ended = new Promise((resolve) => run.once("exit", resolve));
    const command = await waitForLog(join(folder, "live"));
    const watching = spawn(process.execPath, [cliPath, "monitor", "live"], { cwd: folder });
    try {
      expect(command).toBe(true);
      const url = await new Promise<string>((resolve) =>
        watching.stdout.once("data", (text: Buffer) => resolve(text.toString().split("\n")[0])),
      );
      const { page: tab, problems } = await openPage(browser, url);
      await expect.poll(() => iterationsShown(tab).catch(() => 0), { timeout: 60_000 }).toBeGreaterThan(0);
      expect(await atEnd(tab, 120_000)).toBe("Finished");
      expect(await ended).toBe(0);
      expect(await iterationsShown(tab)).toBe(4);
      await tab.getByRole("img", { name: /Class 1 as a surface/ }).waitFor();
      expect(problems).toEqual([]);
      await tab.context().close();
    } finally {
      watching.kill();
      run.kill();
    }
  }, 180_000);

  test("Teach draws the memory of the watched run, while it is looked at", async () => {
    mkdirSync(join(folder, "drawn"));
    const words = [
      ...shortRun,
      "--o",
      "drawn/run",
      "--iter",
      "999",
      "--runtime",
      "cpu",
      "--j",
      "1",
      "--verb",
      "0",
    ];
    const run = spawn(process.execPath, [cliPath, "refine", ...words], { cwd: folder, stdio: "ignore" });
    const ended = new Promise((resolve) => run.once("exit", resolve));
    await waitForLog(join(folder, "drawn"));
    const monitor = await startMonitor({ job: join(folder, "drawn"), page, port: 0 });
    try {
      const { page: tab, problems } = await openPage(browser, monitor.url);
      let questions = 0;
      tab.on("request", (request) => {
        if (request.url().endsWith("/api/arena")) questions++;
      });
      await tab.getByRole("link", { name: "Teach" }).click();
      await tab.getByRole("link", { name: "The buffer stack" }).click();
      const watched = tab.getByRole("button", { name: "The watched run" });
      await watched.waitFor();
      expect(questions).toBe(0);
      await watched.click();
      await tab.getByText("drawn, asked every second.").waitFor();
      await tab.getByText(/^Iteration \d+\. Its events are kept for \d+ s now/).waitFor();
      const value = (name: string) => measured(tab, name);
      // The plan tells the peak to the byte.
      const peaks = async () => [await value("peak"), await value("planned peak")];
      await expect.poll(async () => new Set(await peaks()).size, { timeout: 30_000 }).toBe(1);
      expect(eventsOf(join(folder, "drawn"))).toContainEqual(
        expect.objectContaining({ kind: "plan", peak: await value("peak") }),
      );
      await tab.getByText(/A sample: [\d,]+ earlier events are left out/).waitFor({ timeout: 60_000 });
      const quiet = async () => {
        await new Promise((resolve) => setTimeout(resolve, 1500));
        const before = questions;
        await new Promise((resolve) => setTimeout(resolve, 2500));
        return questions - before;
      };
      const seen = (state: string) =>
        tab.evaluate((value) => {
          Object.defineProperty(document, "visibilityState", { value, configurable: true });
        }, state);
      expect(await quiet()).toBeGreaterThan(1);
      await seen("hidden");
      expect(await quiet()).toBe(0);
      await seen("visible");
      expect(await quiet()).toBeGreaterThan(1);
      await tab.getByRole("button", { name: "A recorded run" }).click();
      expect(await quiet()).toBe(0);
      await watched.click();
      await tab.getByText("drawn, asked every second.").waitFor();
      run.kill();
      await ended;
      await tab.getByText("The watched run has ended. What it told last is drawn.").waitFor();
      expect(await value("planned peak")).toBeGreaterThan(0);
      await tab.getByRole("button", { name: "A recorded run" }).click();
      await watched.click();
      await tab.getByText(/^No refinement of cryotile runs in the watched folder now/).waitFor();
      await monitor.close();
      await tab.getByText("cryotile monitor does not answer; it was ended").waitFor();
      // What a browser itself writes about an answer of 404 or none.
      expect(problems.filter((text) => !text.startsWith("Failed to load resource"))).toEqual([]);
      await tab.context().close();
    } finally {
      run.kill();
      await monitor.close().catch(() => {});
    }
  }, 180_000);

  test("a wrong token is told", async () => {
    const monitor = await startMonitor({ job: join(folder, "live"), page, port: 0 });
    const { page: tab } = await openPage(browser, monitor.url.replace(/token=./, "token="));
    await tab.getByRole("alert").waitFor();
    expect(await tab.getByRole("alert").textContent()).toMatch(/the token is missing or wrong/);
    await tab.context().close();
    await monitor.close();
  }, 60_000);

  test("a folder that is dropped is shown without the runs below it, and the next one in its place", async () => {
    const given = join(folder, "given");
    cpSync(join(folder, "live"), given, { recursive: true });
    mkdirSync(join(given, "before"));
    writeFileSync(join(given, "before", "events.jsonl"), "not this one\n");
    const server = await servePage(page);
    const { page: tab, problems } = await openPage(browser, `${server.url}#/monitor`);
    await drop(tab, [given]);
    expect(await atEnd(tab, 60_000)).toBe("Finished");
    expect(await tab.locator("h1").textContent()).toBe("given");
    await tab.getByRole("img", { name: /Class 1 as a surface/ }).waitFor();
    await drop(tab, [join(given, "before")]);
    await tab.getByRole("heading", { name: "before" }).waitFor();
    await tab.getByText("events.jsonl holds no start of a run.").waitFor();
    await expect.poll(() => tab.getByRole("img", { name: /as a surface/ }).count()).toBe(0);
    // A folder without a run takes nothing away; what was given stays while one is in other rooms.
    await drop(tab, [join(folder, "ref.mrc")]);
    await tab.getByText("1 file and no run").waitFor();
    await tab.getByRole("link", { name: "Teach" }).click();
    await tab.getByRole("link", { name: "The buffer stack" }).waitFor();
    await tab.getByRole("link", { name: "Monitor" }).click();
    await tab.getByRole("heading", { name: "before" }).waitFor();
    expect(problems).toEqual([]);
    await tab.context().close();
    server.close();
  }, 60_000);

  test("a map that comes late is shown when it is there", async () => {
    const job = join(folder, "late");
    cpSync(join(folder, "live"), job, { recursive: true });
    const map = join(job, "run_it004_class001.mrc");
    renameSync(map, `${map}.part`);
    // Killed ten minutes ago, before it could tell its end.
    const log = join(job, "events.jsonl");
    writeFileSync(log, readFileSync(log, "utf8").replace(/.*"kind":"end".*\n/, ""));
    const then = new Date(Date.now() - 630_000);
    for (const name of readdirSync(job)) utimesSync(join(job, name), then, then);
    const monitor = await startMonitor({ job, page, port: 0 });
    const { page: tab } = await openPage(browser, monitor.url);
    await tab.getByText("The map cannot be shown").waitFor();
    expect(await tab.locator(".room-head").textContent()).toMatch(/Running.*Nothing told for 10 min/);
    renameSync(`${map}.part`, map);
    await tab.getByRole("img", { name: /Class 1 as a surface/ }).waitFor();
    expect(await tab.getByText("The map cannot be shown").count()).toBe(0);
    await tab.context().close();
    await monitor.close();
  }, 60_000);

  describeRelion("of RELION", () => {
    test("a RELION job is shown from its files", async () => {
      const job = join(folder, "relion");
      mkdirSync(job);
      await runTool("relion_refine", [...shortRun, "--o", "relion/run", "--iter", "2", "--j", "1"], {
        cwd: folder,
      });
      const monitor = await startMonitor({ job, page, port: 0 });
      const { page: tab, problems } = await openPage(browser, monitor.url);
      expect(await atEnd(tab, 60_000)).toBe("Finished");
      expect(await iterationsShown(tab)).toBe(2);
      const model = readFileSync(join(job, "run_it002_model.star"), "utf8");
      const value = (label: string) => Number(new RegExp(`_${label}\\s+(\\S+)`).exec(model)?.[1]);
      const side = (await tab.locator(".run-side").textContent()) ?? "";
      expect(side).toContain(`${value("rlnCurrentResolution").toFixed(1)}`);
      expect(side).toContain(value("rlnAveragePmax").toFixed(3));
      expect(side).toContain("Runs onRELION");
      await tab.getByRole("img", { name: /Class 1 as a surface/ }).waitFor();
      await tab.getByRole("heading", { name: "Angular distribution" }).waitFor();
      // A copy that was made while RELION wrote: what is whole is shown.
      const partly = join(folder, "partly");
      cpSync(job, partly, { recursive: true });
      const half = readFileSync(join(job, "run_it002_optimiser.star")).subarray(0, 700);
      writeFileSync(join(partly, "run_it002_optimiser.star"), half);
      await drop(tab, [partly]);
      await tab.getByText(/^iteration 2 is left out: run_it002_optimiser\.star/).waitFor();
      expect(await iterationsShown(tab)).toBe(1);
      expect(problems).toEqual([]);
      await tab.context().close();
      await monitor.close();
    }, 120_000);
  });
});

async function waitForLog(folder: string): Promise<boolean> {
  for (let tries = 0; tries < 200; tries++) {
    if (existsSync(join(folder, "events.jsonl"))) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
