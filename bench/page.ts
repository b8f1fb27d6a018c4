import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { JobEvent } from "../src/app/job/events.js";
import { type Phase, phases } from "../src/em/phase-clock.js";
import type { BenchResult } from "./record.js";
import { root } from "./record.js";

const memory = 500;
const iterations = 3;
/** What the page makes and refines. */
const job = { particles: 120, box: 48, iterations, seed: 1, memory };
/** Of Node's speed that the page shall reach. */
const goal = 0.85;
/** Milliseconds that a run may take. */
const patience = 200_000;
const nodeProgram = join(root, "dist/bench/page-node.js");

type Iteration = Extract<JobEvent, { kind: "iteration" }>;

interface Run {
  readonly device: string;
  /** Of every iteration but the first, which waits for kernels to be compiled. */
  readonly iterations: readonly Iteration[];
}

const total = ({ seconds }: Iteration) => Object.values(seconds).reduce((sum, value) => sum + value, 0);

function runOf(events: readonly JobEvent[]): Run {
  const start = events.find((event) => event.kind === "start");
  const all = events.filter((event) => event.kind === "iteration");
  if (start === undefined || all.length !== iterations)
    throw new Error(`${all.length} iterations of ${iterations}: ${JSON.stringify(events.at(-1))}`);
  return { device: start.device, iterations: all.slice(1) };
}

/**
 * The same refinement in a tab of Chromium and in Node through Dawn, on the driver that Chromium brings (SwiftShader) and with the same options of
 * Dawn: seconds of the iterations after the first.
 */
export async function benchPage(): Promise<BenchResult> {
  const { chromiumPath, launchBrowser } = await import("../test/support/browser.js");
  const { servePage } = await import("../test/support/page.js");
  const { atEnd, eventsIn, openPage, startBuiltIn, storedFiles, writeFiles } = await import(
    "../test/support/refine-page.js"
  );
  if (chromiumPath === undefined) throw new Error("no Chromium on PATH");
  const driver = [dirname(realpathSync(chromiumPath)), "/usr/lib/chromium", "/usr/lib/chromium-browser"]
    .map((folder) => join(folder, "vk_swiftshader_icd.json"))
    .find(existsSync);
  if (driver === undefined) throw new Error(`${chromiumPath}: there is no vk_swiftshader_icd.json beside it`);
  const browser = await launchBrowser({ webGpu: true });
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
    const watched = runOf(eventsIn(await refine(true)));
    const files = await refine(false);
    const version = browser.version();
    await browser.close();
    const inPage = runOf(eventsIn(files));
    writeFiles(folder, files, /^input\//);
    const { words } = JSON.parse((files.get("job.json") as Buffer).toString()) as { words: string[] };
    const { status, stderr } = spawnSync(
      process.execPath,
      [nodeProgram, ...words, "--runtime", "webgpu", "--software", "--memory", `${memory * 1e6}`],
      { cwd: folder, env: { ...process.env, VK_DRIVER_FILES: driver }, encoding: "utf8" },
    );
    if (status !== 0) throw new Error(stderr.slice(-2000));
    const log = readFileSync(join(folder, "events.jsonl"));
    const inNode = runOf(eventsIn(new Map([["events.jsonl", log]])));
    const mean = (run: Run, value: (iteration: Iteration) => number) =>
      run.iterations.reduce((sum, iteration) => sum + value(iteration), 0) / run.iterations.length;
    const what = `${job.particles} x ${job.box} px, D2, HEALPix order 1, two half sets, mean of ${iterations - 1}`;
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
          name: "the same while the 3D view is drawn, by the same processor",
          value: mean(inNode, total) / mean(watched, total),
          unit: "",
        },
        ...phases.flatMap(both),
      ],
      gpu: `${inPage.device} (Chromium ${version}), ${inNode.device} (Node)`,
      label: "software",
    };
  } finally {
    await browser.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
