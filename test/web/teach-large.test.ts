import type { Browser, Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { makeCase } from "../../src/app/small-case/case.js";
import { select } from "../../src/app/small-case/select.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { cpuTolerances, webGpuTolerances } from "../../src/runtime/tolerances.js";
import { computeDifferences, fullDifferences, sampleOf } from "../../web/src/teach/model/gsd.js";
import { violations } from "../support/axe.js";
import { launchBrowser } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";
import { sumsOver } from "../support/small-cases.js";
import { drawn, measured, useTeachPage } from "../support/teach-page.js";

/** The numbers of the case of 64 pixels, here in Node. */
const data = await makeCase("box64");
const { shape } = data;
const differences = await computeDifferences(openReference(), data);
const { constant_i, cross_iot, diff2_iot, energy_io } = differences;
const full = fullDifferences(shape, differences);

const steps = ["gsd/number", "gsd/table", "gsd/tile", "gsd/product", "weights/groups"];

describeChromium("the case of 64 pixels in the Teach room", () => {
  const opened = useTeachPage({ webGpu: true });
  let browser: Browser;
  let page: Page;
  let server: typeof opened.server;
  beforeAll(() => {
    ({ browser, page, server } = opened);
  });

  const open = async (place: string, tab = page) => {
    await tab.goto(`${server.url}#/teach/${place}`);
    await drawn(tab, place);
    await tab.getByRole("button", { name: "64 pixels", pressed: true }).waitFor();
  };
  const measure = (name: string) => measured(page, name);
  /** Numbers are shown rounded; a value on the edge of a digit may fall on either side of it. */
  const near = (found: number, expected: number, digit: number) =>
    expect(Math.abs(found - expected)).toBeLessThanOrEqual(digit * 1.0001);
  const reading = () => page.locator(".teach-reading").first().textContent();

  test("computed when asked for, with a word, while the page stays quick", async () => {
    const tab = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    try {
      await tab.goto(`${server.url}#/teach/gsd/table`);
      await tab.locator("table[role=grid]").waitFor();
      const begun = Date.now();
      await tab.getByRole("button", { name: "64 pixels" }).click();
      expect(tab.url()).toContain("case=64");
      await tab.getByText("Computing the case of 64 pixels").waitFor();
      await tab.locator(".teach-frame").waitFor();
      // Measured 0.7 s on two shared cores; the room asks for 3 s on a laptop.
      expect(Date.now() - begun).toBeLessThan(6000);
      await tab.getByRole("button", { name: "8 pixels" }).click();
      expect(tab.url()).not.toContain("case");
      await tab.locator("table[role=grid] td[data-cell]").first().waitFor();
    } finally {
      await tab.close();
    }
  }, 60_000);

  test("one number: term, partial sum and whole sum", async () => {
    await open("gsd/number?case=64&i=5&o=47&t=7&k=700");
    const sample = sampleOf(shape, 5, 47, 7);
    near(await measure("term 701"), (await sumsOver(data, (k) => k === 700))[sample], 5e-4);
    near(await measure("sum to 701"), (await sumsOver(data, (k) => k < 701))[sample], 5e-4);
    near(await measure("Γ"), full[sample], 5e-4);
    await page.getByRole("slider", { name: /Orientation/ }).fill("48");
    await expect.poll(() => page.url()).toContain("o=48");
    near(await measure("Γ"), full[sampleOf(shape, 5, 48, 7)], 5e-4);
    // The pixel (10, -8) in a picture of 33 x 64 cells, from x 0 and y -31 on.
    const plane = page.locator(".teach-plane .teach-frame").first();
    const box = await plane.boundingBox();
    if (box === null) throw new Error("no picture");
    await plane.click({ position: { x: (10.5 * box.width) / 33, y: (23.5 * box.height) / 64 } });
    const k = data.xy.findIndex(([x, y]) => x === 10 && y === -8);
    await expect.poll(() => page.url()).toContain(`k=${k}`);
    await page.keyboard.press(".");
    await expect.poll(() => page.url()).toContain(`k=${k + 1}`);
  });

  // In one of a dozen runs Chromium never acknowledged a key or the pointer; whatever waits for the page itself gives up, and fails, before a minute.
  test("the table: the chosen cell by URL, keys and pointer, in words", {
    timeout: 90_000,
    retry: 1,
  }, async () => {
    await open("gsd/table?case=64&i=2&o=30&t=0");
    const told = async (i: number, o: number, t: number) => {
      const value = full[sampleOf(shape, i, o, t)];
      const own = full.subarray(sampleOf(shape, i, 0, 0), sampleOf(shape, i + 1, 0, 0));
      const place = own.filter((other) => other < value).length + 1;
      const [x, y] = data.translations_t2.subarray(2 * t, 2 * t + 2);
      const text = `orientation ${o + 1}, particle ${i + 1}, translation (${x}, ${y})`.replaceAll("-", "−");
      await expect.poll(reading).toContain(text);
      const found = /: ([\d,.]+), place (\d+) of 720/.exec((await reading()) ?? "");
      near(Number(found?.[1].replaceAll(",", "")), value, 0.05);
      expect(Number(found?.[2])).toBe(place);
    };
    await told(2, 30, 0);
    const cell = page.getByRole("gridcell");
    expect(await cell.count()).toBe(1);
    await cell.focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowLeft");
    await told(1, 31, 8);
    expect(await cell.getAttribute("aria-colindex")).toBe("18");
    await page.keyboard.press("End");
    await told(7, 31, 8);
    await page.keyboard.press("Home");
    await told(0, 31, 0);
    const frame = page.locator(".teach-frame");
    const box = await frame.boundingBox();
    if (box === null) throw new Error("no picture");
    const at = (row: number, column: number) => ({
      x: ((column + 0.5) * box.width) / 72,
      y: ((row + 0.5) * box.height) / 80,
    });
    await frame.hover({ position: at(10, 40) });
    await told(4, 10, 4);
    await frame.click({ position: at(60, 20) });
    expect(page.url()).toMatch(/i=2&o=60&t=2/);
    await page.keyboard.press("ArrowUp");
    await expect.poll(() => page.url()).toContain("o=59");
    await page.mouse.move(0, 0);
    await told(2, 59, 2);
    expect(await measure("for all 5,760 cells")).toBe(2 * 5760 * shape.pixels);
    const notes = await page.locator(".teach-stage figcaption").allTextContents();
    expect(notes[1]).toContain("read 72 times");
    expect(notes[2]).toContain("read 720 times");
  });

  test("tiles: the workgroup of the chosen cell, its parts and reads", async () => {
    await open("gsd/tile?case=64&hide=guess&i=7&o=70&t=5");
    const stage = () => page.locator(".teach-stage").textContent();
    expect(await stage()).toContain("9 workgroups, 3 down and 3 across");
    expect(await stage()).toContain("the chosen one has 16 orientations and 8 columns");
    // 16 pixels of 16 slices, 8 images and 8 factors.
    expect(await stage()).toContain("512 reads");
    await page.getByRole("slider", { name: /Part of the sum/ }).fill("103");
    // The last part has 3 of the 1,651 pixels.
    await expect.poll(stage).toContain("104 of 104: pixels 1,649 to 1,651");
    expect(await stage()).toContain("96 reads");
    await page.getByRole("gridcell").focus();
    await page.keyboard.press("Home");
    await expect.poll(stage).toContain("the chosen one has 16 orientations and 32 columns");
    const rows = await page.locator(".teach-reads tbody tr").allTextContents();
    // Three tiles down and three across: slices and images are fetched three times each instead of 72 and 80.
    expect(rows[0]).toContain((3 * (80 + 72) * 1651).toLocaleString("en"));
    await page.getByRole("slider", { name: /Side of the tile/ }).fill("64");
    await expect.poll(stage).toContain("4 workgroups, 2 down and 2 across");
  });

  test("products: the numbers of the chosen cell", async () => {
    await open("gsd/product?case=64&i=3&o=45&t=4");
    const sample = sampleOf(shape, 3, 45, 4);
    near(await measure("energy"), energy_io[3 * 80 + 45], 0.005);
    near(await measure("− cross"), -cross_iot[sample], 0.005);
    near(await measure("= diff2, what is stored"), diff2_iot[sample], 0.005);
    near(await measure("constant, left out"), constant_i[3], 0.005);
    const readings = await page.locator(".teach-reading").allTextContents();
    const values = readings.map((text) => Number(/(-?[\d.]+)$/.exec(text.replaceAll(",", ""))?.[1]));
    for (const [at, expected] of [
      energy_io[3 * 80 + 45],
      constant_i[3],
      cross_iot[sample],
      diff2_iot[sample],
    ].entries())
      near(values[at], expected, 0.005);
  });

  test("compressed weights: groups, starts and bytes of the selection", async () => {
    for (const kept of [999, 900]) {
      const { weights } = await select(openReference({ bytes: 2 ** 28 }), data, kept / 1000);
      await open(`weights/groups?case=64&kept=${kept}&element=40`);
      const arrays = page.locator(".teach-arrays");
      await expect
        .poll(() => arrays.textContent())
        .toContain(`start_i = [${[...weights.start_i].join(", ")}]`);
      const groups = weights.firstSample_g.length;
      if (groups > 16) expect(await arrays.textContent()).toContain(`${groups} values`);
      expect(await page.locator(".teach-groups code").allTextContents()).toEqual(
        Array.from(weights.firstSample_g, String),
      );
      expect(await measure("groups of 32")).toBe(132 * groups);
      expect(await measure("dense")).toBe(8 * 720 * 32 * 4);
      const told = await page.locator(".teach-stage p[role=status]").textContent();
      expect(told).toContain(`sample ${weights.firstSample_g[1] + 8} of particle`);
    }
    // Faster than the worker: what is shown in the end is what was asked last.
    const slider = page.getByRole("slider", { name: /Probability/ });
    for (const kept of [500, 950, 700, 800]) await slider.fill(String(kept));
    const { weights } = await select(openReference({ bytes: 2 ** 28 }), data, 0.8);
    await expect
      .poll(() => page.locator(".teach-arrays").textContent())
      .toContain(`start_i = [${[...weights.start_i].join(", ")}]`);
  });

  test("the same numbers on every runtime of this browser", async () => {
    await open("gsd/product?case=64");
    await page.getByText("The same numbers everywhere").click();
    const list = page.locator(".teach-details li");
    await expect.poll(() => list.count(), { timeout: 60_000 }).toBe(3);
    const within = (await list.allTextContents())
      .slice(1)
      .map((text) => Number(/within ([\d.e-]+)/.exec(text)?.[1]));
    expect(within[0]).toBeLessThan(cpuTolerances.diff2Coarse.bound);
    expect(within[1]).toBeLessThan(webGpuTolerances.diff2Coarse.bound);
  }, 120_000);

  test("frames while the chosen cell or a slider moves", async () => {
    // WebGPU on the processor would draw the page there too, by another way.
    const plain = await launchBrowser();
    try {
      const tab = await plain.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
      await open("gsd/table?case=64", tab);
      await tab.getByText("The same numbers everywhere").click();
      await expect.poll(() => tab.locator(".teach-details li").count(), { timeout: 60_000 }).toBe(3);
      const medians: [string, number][] = [];
      for (const [place, slider] of [
        ["gsd/number", "Pixel"],
        ["gsd/number", "Orientation"],
        ["gsd/tile", "Part of the sum"],
        ["weights/groups", "Element"],
        ["weights/groups", "Probability"],
        ["gsd/table", ""],
        ["gsd/tile", ""],
        ["gsd/product", ""],
      ] as const) {
        await open(`${place}?case=64&hide=guess&element=3`, tab);
        const frames = (await tab.evaluate(`(async () => {
          const next = () => new Promise((done) => requestAnimationFrame(done));
          const name = ${JSON.stringify(slider)};
          const slider = [...document.querySelectorAll(".teach-slider")].find((one) => one.textContent.startsWith(name))?.querySelector("input");
          const times = [];
          for (let n = 0; n < 40; n++) {
            if (name === "") {
              const cells = document.querySelectorAll("[role=gridcell]");
              cells[cells.length - 1].dispatchEvent(
                new KeyboardEvent("keydown", { key: n % 2 ? "ArrowDown" : "ArrowRight", bubbles: true }),
              );
            } else {
              slider.value = String(Number(slider.min) + ((n * 7) % (slider.max - slider.min)));
              slider.dispatchEvent(new Event("input", { bubbles: true }));
            }
            await next();
            const begun = performance.now();
            await next();
            times.push(performance.now() - begun);
          }
          return times.sort((a, b) => a - b);
        })()`)) as number[];
        medians.push([`${place} ${slider}`, frames[20]]);
      }
      // 33 ms is the goal; a shared machine that draws by its processor may miss it now and then, not half of the time.
      expect(medians.filter(([, time]) => time >= 33)).toEqual([]);
    } finally {
      await plain.close();
    }
  }, 120_000);

  test.each([360, 1280, 3840])(
    "fits %i px and has no fault that axe finds, in both themes",
    async (width) => {
      const tab = await browser.newPage({ viewport: { width, height: 900 }, reducedMotion: "reduce" });
      try {
        const found: string[] = [];
        for (const colorScheme of ["light", "dark"] as const) {
          await tab.emulateMedia({ colorScheme });
          for (const step of steps) {
            await open(`${step}?case=64&hide=guess`, tab);
            if ((await tab.evaluate(() => document.documentElement.scrollWidth)) > width)
              found.push(`${step} is wider than ${width} px`);
            // Axe takes seconds a page: contrast and names do not depend on the widest screen.
            if (width === 3840) continue;
            const faults = await violations(tab);
            found.push(...faults.map((fault) => `${colorScheme} ${step} ${fault}`));
          }
        }
        expect(found).toEqual([]);
      } finally {
        await tab.close();
      }
    },
    120_000,
  );
});
