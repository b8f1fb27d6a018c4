import { expect, test } from "vitest";
import type { Agreement } from "../../src/runtime/verify/index.js";
import { launchBrowser, servePage } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);

const entry = `
  import { openBrowserCpu } from "/src/runtime/cpu/browser.ts";
  import { openReference } from "/src/runtime/reference/index.ts";
  import { cpuTolerances } from "/src/runtime/tolerances.ts";
  import { compareCase, contractCases } from "/src/runtime/verify/index.ts";
  const verify = async (seed) => {
    const cpu = await openBrowserCpu({ bytes: 2 ** 28, threads: 3 });
    const reference = openReference();
    const rows = [];
    for (const test of contractCases(seed)) rows.push(await compareCase(test, reference, cpu, cpuTolerances));
    const { device } = cpu.capabilities;
    await cpu.close();
    return { device, rows };
  };
  if (globalThis.window === undefined)
    onmessage = ({ data }) => verify(data).then((found) => postMessage(found));
  else {
    window.verify = verify;
    window.verifyInWorker = (seed) =>
      new Promise((resolve, reject) => {
        const worker = new Worker("/entry.js");
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage(seed);
      });
  }
`;

describeChromium("cpu in a browser", () => {
  test.each([
    { where: "an isolated page", isolated: true, call: "verify", threads: "3 threads" },
    { where: "a worker of an isolated page", isolated: true, call: "verifyInWorker", threads: "3 threads" },
    { where: "any other page", isolated: false, call: "verify", threads: "1 thread" },
  ])(
    "agrees with the reference in $where",
    async ({ isolated, call, threads }) => {
      const server = await servePage(entry, isolated);
      const browser = await launchBrowser();
      try {
        const page = await browser.newPage();
        await page.goto(server.url);
        const found = (await page.evaluate(`window.${call}(${seed})`)) as {
          device: string;
          rows: Agreement[];
        };
        expect(found.device).toBe(`WebAssembly SIMD, ${threads}`);
        expect(found.rows.length).toBeGreaterThan(100);
        expect(found.rows.filter(({ ok }) => !ok)).toEqual([]);
      } finally {
        await browser.close();
        server.close();
      }
    },
    120_000,
  );
});
