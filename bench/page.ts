import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { JobEvent } from "../src/app/job/events.js";
import { type Phase, phases } from "../src/em/phase-clock.js";
import type { BenchResult } from "./record.js";
import { root } from "./record.js";

/** What the page makes and refines: by the driver that Chromium brings, and on a graphics card. */
const jobs = {
  software: { particles: 120, box: 48, iterations: 3, seed: 1, memory: 500 },
  gpu: { particles: 2000, box: 64, iterations: 6, seed: 1, memory: 4000 },
};
/** Of Node's speed that the page shall reach. */
const goal = 0.85;
/** Milliseconds that a run may take. */
const patience = 200_000;

type Iteration = Extract<JobEvent, { kind: "iteration" }>;

interface Run {
  readonly device: string;
  /** Of every iteration but the first, which waits for kernels to be compiled. */
  readonly iterations: readonly Iteration[];
}

const total = ({ seconds }: Iteration) => Object.values(seconds).reduce((sum, value) => sum + value, 0);

function runOf(events: readonly JobEvent[], iterations: number): Run {
  const start = events.find((event) => event.kind === "start");
  const all = events.filter((event) => event.kind === "iteration");
  if (start === undefined || all.length !== iterations)
    throw new Error(`${all.length} iterations of ${iterations}: ${JSON.stringify(events.at(-1))}`);
  return { device: start.device, iterations: all.slice(1) };
}

/** The driver (SwiftShader) that a Chromium brings. */
function softwareDriver(chromium: string): string {
  const driver = [dirname(realpathSync(chromium)), "/usr/lib/chromium", "/usr/lib/chromium-browser"]
    .map((folder) => join(folder, "vk_swiftshader_icd.json"))
    .find(existsSync);
  if (driver === undefined) throw new Error(`${chromium}: there is no vk_swiftshader_icd.json beside it`);
  return driver;
}

/** The job in `folder` by Node. On the software driver with the options of Dawn that the browser has there. */
function refineInNode(folder: string, words: readonly string[], memory: number, driver: string | undefined) {
  const program = driver === undefined ? ["src/app/cli.js", "refine"] : ["bench/page-node.js"];
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      join(root, "dist", program[0]),
      ...program.slice(1),
      ...words,
      ...["--runtime", "webgpu", "--memory", `${memory * 1e6}`],
      ...(driver === undefined ? [] : ["--software"]),
    ],
    {
      cwd: folder,
      env: { ...process.env, ...(driver === undefined ? {} : { VK_DRIVER_FILES: driver }) },
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(stderr.slice(-2000));
  return readFileSync(join(folder, "events.jsonl"));
}

/**
 * The same refinement in a tab of Chromium and in Node through Dawn: seconds of the iterations after the first. Both on the driver that Chromium
 * brings (SwiftShader) and with the same options of Dawn, or both on this machine's graphics card as their users have them.
 */
export async function benchPage(label: "software" | "gpu"): Promise<BenchResult> {
  const { chromiumPath, launchBrowser } = await import("../test/support/browser.js");
  const { servePage } = await import("../test/support/page.js");
  const { mapCorrelation, readMap } = await import("../test/support/maps.js");
  const { atEnd, eventsIn, openPage, startBuiltIn, storedFiles, writeFiles } = await import(
    "../test/support/refine-page.js"
  );
  if (chromiumPath === undefined) throw new Error("no Chromium on PATH");
  const driver = label === "software" ? softwareDriver(chromiumPath) : undefined;
  const job = jobs[label];
  const browser = await launchBrowser({ webGpu: true, hardware: label === "gpu" });
  const server = await servePage(join(root, "dist/web"));
  const folder = mkdtempSync(join(tmpdir(), "cryotile-page-bench-"));
  try {
    const query = Object.entries(job)
      .map(([name, value]) => `${name}=${value}`)
      .join("&");
    /** Refines with the view of the run open, as when it is watched, or with another room open. */
    const refine = async (watched: boolean) => {
      const { page } = await openPage(browser, `${server.url}#/refine?${query}`);
      const id = await startBuiltIn(page, "webgpu");
      const own = new URL(page.url()).hash;
      const go = (hash: string) => page.evaluate((to) => location.assign(to), hash);
      // The worker holds a lock while it is at work.
      const done = () => page.evaluate(async () => (await navigator.locks.query()).held?.length === 0);
      if (!watched) {
        await page.getByRole("progressbar").waitFor({ timeout: patience });
        await go("#/monitor");
        for (const begun = performance.now(); performance.now() - begun < patience && !(await done()); )
          await page.waitForTimeout(3000);
        await go(own);
      }
      const end = await atEnd(page, patience);
      if (end !== "Finished") throw new Error(await page.locator("main").innerText());
      const files = await storedFiles(page, id);
      await page.context().close();
      return files;
    };
    const watched = runOf(eventsIn(await refine(true)), job.iterations);
    const files = await refine(false);
    const version = browser.version();
    await browser.close();
    const inPage = runOf(eventsIn(files), job.iterations);
    writeFiles(folder, files, /^input\//);
    const { words } = JSON.parse((files.get("job.json") as Buffer).toString()) as { words: string[] };
    const log = refineInNode(folder, words, job.memory, driver);
    const inNode = runOf(eventsIn(new Map([["events.jsonl", log]])), job.iterations);
    const map = `run_it${String(job.iterations).padStart(3, "0")}_half1_class001.mrc`;
    writeFiles(join(folder, "page"), files, new RegExp(`${map}$`));
    const maps = await Promise.all([map, `page/${map}`].map((name) => readMap(join(folder, name))));
    const correlation = Math.min(...mapCorrelation(maps[0], maps[1]).slice(1, job.box / 4 + 1));
    const mean = (run: Run, value: (iteration: Iteration) => number) =>
      run.iterations.reduce((sum, iteration) => sum + value(iteration), 0) / run.iterations.length;
    const what = `${job.particles} x ${job.box} px, D2, HEALPix order 1, two half sets, mean of ${job.iterations - 1}`;
    const both = (phase: Phase) => [
      {
        name: `of it in Chromium: ${phase}`,
        value: mean(inPage, ({ seconds }) => seconds[phase]),
        unit: "s",
      },
      { name: `the same in Node: ${phase}`, value: mean(inNode, ({ seconds }) => seconds[phase]), unit: "s" },
    ];
    return {
      rows: [
        { name: `iteration in Chromium: ${what}`, value: mean(inPage, total), unit: "s" },
        { name: "the same in Node", value: mean(inNode, total), unit: "s" },
        {
          name: "speed of the page over that of Node",
          value: mean(inNode, total) / mean(inPage, total),
          unit: "",
          goal,
          better: "higher",
        },
        {
          name: `the same while the 3D view is drawn, by the same ${label === "software" ? "processor" : "card"}`,
          value: mean(inNode, total) / mean(watched, total),
          unit: "",
        },
        {
          name: "lowest FSC of their maps of half 1, to half of Nyquist",
          value: correlation,
          unit: "",
          goal: 0.99,
          better: "higher",
        },
        ...phases.flatMap(both),
      ],
      gpu: `${inPage.device} (Chromium ${version}), ${inNode.device} (Node)`,
      label,
    };
  } finally {
    await browser.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
