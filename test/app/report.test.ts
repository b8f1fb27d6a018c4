import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { afterAll, expect, test } from "vitest";
import { writeReport } from "../../src/app/report/index.js";
import { nodeDisk } from "../../src/formats/node.js";
import { launchBrowser } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";
import { runCli } from "../support/cli.js";
import {
  box,
  iterationEvent,
  jobEvents,
  startEvent,
  writeData,
  writeEvents,
  writeMap,
} from "../support/report-job.js";
import { checkedReport } from "../support/report-page.js";

const root = mkdtempSync(join(tmpdir(), "cryotile-report-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Directions on a spiral, all with the same area (Saff & Kuijlaars 1997). */
const spiral = (n: number): [number[], number[]] => [
  Array.from({ length: n }, (_, i) => ((i * 222.4922) % 360) - 180),
  Array.from({ length: n }, (_, i) => (Math.acos(1 - (2 * i + 1) / n) * 180) / Math.PI),
];

test("a run of classes that ended: every figure with its numbers, tables and maps", async () => {
  const folder = join(root, "classes");
  const last = iterationEvent(12);
  writeEvents(folder, [
    ...jobEvents().slice(0, -1),
    { time: 1_790_000_100, kind: "warning", message: "the norm of 3 particles is large" },
    { time: 1_790_000_200, kind: "warning", message: "the norm of 3 particles is large" },
    ...jobEvents().slice(-1),
  ]);
  await writeData(folder, 12, ...spiral(8000));
  for (const { map } of last.classes) await writeMap(join(folder, map), box, (x, y, z) => x + 2 * y + 4 * z);
  const { document, figures, body } = await checkedReport(folder);

  for (const fact of [
    "Finished",
    "Class3D/job012/run",
    "a graphics card",
    "12,345",
    "64 px",
    "2.5 Å",
    "26 min 5 s",
  ])
    expect(body).toContain(fact);
  expect(body).toContain("--ref 'start map.mrc'");
  expect(body.split("the norm of 3 particles is large")).toHaveLength(2);
  expect([...figures.keys()].sort()).toEqual(
    "changes classes maps memory orientations phases pmax resolution significant spectrum".split(" "),
  );
  // The spectra are made to be 1 at shells 4 + 22 (1 - exp(-3)) - 2.2 k of a box of 160 A.
  const shell = 4 + 22 * (1 - Math.exp(-3));
  for (const k of [0, 1, 2]) {
    const [, told] = new RegExp(`([\\d.]+) Å \\(class ${k + 1}\\)`).exec(figures.get("spectrum") ?? "") ?? [];
    // Straight lines between shells.
    expect(Math.abs(Number(told) - 160 / (shell - 2.2 * k))).toBeLessThan(0.02);
  }
  expect(figures.get("resolution")).toContain("6.42 Å after iteration 12");
  expect(figures.get("pmax")).toContain(`${(0.9 * (1 - Math.exp(-12 / 5))).toFixed(3)} after iteration 12`);
  expect(figures.get("changes")).toContain("5.00° after iteration 12");
  // Weights 1, 2.5 and 4 of 7.5.
  expect(figures.get("classes")).toContain("class 3 53.3 %, class 2 33.3 %, class 1 13.3 %");
  expect(figures.get("memory")).toContain("2.00 GiB. The plan said the same to the byte");
  expect(figures.get("phases")).toContain("accuracy 1.4 %");
  expect(figures.get("orientations")).toMatch(/8,000 particles .*; empty bins: 0/);

  expect(document.querySelectorAll("table")).toHaveLength(2);
  expect(document.querySelectorAll("table:last-of-type tbody tr")).toHaveLength(3 + 12);
  for (const table of document.querySelectorAll("table")) {
    expect(table.querySelector("caption")?.textContent).not.toBe("");
    expect(table.querySelectorAll("thead th[scope=col]").length).toBe(
      table.querySelectorAll("tbody tr:first-child > *").length,
    );
    expect(table.querySelectorAll("tbody th[scope=row]").length).toBe(
      table.querySelectorAll("tbody tr").length,
    );
  }

  const images = [...document.querySelectorAll("#maps img")] as HTMLImageElement[];
  expect(images).toHaveLength(9);
  const [x, y, z] = images
    .slice(0, 3)
    .map((image) => decode(Buffer.from((image.getAttribute("src") as string).split(",")[1], "base64")));
  for (const image of [x, y, z]) expect([image.width, image.height, image.channels]).toEqual([box, box, 1]);
  // Steps along the row (first axis of the plane) and up the column follow the slopes 1, 2 and 4 along x, y and z.
  const slopes = ({ data }: typeof x) => [
    data[32 * box + 50] - data[32 * box + 10],
    data[10 * box + 32] - data[50 * box + 32],
  ];
  for (const [image, right, up] of [
    [x, 2, 4],
    [y, 1, 4],
    [z, 1, 2],
  ] as const) {
    const [a, b] = slopes(image);
    expect(a).toBeGreaterThan(0);
    expect(b / a).toBeCloseTo(up / right, 1);
  }
});

test("half sets: one FSC with 0.143, a missing map gives a note, symmetry mates count", async () => {
  const folder = join(root, "halves");
  const options = { halves: true, start: { classes: 1, symmetry: "D2" } };
  writeEvents(folder, jobEvents(options));
  // The newest particles are gone: those of the iteration before are shown.
  await writeData(folder, 11, [10], [50]);
  const [first] = iterationEvent(12, options).classes;
  await writeMap(join(folder, first.map), box, (x) => Math.sin(x));
  const { document, figures, body } = await checkedReport(folder);
  expect(figures.has("classes")).toBe(false);
  // The FSC is a logistic curve of width 2 shells: 0.143 lies 2 ln(1 / 0.143 - 1) shells beyond its middle.
  const resolution = 160 / (4 + 22 * (1 - Math.exp(-3)) + 2 * Math.log(1 / 0.143 - 1));
  expect(figures.get("spectrum")).toContain(`FSC falls below 0.143 at ${resolution.toFixed(1)}`);
  expect(document.querySelectorAll("#maps img")).toHaveLength(3);
  expect(body).toContain("No slices: run_it012_half2_class001.mrc: cannot open: no such file");
  expect(figures.get("orientations")).toMatch(/1 particle with the symmetry mates of D2 after iteration 11/);
});

test("a run that goes on: last line incomplete, no files yet", async () => {
  const folder = join(root, "going");
  const events = jobEvents().slice(0, -3);
  writeEvents(
    folder,
    [...events, { time: 1_790_002_000, kind: "progress", iteration: 12, done: 5, total: 20, rate: 42 }],
    '{"time":17900',
  );
  const { body } = await checkedReport(folder);
  expect(body).toContain("Not ended");
  expect(body).toContain("Iteration 12: write, 25 % (42 particles a second)");
  expect(body).toContain("No angular distribution: run_it001_data.star: cannot open");
  expect(body).not.toContain("no event in line");
});

test("a run that failed in its first iteration; a line that a killed run left is told", async () => {
  const folder = join(root, "failed");
  writeEvents(
    folder,
    [startEvent()],
    `{"time":1,"kind":"ite\n${JSON.stringify({ time: 1_790_000_060, kind: "end", status: "failure", message: "out of memory" })}\n`,
  );
  const { body, figures } = await checkedReport(folder);
  expect(body).toContain("Failed before the end of an iteration: out of memory");
  expect(body).toContain("no event in line 2");
  expect(body).toContain("No iteration has ended yet");
  expect(figures.size).toBe(0);
});

test("a continued run tells each iteration once and counts no time in between", async () => {
  const folder = join(root, "continued");
  const before = jobEvents({ iterations: 5 }).slice(0, -1);
  const later = 1_790_100_000;
  writeEvents(folder, [
    ...before,
    startEvent({ time: later, from: 3 }),
    { ...iterationEvent(4), time: later + 100 },
    { time: later + 101, kind: "end", status: "aborted" },
  ]);
  const { document, body } = await checkedReport(folder);
  expect(body).toContain("Aborted after iteration 4");
  expect(body).toContain("Continuedfrom iteration 3");
  // 5 iterations of 130 s and 101 s after the continuation.
  expect(body).toContain("12 min 31 s");
  expect(document.querySelectorAll("tbody tr")).toHaveLength(3 + 4);
});

test("strings and values of a hostile log stay text", async () => {
  const folder = join(root, "hostile");
  const hostile = `<script>alert("1")</script>'"><img src=x onerror=alert(1)>\u0000`;
  const event = iterationEvent(1);
  const broken = {
    ...event,
    averagePmax: Number.NaN,
    resolution: Number.POSITIVE_INFINITY,
    memoryTop: [],
    significant: [],
  };
  const classes = event.classes.map((each) => ({
    ...each,
    map: `${hostile}.mrc`,
    ssnr: [Number.NaN, Number.NaN],
  }));
  writeEvents(folder, [
    startEvent({
      command: [hostile],
      device: hostile,
      symmetry: hostile,
      root: hostile,
      runtime: hostile,
      version: hostile,
    }),
    { time: 1, kind: "warning", message: hostile },
    { ...broken, classes, files: [`${hostile}_data.star`] },
    { time: 2, kind: "end", status: "failure", message: hostile },
  ]);
  const { document, text, body } = await checkedReport(folder);
  expect(document.querySelectorAll("script, img, [onerror]")).toHaveLength(0);
  expect(document.querySelector("h1")?.textContent).toBe(hostile.replace("\0", "\ufffd"));
  expect(body).toContain("No slices");
  expect(text).toContain("&#60;script&#62;");
});

test("folders that hold no run are refused in one line, by the command too", async () => {
  await expect(writeReport(nodeDisk, join(root, "nothing"))).rejects.toThrow(/events\.jsonl: is not there/);
  const folder = join(root, "empty");
  writeEvents(folder, []);
  await expect(writeReport(nodeDisk, folder)).rejects.toThrow(/holds no start of a run/);
  const refused = runCli(root, "report", "empty");
  expect([refused.status, refused.stderr.trim().split("\n").length]).toEqual([1, 1]);
  writeEvents(join(root, "one"), jobEvents({ iterations: 1, start: { classes: 1 } }));
  expect(runCli(root, "report", "one")).toMatchObject({
    status: 0,
    stdout: `${join("one", "report.html")}\n`,
  });
});

describeChromium("the page in a browser", () => {
  test("asks for nothing, complains of nothing and follows the theme", async () => {
    const folder = join(root, "page");
    writeEvents(folder, jobEvents());
    await writeData(folder, 12, ...spiral(500));
    const path = await writeReport(nodeDisk, folder);
    const browser = await launchBrowser();
    try {
      const backgrounds: string[] = [];
      for (const colorScheme of ["light", "dark"] as const) {
        const page = await browser.newPage({ colorScheme, viewport: { width: 400, height: 800 } });
        const seen: string[] = [];
        page.on("request", (request) => seen.push(request.url()));
        page.on("console", (message) => seen.push(message.text()));
        await page.goto(`file://${path}`);
        expect(seen.filter((url) => !url.endsWith("/report.html"))).toEqual([]);
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(400);
        backgrounds.push(await page.evaluate("getComputedStyle(document.documentElement).backgroundColor"));
        await page.close();
      }
      expect(new Set(backgrounds).size).toBe(2);
    } finally {
      await browser.close();
    }
  });
});
