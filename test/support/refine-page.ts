import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import type { JobEvent } from "../../src/app/job/events.js";

/** A page that reports what went wrong in it. */
export async function openPage(
  browser: import("playwright-core").Browser,
  url: string,
  options: Parameters<import("playwright-core").Browser["newContext"]>[0] = {},
): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  await page.goto(url);
  return { page, problems };
}

/** Start the built-in refinement; returns the name of the job. */
export async function startBuiltIn(page: Page, runtime: "auto" | "webgpu" | "cpu"): Promise<string> {
  await page.check(`input[name=runtime][value=${runtime}]`);
  await page.getByRole("button", { name: "Refine the built-in set" }).click();
  await page.waitForURL(/#\/refine\/\d/);
  return new URL(page.url()).hash.split("/")[2];
}

export const state = (page: Page) => page.locator(".room-head [role=status]");

/** Wait for the end of a refinement, whatever it is. */
export async function atEnd(page: Page, timeout: number): Promise<string> {
  const end = state(page).filter({ hasText: /Finished|Failed|Stopped/ });
  await end.waitFor({ timeout });
  return (await end.textContent()) ?? "";
}

/** Iterations that the page shows as finished. */
export async function iterationsShown(page: Page): Promise<number> {
  const text = await page.locator(".measure", { hasText: "Iteration" }).locator("dd").textContent();
  return Number.parseInt(text ?? "", 10);
}

/** To be run in a page: the files of a job as the browser stores them, by path, in base64. */
export async function filesOfJob(name: string): Promise<[string, string][]> {
  const found: [string, string][] = [];
  const walk = async (folder: FileSystemDirectoryHandle, before: string): Promise<void> => {
    for await (const [entry, handle] of folder.entries()) {
      if (handle.kind === "directory") {
        await walk(handle as FileSystemDirectoryHandle, `${before}${entry}/`);
        continue;
      }
      const bytes = new Uint8Array(await (await (handle as FileSystemFileHandle).getFile()).arrayBuffer());
      let text = "";
      for (let at = 0; at < bytes.length; at += 8192)
        text += String.fromCharCode(...bytes.subarray(at, at + 8192));
      found.push([`${before}${entry}`, btoa(text)]);
    }
  };
  const jobs = await (await navigator.storage.getDirectory()).getDirectoryHandle("jobs");
  await walk(await jobs.getDirectoryHandle(name), "");
  return found;
}

/** Files of a job as Chromium stores them, by path. */
export async function storedFiles(page: Page, job: string): Promise<Map<string, Buffer>> {
  const files = await page.evaluate(filesOfJob, job);
  return new Map(files.map(([path, text]) => [path, Buffer.from(text, "base64")]));
}

export function writeFiles(folder: string, files: ReadonlyMap<string, Buffer>, only: RegExp): void {
  for (const [path, bytes] of files) {
    if (!only.test(path)) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

/** Drop files or folders of this machine on the page, as a file manager does. */
export async function drop(page: Page, files: string[]): Promise<void> {
  await page.locator("h1").waitFor();
  // What is drawn listens only after that: effects run within 100 ms of a frame.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200))));
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await devtools.send("Input.dispatchDragEvent", { type, x: 180, y: 400, data });
}

/** The event log among the files of a job. */
export const eventsIn = (files: ReadonlyMap<string, Buffer>): JobEvent[] =>
  (files.get("events.jsonl")?.toString() ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
