import { availableParallelism } from "node:os";
import { type Runtime, scoreStrategies } from "../src/runtime/contract.js";
import { openNodeCpu } from "../src/runtime/cpu/node.js";
import { pixelTable } from "../src/runtime/tables.js";
import type { BenchRow } from "./record.js";
import { coarseShape, time, timeFft, timeStrategies } from "./timing.js";

/** Orientations of HEALPix order 2. */
const shape = { ...coarseShape, orientations: 4608 };
const operations = 4 * shape.orientations * shape.translations * pixelTable(shape.size, "shells").length;

async function onThreads<T>(threads: number, body: (runtime: Runtime) => Promise<T>): Promise<T> {
  const runtime = await openNodeCpu({ threads, bytes: 2 ** 30 });
  runtime.push("iteration");
  const result = await body(runtime);
  await runtime.close();
  return result;
}

/** Microseconds of a command so small that nothing but starting and ending it counts; its items go to all threads. */
async function timeCommand(runtime: Runtime): Promise<number> {
  const count = 4096;
  const values = runtime.alloc("real", "values", count);
  const out = runtime.alloc("real", "out", count);
  const moves_i3 = runtime.alloc("index", "moves", 3 * count);
  const factor_i = runtime.alloc("real", "factors", count);
  await runtime.clear(moves_i3);
  const pass = { images: values, out, moves_i3, factor_i, box: 1, count };
  const commands = async () => {
    for (let n = 0; n < 1000; n++) await runtime.shiftImages(pass);
  };
  return (await time(commands, () => runtime.finish(), 500)).seconds * 1e3;
}

/** The same in Chromium, in a worker of a page that may share memory. Undefined where there is no Chromium. */
async function inChromium(threads: number): Promise<{ gemm: number; fft: number } | undefined> {
  const { chromiumPath, launchBrowser, servePage } = await import("../test/support/browser.js");
  if (chromiumPath === undefined) return undefined;
  const server = await servePage(
    `
    import { openBrowserCpu } from "/src/runtime/cpu/browser.ts";
    import { timeFft, timeStrategies } from "/bench/timing.ts";
    async function measure() {
      const runtime = await openBrowserCpu({ threads: ${threads}, bytes: 2 ** 30 });
      runtime.push("iteration");
      const timings = await timeStrategies(runtime, ${JSON.stringify(shape)}, { direct: 0, tiled: 0, gemm: 1 });
      return { gemm: timings.get("gemm").seconds, fft: await timeFft(runtime, 128) };
    }
    if (globalThis.window === undefined)
      measure().then(postMessage, (error) => setTimeout(() => { throw error; }));
    else
      window.measure = () => new Promise((resolve, reject) => {
        const worker = new Worker("/entry.js");
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
      });
  `,
    true,
  );
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    return (await page.evaluate("window.measure()")) as { gemm: number; fft: number };
  } finally {
    await browser.close();
    server.close();
  }
}

/** The cpu runtime: rates of the coarse pass and of transforms, and what a second thread brings. */
export async function benchCpu(): Promise<BenchRow[]> {
  const reach = { direct: 1 / 32, tiled: 1 / 8, gemm: 1 };
  const one = await onThreads(1, (runtime) => timeStrategies(runtime, shape, reach));
  const rows: BenchRow[] = scoreStrategies.map((strategy) => {
    const { seconds, particles } = one.get(strategy) ?? { seconds: Number.NaN, particles: 1 };
    return {
      name: `${strategy}, one thread`,
      value: (operations * particles) / seconds / 1e9,
      unit: "GFLOP/s",
      ...(strategy === "gemm" ? { goal: 10, better: "higher" as const } : {}),
    };
  });
  const seconds = one.get("gemm")?.seconds ?? Number.NaN;
  if (availableParallelism() > 1) {
    const two = await onThreads(2, (runtime) =>
      timeStrategies(runtime, shape, { direct: 0, tiled: 0, gemm: 1 }),
    );
    rows.push({
      name: "gemm, two threads over one",
      value: seconds / (two.get("gemm")?.seconds ?? Number.NaN),
      unit: "times faster",
      goal: 1.8,
      better: "higher",
    });
  }
  const threads = availableParallelism();
  const chromium = await inChromium(threads);
  if (chromium === undefined) console.log("notice: no Chromium here, its speed is not measured");
  else {
    const node = await onThreads(threads, async (runtime) => {
      const timings = await timeStrategies(runtime, shape, { direct: 0, tiled: 0, gemm: 1 });
      return { gemm: timings.get("gemm")?.seconds ?? Number.NaN, fft: await timeFft(runtime, 128) };
    });
    for (const [measure, what] of [
      ["gemm", "gemm"],
      ["fft", "transforms of 128^3"],
    ] as const)
      rows.push({
        name: `${what}: speed in Chromium, all threads, of that in Node`,
        value: (100 * node[measure]) / chromium[measure],
        unit: "%",
        goal: 80,
        better: "higher",
      });
  }
  for (const side of [128, 135, 131])
    rows.push({
      name: `forward and inverse transform of ${side}^3, one thread`,
      value: 1e3 * (await onThreads(1, (runtime) => timeFft(runtime, side))),
      unit: "ms",
    });
  rows.push({
    name: "a command, two threads",
    value: await onThreads(2, timeCommand),
    unit: "us",
    goal: 50,
    better: "lower",
  });
  return rows;
}
