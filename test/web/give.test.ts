import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMrc, openMrc } from "../../src/formats/mrc/index.js";
import { createFile, openFile } from "../../src/formats/node.js";
import { launchBrowser } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";
import { runCli } from "../support/cli.js";
import { servePage } from "../support/page.js";
import { atEnd, drop, iterationsShown, openPage, state, storedFiles } from "../support/refine-page.js";
import { describeShared } from "../support/shared.js";
import { tinyFolder } from "../support/tiny-job.js";

const built = resolve(import.meta.dirname, "../../dist/web");

const field = (page: Page, label: string) =>
  page.locator("form").getByLabel(label, { exact: ["Starting map", "Classes"].includes(label) });

/** The words of a job and its files, run by the command line with `input` as the visitor's folder. */
function sameInNode(files: ReadonlyMap<string, Buffer>, input: string): string {
  const at = mkdtempSync(join(tmpdir(), "cryotile-given-"));
  symlinkSync(input, join(at, "input"));
  const { words } = JSON.parse((files.get("job.json") as Buffer).toString()) as { words: string[] };
  const { status, stderr } = runCli(at, "refine", ...words, "--runtime", "cpu");
  expect(status, stderr).toBe(0);
  return at;
}

describeChromium("the visitor's files", () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof servePage>>;
  beforeAll(async () => {
    browser = await launchBrowser();
    server = await servePage(built);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });
  const folder = tinyFolder();

  test("a folder that is dropped is surveyed and refined, and kept where asked", async () => {
    const given = join(folder, "given");
    mkdirSync(join(given, "deep"), { recursive: true });
    for (const name of ["parts.star", "ref.mrc"]) cpSync(join(folder, name), join(given, name));
    // The STAR file says noisy.mrcs; it lies elsewhere in the folder.
    cpSync(join(folder, "noisy.mrcs"), join(given, "deep", "noisy.mrcs"));
    const { page, problems } = await openPage(browser, `${server.url}#/refine`);
    await drop(page, [given]);
    await field(page, "Particles").waitFor();
    expect(await field(page, "Starting map").inputValue()).toBe("input/given/ref.mrc");
    // A sphere of radius 45 A was simulated: the answer has room around it.
    const diameter = Number(await field(page, "Diameter").inputValue());
    expect(diameter).toBeGreaterThanOrEqual(60);
    expect(diameter).toBeLessThanOrEqual(122);
    await field(page, "Symmetry").fill("C2");
    await field(page, "Starting map").selectOption({ label: "None: a sphere" });
    await field(page, "Starting map").selectOption("input/given/ref.mrc");
    // What the map does not tell stays.
    expect(await field(page, "Symmetry").inputValue()).toBe("C2");
    await field(page, "Several classes").check();
    await field(page, "Iterations").fill("2");
    await field(page, "Classes").fill("2");
    await field(page, "Keep a copy of the files").check();
    await field(page, "Processor").check();
    await page.getByRole("button", { name: "Refine" }).click();
    await page.waitForURL(/#\/refine\/\d/);
    // The button was at the end of a long page.
    await expect
      .poll(() => page.evaluate(() => [scrollY, document.activeElement?.id]))
      .toEqual([0, "content"]);
    expect(await atEnd(page, 120_000)).toBe("Finished");
    expect(await iterationsShown(page)).toBe(2);
    await page.getByRole("button", { name: "Class 2" }).click();
    await page.getByRole("img", { name: /Class 2 as a surface/ }).waitFor();
    const id = new URL(page.url()).hash.split("/")[2];
    const files = await storedFiles(page, id);
    expect(files.get("input/given/deep/noisy.mrcs")?.equals(readFileSync(join(folder, "noisy.mrcs")))).toBe(
      true,
    );
    expect(files.has("run_it002_class002.mrc")).toBe(true);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "run_it002_class002.mrc" }).click(),
    ]);
    expect(readFileSync(await download.path()).equals(files.get("run_it002_class002.mrc") as Buffer)).toBe(
      true,
    );
    expect(problems).toEqual([]);
    await page.context().close();
  }, 180_000);

  test("a STAR file of RELION 3.0 with a float16 stack is refined, with the files of the command line", async () => {
    const given = join(folder, "relion30");
    mkdirSync(given);
    const star = readFileSync(resolve(import.meta.dirname, "../golden/star/particles-3.0.star"), "utf8");
    expect(star).not.toContain("data_optics");
    writeFileSync(join(given, "particles.star"), star.replaceAll("noisy.mrcs", "half.mrcs"));
    await writeFloat16(join(folder, "noisy.mrcs"), join(given, "half.mrcs"));
    const { page, problems } = await openPage(browser, `${server.url}#/refine`);
    await drop(page, [given]);
    await field(page, "Particles").waitFor();
    await field(page, "Starting map").selectOption({ label: "None: a sphere" });
    await field(page, "Iterations at most").fill("1");
    await field(page, "Processor").check();
    await page.getByRole("button", { name: "Refine" }).click();
    expect(await atEnd(page, 120_000)).toBe("Finished");
    const files = await storedFiles(page, new URL(page.url()).hash.split("/")[2]);
    const input = mkdtempSync(join(tmpdir(), "cryotile-set-"));
    cpSync(given, join(input, "relion30"), { recursive: true });
    // The command line looks for stacks beside the STAR file or in the working folder.
    const at = sameInNode(files, withSphere(input, files));
    for (const name of ["run_it001_half1_class001.mrc", "run_it001_half2_model.star", "run_it001_data.star"])
      expect(files.get(name)?.equals(readFileSync(join(at, name))), name).toBe(true);
    expect(problems).toEqual([]);
    for (const made of [input, at]) rmSync(made, { recursive: true, force: true });
    await page.context().close();
  }, 180_000);

  test("a folder that was chosen is found again after a reload, without a copy of it", async () => {
    const { page, problems } = await openPage(browser, `${server.url}#/refine`);
    const bytes = (name: string) => readFileSync(join(folder, name)).toString("base64");
    // A folder of the browser's own storage stands for one of the disk: its handle is one of the same kind, and no prompt is in the way.
    const given = Object.fromEntries(
      ["parts.star", "ref.mrc", "noisy.mrcs"].map((name) => [name, bytes(name)]),
    );
    await page.evaluate(async (files) => {
      const root = await navigator.storage.getDirectory();
      const chosen = await root.getDirectoryHandle("chosen", { create: true });
      for (const [name, text] of Object.entries(files)) {
        const writable = await (await chosen.getFileHandle(name, { create: true })).createWritable();
        await writable.write(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
        await writable.close();
      }
      Object.assign(globalThis, { showDirectoryPicker: async () => chosen });
    }, given);
    await page.getByRole("button", { name: "Choose a folder" }).click();
    await field(page, "Particles").waitFor();
    await field(page, "Iterations at most").fill("3");
    await field(page, "Processor").check();
    await page.getByRole("button", { name: "Refine" }).click();
    await expect.poll(() => iterationsShown(page), { timeout: 60_000 }).toBeGreaterThan(0);
    await page.getByRole("button", { name: "Stop" }).click();
    expect(await atEnd(page, 30_000)).toBe("Stopped");
    await page.reload();
    const go = page.getByRole("button", { name: /^Continue after/ });
    await go.waitFor();
    expect(await go.isDisabled()).toBe(true);
    // Another folder is none of it, chosen or dropped, and what is dropped here begins nothing else.
    const wrong = join(folder, "wrong");
    mkdirSync(wrong);
    cpSync(join(folder, "ref.mrc"), join(wrong, "ref.mrc"));
    await page.getByLabel("Folder with the particles").setInputFiles(wrong);
    await page.locator("form").getByText("1 file without parts.star").waitFor();
    const address = page.url();
    await drop(page, [wrong]);
    await page.getByText(/could not be read: 1 file without parts\.star/).waitFor();
    expect([page.url(), await go.isDisabled()]).toEqual([address, true]);
    await page.getByRole("button", { name: "read chosen again" }).click();
    await expect.poll(() => go.isDisabled()).toBe(false);
    await go.click();
    expect(await atEnd(page, 120_000)).toBe("Finished");
    const files = await storedFiles(page, new URL(page.url()).hash.split("/")[2]);
    expect([...files.keys()].filter((path) => path.startsWith("input/"))).toEqual([]);
    expect(files.has("run_it003_data.star")).toBe(true);
    expect(problems).toEqual([]);
    await page.context().close();
  }, 180_000);

  test("what cannot be refined is told, and what is missing can be added", async () => {
    const { page, problems } = await openPage(browser, `${server.url}#/refine`);
    await drop(page, [join(folder, "ref.mrc")]);
    await page.getByText("There is no STAR file in 1 file").waitFor();
    const many = join(folder, "many");
    mkdirSync(many);
    for (const k of [1, 2, 3, 4, 5])
      writeFileSync(join(many, `run_it00${k}_model.star`), "data_model_general\n_rlnNrClasses 1\n");
    writeFileSync(join(many, "z.star"), "data_particles\nloop_\n_rlnImageName #1\n\n");
    await drop(page, [many]);
    await page.getByText(/^many\/z\.star: .*; 3 more STAR files cannot be used either$/).waitFor();
    rmSync(many, { recursive: true });
    const given = join(folder, "partly");
    mkdirSync(given);
    cpSync(join(folder, "parts.star"), join(given, "parts.star"));
    await drop(page, [given]);
    await page.getByText("Of 1 stack, 1 is not among the files, such as noisy.mrcs").waitFor();
    const refine = page.getByRole("button", { name: "Refine" });
    expect(await refine.isDisabled()).toBe(true);
    await drop(page, [join(folder, "ref.mrc")]);
    await expect.poll(() => field(page, "Starting map").inputValue()).toBe("input/ref.mrc");
    await drop(page, [join(folder, "noisy.mrcs")]);
    await expect.poll(() => refine.isEnabled()).toBe(true);
    expect(await field(page, "Starting map").inputValue()).toBe("input/ref.mrc");
    // Numbers stay as they are typed, until they are whole.
    const diameter = field(page, "Diameter");
    for (const typed of ["100.5", "1e2"]) {
      await diameter.fill("");
      await diameter.pressSequentially(typed);
      expect(await diameter.inputValue()).toBe(typed);
    }
    // What is wrong with the symmetry of one set is not wrong with that of the next.
    await drop(page, [folder]);
    const sets = field(page, "Particles").locator("option");
    await expect.poll(() => sets.count()).toBeGreaterThan(1);
    await field(page, "Symmetry").fill("X1");
    await field(page, "Particles").selectOption({ index: 1 });
    expect(await field(page, "Symmetry").evaluate((input: HTMLInputElement) => input.validity.valid)).toBe(
      true,
    );
    // Twice is once.
    await field(page, "Processor").check();
    await refine.dblclick();
    await page.waitForURL(/#\/refine\/\d/);
    await page.getByRole("button", { name: "Stop" }).click();
    expect(await atEnd(page, 60_000)).toBe("Stopped");
    expect(await page.evaluate(async () => (await navigator.locks.query()).held?.length)).toBe(0);
    // Continue asks for a number too.
    await page.getByLabel("Memory").fill("");
    await page.getByRole("button", { name: /Start again|Continue/ }).click();
    expect(await state(page).textContent()).toBe("Stopped");
    expect(problems).toEqual([]);
    await page.context().close();
  }, 60_000);

  describeShared("671 particles of EMPIAR-10204, float16", (shared) => {
    test("dropped, refined from a sphere, with the files of the command line", async () => {
      const set = join(shared, "data/betagal-empiar10204");
      const { page, problems } = await openPage(browser, `${server.url}#/refine`);
      await drop(page, [set]);
      await field(page, "Particles").waitFor({ timeout: 60_000 });
      await field(page, "Particles").selectOption({
        label: "betagal-empiar10204/particles_good.star: 671 particles",
      });
      // The published refinement masked 200 A; the molecule is 180 A long.
      const diameter = Number(await field(page, "Diameter").inputValue());
      expect(diameter).toBeGreaterThanOrEqual(150);
      expect(diameter).toBeLessThanOrEqual(226);
      await field(page, "Starting map").selectOption({ label: "None: a sphere" });
      await field(page, "Symmetry").fill("D2");
      await field(page, "Iterations at most").fill("1");
      await field(page, "Processor").check();
      await page.getByRole("button", { name: "Refine" }).click();
      expect(await atEnd(page, 240_000)).toBe("Finished");
      const files = await storedFiles(page, new URL(page.url()).hash.split("/")[2]);
      const input = mkdtempSync(join(tmpdir(), "cryotile-set-"));
      cpSync(set, join(input, "betagal-empiar10204"), { recursive: true });
      const at = sameInNode(new Map([...files]), withSphere(input, files));
      for (const name of [
        "run_it001_half1_class001.mrc",
        "run_it001_half2_model.star",
        "run_it001_data.star",
      ])
        expect(files.get(name)?.equals(readFileSync(join(at, name))), name).toBe(true);
      expect(problems).toEqual([]);
      for (const made of [input, at]) rmSync(made, { recursive: true, force: true });
      await page.context().close();
    }, 600_000);
  });
});

/** The sphere that the page made beside what was given. */
function withSphere(input: string, files: ReadonlyMap<string, Buffer>): string {
  const sphere = files.get("input/sphere.mrc");
  expect(sphere).toBeDefined();
  writeFileSync(join(input, "sphere.mrc"), sphere as Buffer);
  return input;
}

/** A stack in float16. */
async function writeFloat16(from: string, to: string): Promise<void> {
  const stack = await openMrc(await openFile(from), { kind: "stack" });
  const { width, height, count, pixelSize = [1, 1, 1] } = stack;
  const writer = await createMrc(await createFile(to), {
    kind: "stack",
    width,
    height,
    count,
    mode: 12,
    pixelSize: pixelSize[0],
  });
  await writer.write(await stack.readImages(0, count));
  await writer.finish();
  await stack.close();
}
