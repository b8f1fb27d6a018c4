import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { makeCase } from "../../src/app/small-case/case.js";
import { select } from "../../src/app/small-case/select.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { cpuTolerances, cudaTolerances, webGpuTolerances } from "../../src/runtime/tolerances.js";
import { computeDifferences, sampleOf } from "../../web/src/teach/model/gsd.js";
import { record } from "../../web/src/teach/model/memory.js";
import { spoiltLine, tileLine } from "../../web/src/teach/model/puzzles.js";
import { places } from "../../web/src/teach/model/state.js";
import { violations } from "../support/axe.js";
import { launchBrowser } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";
import { sumsOver } from "../support/small-cases.js";
import { drawn, measured, useTeachPage } from "../support/teach-page.js";
import { keptTrace } from "../support/teach-trace.js";
import { asked, largest, total } from "../support/traces.js";

/** The numbers of the small case, here in Node. */
const data = await makeCase();
const { shape } = data;
const { particles, orientations, translations } = shape;
const { constant_i, cross_iot, diff2_iot, energy_io } = await computeDifferences(openReference(), data);

describeChromium("the Teach room", () => {
  const opened = useTeachPage({ webGpu: true });
  let browser: Browser;
  let page: Page;
  let server: typeof opened.server;
  beforeAll(() => {
    ({ browser, page, server } = opened);
  });

  const open = async (place: string) => {
    await page.goto(`${server.url}#/teach/${place}`);
    await drawn(page, place);
  };
  const measure = (name: string) =>
    page.locator(".teach-stage .measure", { has: page.getByText(name, { exact: true }) }).locator("dd");
  const cells = async (caption: RegExp) =>
    (
      await page
        .locator("table", { has: page.locator("caption", { hasText: caption }) })
        .locator("tbody td")
        .allTextContents()
    ).map(Number);
  /** In the order of the tables: orientation, then particle and translation. */
  const inTable = (value: (i: number, o: number, t: number) => number) =>
    Array.from({ length: orientations * particles * translations }, (_, at) => {
      const [o, j] = [Math.floor(at / (particles * translations)), at % (particles * translations)];
      return Number(value(Math.floor(j / translations), o, j % translations).toFixed(1));
    });
  /** Numbers are shown rounded; a value on the edge of a digit may fall on either side of it. */
  const near = (found: number[], expected: number[], digit: number) => {
    expect(found).toHaveLength(expected.length);
    found.forEach((value, at) => {
      expect(Math.abs(value - expected[at])).toBeLessThanOrEqual(digit * 1.0001);
    });
  };

  test("one number: term, partial sum and whole sum of the pose in the URL", async () => {
    await open("gsd/number?i=1&o=4&t=2&k=11");
    const sample = sampleOf(shape, 1, 4, 2);
    near(
      [Number(await measure("term 12").textContent())],
      [(await sumsOver(data, (k) => k === 11))[sample]],
      5e-4,
    );
    const sum = (await sumsOver(data, (k) => k < 12))[sample];
    near([Number(await measure("sum to 12").textContent())], [sum], 5e-4);
    near([Number(await measure("Γ").textContent())], [diff2_iot[sample] + constant_i[1]], 5e-4);
  });

  test("all numbers, and how often the plain kernel reads", async () => {
    await open("gsd/table");
    near(
      await cells(/Squared differences/),
      inTable((i, o, t) => diff2_iot[sampleOf(shape, i, o, t)] + constant_i[i]),
      0.1,
    );
    const notes = await page.locator(".teach-stage figcaption").allTextContents();
    expect(notes[0]).toContain("read 12 times");
    expect(notes[1]).toContain("read 18 times");
    // 72 sums of 32 pixels, each with a slice and an image value.
    expect(await measure("for all 72 cells").textContent()).toContain("4,608");
  });

  test("a tile: a guess first, then counts and bytes of the kernel", async () => {
    await open("gsd/tile");
    await page.getByRole("button", { name: "32 times" }).click();
    await expect.poll(() => page.locator(".teach-answer").textContent()).toContain("Yes");
    const text = (await page.locator(".teach-tile-row").textContent()) ?? "";
    // A part of 16 pixels: 6 slices, 12 images and 12 factors; three tiles of 32 x 16; 256 lanes read six values a pixel.
    expect(text).toContain("480 reads");
    expect(text).toContain("1,536 values");
    expect(text).toContain("24,576 read");
    expect(text).toContain("10,560 of");
    const rows = await page.locator(".teach-reads tbody tr").allTextContents();
    expect(rows[0]).toContain("counted4,6085768.0");
    expect(rows[1]).toContain("31.9");
    await page.getByRole("slider", { name: /Side of the tile/ }).fill("64");
    await expect.poll(() => page.locator(".teach-tile-row").textContent()).toContain("20,800 of");
    expect(page.url()).toContain("side=64");
  });

  test("a tile: both kernels measured here", async () => {
    await open("gsd/tile?hide=guess");
    await page.getByRole("button", { name: "Measure both kernels here" }).click();
    const told = page.locator(".teach-stage p[role=status]", { hasText: "plain kernel" });
    await expect
      .poll(() => told.textContent(), { timeout: 150_000 })
      .toMatch(/took [\d.e+]+ ms and the tiled one [\d.e+]+ ms, on \w/);
    const times = /took (.* ms) and the tiled one (.* ms), on/.exec((await told.textContent()) ?? "");
    await open("run/race");
    const inRace = (strategy: string) => page.locator(`[data-strategy=${strategy}] td`).nth(1).textContent();
    expect([await inRace("direct"), await inRace("tiled")]).toEqual(times?.slice(1));
  }, 180_000);

  test("matrix products: cross terms, energies, constants, differences", async () => {
    await open("gsd/product");
    near(
      await cells(/^cross/),
      inTable((i, o, t) => cross_iot[sampleOf(shape, i, o, t)]),
      0.1,
    );
    near(
      await cells(/^diff2/),
      inTable((i, o, t) => diff2_iot[sampleOf(shape, i, o, t)]),
      0.1,
    );
    near(await cells(/^constant/), [...constant_i], 0.1);
    const energies = Array.from(
      { length: 24 },
      (_, at) => energy_io[(at % particles) * orientations + Math.floor(at / particles)],
    );
    near(await cells(/^energy/), energies, 0.1);
  });

  test("the same numbers on every runtime of this browser", async () => {
    await open("gsd/product");
    await page.getByText("The same numbers everywhere").click();
    const list = page.locator(".teach-details li");
    await expect.poll(() => list.count(), { timeout: 60_000 }).toBe(5);
    const told = await list.allTextContents();
    const within = told.slice(1).map((text) => Number(/within ([\d.e-]+)/.exec(text)?.[1]));
    expect(within[0]).toBeLessThan(1e-13);
    expect(told[2]).toMatch(
      /^cuda, NVIDIA .*, recorded on 20\d\d-\d\d-\d\d: .*layout agree too within tolerance$/,
    );
    expect(within[1]).toBeLessThan(cudaTolerances.diff2Coarse.bound);
    expect(within[2]).toBeLessThan(cpuTolerances.diff2Coarse.bound);
    expect(within[3]).toBeLessThan(webGpuTolerances.diff2Coarse.bound);
  }, 120_000);

  test("the stack: top pointer and peak of the trace, and the plan", async () => {
    const trace = JSON.parse(await keptTrace());
    await open("memory/stack?event=222");
    const bytes = async (name: string) =>
      Number(((await measure(name).textContent()) ?? "").replace(/[, bytes]/g, ""));
    expect(await bytes("top")).toBe(trace.events[222].top);
    expect(await bytes("peak")).toBe(Math.max(...trace.events.map((event: { top: number }) => event.top)));
    expect(await bytes("planned peak")).toBe(trace.planned);
    const room = await page.locator(".teach-room").evaluate((own) => getComputedStyle(own).fill);
    // What no rule fills is black.
    expect(room).not.toBe("rgb(0, 0, 0)");
  });

  // A machine that does other things too may miss it once.
  test("a trace of 10,000 events is opened and scrubbed without holding up the page", {
    retry: 2,
    timeout: 60_000,
  }, async () => {
    const trace = record((arena) => {
      arena.push("iteration");
      for (let batch = 0; batch < 450; batch++) {
        arena.push("job");
        for (let block = 0; block < 20; block++)
          arena.alloc(`block ${block}`, 256 * (1 + ((7919 * (batch + block)) % 4000)));
        arena.pop("job");
      }
      arena.pop("iteration");
    }, 256);
    await open("memory/stack");
    const buffer = Buffer.from(JSON.stringify(trace));
    await page
      .locator("input[type=file]")
      .setInputFiles({ name: "long.json", mimeType: "application/json", buffer });
    await expect
      .poll(() => page.locator(".teach-timeline + figcaption").textContent())
      .toContain(trace.events.length.toLocaleString("en"));
    const frames = (await page.evaluate(`(async () => {
      const slider = document.querySelector(".teach-stage input[type=range]");
      const next = () => new Promise((done) => requestAnimationFrame(done));
      const times = [];
      for (let n = 0; n < 40; n++) {
        slider.value = String(n * 200);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        await next();
        const begun = performance.now();
        await next();
        times.push(performance.now() - begun);
      }
      return times.sort((a, b) => a - b);
    })()`)) as number[];
    // 33 ms is the goal of the specification; a shared machine that draws by its processor may miss it now and then, not half of the time.
    expect(frames[20]).toBeLessThan(33);
    expect(((await measure("peak").textContent()) ?? "").replace(/[, bytes]/g, "")).toBe(
      String(Math.max(...trace.events.map(({ top }) => top))),
    );
  });

  test("the stack of a refinement that runs in this tab, live, beside the recorded one", async () => {
    const tab = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
    try {
      await tab.goto(`${server.url}#/teach/memory/stack`);
      await tab.getByRole("button", { name: "This tab, now" }).click();
      await tab.getByText("No refinement runs in this tab").waitFor();
      await tab.goto(`${server.url}#/refine?particles=120&box=32&iterations=20`);
      await tab.check("input[name=runtime][value=cpu]");
      await tab.getByRole("button", { name: "Refine the built-in set" }).click();
      await tab.getByText("Device memory").waitFor();
      await tab.getByRole("link", { name: "Teach" }).click();
      await tab.goto(`${server.url}#/teach/memory/stack`);
      await tab.getByRole("button", { name: "This tab, now" }).click();
      await tab.getByText(/Built-in set, asked every second/).waitFor({ timeout: 20_000 });
      const value = (name: string) => measured(tab, name);
      // The plan tells the peak to the byte, of a run that goes on too.
      const both = async () => [await value("peak"), await value("planned peak")];
      await expect.poll(async () => new Set(await both()).size, { timeout: 60_000 }).toBe(1);
      await tab.getByRole("button", { name: "A recorded run" }).click();
      expect(await value("planned peak")).toBe(JSON.parse(await keptTrace()).planned);
    } finally {
      await tab.close();
    }
  }, 120_000);

  test("the published failure and the two programs", async () => {
    await open("memory/freelist?event=5");
    const list = page.locator(".teach-address").first();
    const text = ((await list.textContent()) ?? "").replaceAll(",", "");
    for (const bytes of [asked, largest, total, asked - total]) expect(text).toContain(String(bytes));
    await page.getByRole("button", { name: "Mixed lifetimes" }).click();
    await expect.poll(() => list.textContent()).toContain("map 5 asks for 14,400,000 bytes and does not fit");
    await page.getByRole("button", { name: "Nested lifetimes" }).click();
    await expect
      .poll(() => page.locator(".teach-address").nth(1).textContent())
      .toContain("every request so far was met");
  });

  test("compressed weights: the arrays of the selection, by slider and by element", async () => {
    for (const kept of [999, 900]) {
      const { weights } = await select(openReference(), data, kept / 1000);
      await open(`weights/groups?kept=${kept}&element=40`);
      await expect
        .poll(() => page.locator(".teach-arrays").textContent())
        .toBe(
          `firstSample_g = [${[...weights.firstSample_g].join(", ")}]start_i = [${[...weights.start_i].join(", ")}]`,
        );
      const sample = weights.firstSample_g[1] + 8;
      const particle = weights.start_i.findIndex((start) => start > 1);
      expect(await page.locator(".teach-stage [role=status]").textContent()).toContain(
        `sample ${sample} of particle ${particle}:`,
      );
    }
  });

  test("bytes of a global search", async () => {
    await open("weights/bytes");
    const text = (await page.locator(".teach-bytes").textContent()) ?? "";
    for (const bytes of ["212,336,640", "256,000", "132,000"]) expect(text).toContain(bytes);
    await page.getByRole("button", { name: "float64" }).click();
    await expect.poll(() => page.locator(".teach-chart").getAttribute("aria-label")).toMatch(/0\.67 .*0\.98/);
  });

  test("keys walk through the steps and inside them", async () => {
    await open("gsd/number");
    await page.locator("body").click({ position: { x: 5, y: 300 } });
    await page.keyboard.press("Space");
    await expect.poll(() => page.url()).toContain("gsd/table");
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("teach-title");
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => page.url()).toContain("gsd/number");
    await page.keyboard.press(".");
    await expect.poll(() => page.url()).toContain("k=6");
    await page.keyboard.press("t");
    await expect.poll(() => page.getByRole("heading", { name: "For teachers" }).count()).toBe(1);
    for (let n = 1; n < places.length; n++) {
      await page.keyboard.press("ArrowRight");
      await expect.poll(() => page.url()).toContain(`${places[n].chapter}/${places[n].step}`);
    }
    await open("gsd/table");
    await page.locator('[data-cell="0,1"]').focus();
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => page.url()).toContain("o=1");
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.getAttribute("data-cell")))
      .toBe("1,1");
  }, 120_000);

  test("a lesson by URL: hidden parts stay hidden, embedded has no header", async () => {
    await open("gsd/tile?hide=guess,formula,code,numbers");
    expect(await page.locator(".teach-guess, .teach-formula, .teach-details").count()).toBe(0);
    await open("gsd/table?embed=1");
    await expect.poll(() => page.locator("header.bar").isVisible()).toBe(false);
    await open("gsd/table");
    await expect.poll(() => page.locator("header.bar").isVisible()).toBe(true);
  });

  test("a worksheet", async () => {
    await open("gsd/number?teacher=1");
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name: "Worksheet" }).click();
    const text = readFileSync((await (await waiting).path()) as string, "utf8");
    expect(text).toContain("# Worksheet");
    expect(text).toContain(diff2_iot[sampleOf(shape, 0, 0, 1)].toFixed(2));
  });

  test("four puzzles, solved and not", async () => {
    const verdict = page.locator(".teach-verdict");
    await open("puzzles/index");
    const line = page.getByLabel("The line of the kernel");
    expect(await line.inputValue()).toBe(spoiltLine);
    await page.getByRole("button", { name: "Run it" }).click();
    await expect.poll(() => verdict.textContent()).toContain("Not yet");
    await line.fill(tileLine);
    await page.getByRole("button", { name: "Run it" }).click();
    await expect.poll(() => verdict.textContent()).toContain("Solved");

    await open("puzzles/fit?side=64&depth=16");
    await page.getByRole("button", { name: "Check" }).click();
    await expect.poll(() => verdict.textContent()).toContain("Not yet");
    await page.getByRole("slider", { name: /Pixels a part/ }).fill("12");
    await page.getByRole("button", { name: "Check" }).click();
    await expect.poll(() => verdict.textContent()).toContain("Solved");

    await open("puzzles/peak");
    await page.getByLabel("Peak in bytes").fill("11,776");
    await page.getByRole("button", { name: "Check" }).click();
    await expect.poll(() => verdict.textContent()).toContain("Solved");

    await open("puzzles/scope");
    await page.getByRole("button", { name: "job" }).click();
    await expect.poll(() => verdict.textContent()).toContain("Not yet");
    await page.getByRole("button", { name: "iteration" }).click();
    await expect.poll(() => verdict.textContent()).toContain("Solved");
  }, 120_000);

  test.each(["processor", "WebGPU"])(
    "three strategies on this machine: %s",
    async (name) => {
      await open("run/race");
      await page.getByRole("button", { name, exact: true }).click();
      await page.getByRole("button", { name: "Run", exact: true }).click();
      await expect
        .poll(() => page.locator(".teach-stage p[role=status]").count(), { timeout: 150_000 })
        .toBe(1);
      const ran = (await page.locator(".teach-stage p[role=status]").textContent()) ?? "";
      expect(ran.includes("a processor that plays a graphics card")).toBe(/llvmpipe|SwiftShader/i.test(ran));
      const { bound } = (name === "WebGPU" ? webGpuTolerances : cpuTolerances).diff2Coarse;
      for (const strategy of ["direct", "tiled", "gemm"]) {
        const columns = await page.locator(`[data-strategy=${strategy}] td`).allTextContents();
        expect(Number.parseFloat(columns[1])).toBeGreaterThan(0);
        expect(columns[1]).toContain("ms");
        expect(Number(columns[2])).toBeLessThan(bound);
      }
    },
    180_000,
  );

  test("without WebGPU the processor runs, and the page says so", async () => {
    const plain = await launchBrowser();
    try {
      const other = await plain.newPage();
      await other.goto(`${server.url}#/teach/run/race`);
      await other.getByText("No WebGPU").waitFor();
      expect(await other.getByRole("button", { name: "processor" }).getAttribute("aria-pressed")).toBe(
        "true",
      );
    } finally {
      await plain.close();
    }
  }, 60_000);

  test.each([360, 1280, 3840])(
    "every step fits %i px and has no fault that axe finds, in both themes",
    async (width) => {
      const tab = await browser.newPage({ viewport: { width, height: 900 }, reducedMotion: "reduce" });
      try {
        const found: string[] = [];
        for (const colorScheme of ["light", "dark"] as const) {
          await tab.emulateMedia({ colorScheme });
          for (const { chapter, step } of places) {
            const hash = `#/teach/${chapter}/${step}?teacher=1${step === "tile" ? "&hide=guess" : ""}`;
            await tab.goto(server.url + hash);
            await tab.locator(`[data-step=${step}] .teach-stage > .teach-stack`).waitFor();
            // What no rule of the style fills is black.
            const black = await tab
              .locator(".teach-stage svg rect")
              .evaluateAll((all) => all.some((node) => getComputedStyle(node).fill === "rgb(0, 0, 0)"));
            if (black) found.push(`${colorScheme} ${step} has a black block`);
            if (width > (await tab.evaluate(() => document.documentElement.scrollWidth)) - 1) {
              // Axe takes seconds a page: contrast and names do not depend on the widest screen.
              if (width === 3840) continue;
              const faults = await violations(tab);
              found.push(...faults.map((fault) => `${colorScheme} ${step} ${fault}`));
            } else found.push(`${step} is wider than ${width} px`);
          }
        }
        expect(found).toEqual([]);
      } finally {
        await tab.close();
      }
    },
    300_000,
  );
});
