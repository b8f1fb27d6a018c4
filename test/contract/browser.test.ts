import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import type { Agreement } from "../../src/runtime/verify/index.js";
import { launchBrowser } from "../support/browser.js";
import { bundle } from "../support/bundle.js";
import { describeChromium } from "../support/chromium.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);

const entry = `
  import { openReference } from "/src/runtime/reference/index.ts";
  import { webGpuTolerances } from "/src/runtime/tolerances.ts";
  import { compareCase, contractCases } from "/src/runtime/verify/index.ts";
  import { openWebGpu } from "/src/runtime/webgpu/index.ts";
  import { loadShaderText, requestBrowserAdapter } from "/src/runtime/webgpu/browser.ts";
  window.verify = async (seed, operations) => {
    const gpu = await openWebGpu(await requestBrowserAdapter(), { loadShader: loadShaderText, bytes: 2 ** 27 });
    const reference = openReference();
    const rows = [];
    for (const operation of operations) {
      const test = contractCases(seed).find((one) => one.operation === operation);
      rows.push(await compareCase(test, reference, gpu, webGpuTolerances));
    }
    const device = gpu.capabilities.device;
    await gpu.close();
    return { device, rows };
  };
`;

/** One case of operations from every kernel family: compiling a kernel takes a software adapter in a browser seconds. */
const operations = [
  "forwardFft",
  "softMask",
  "packPixels",
  "ctf",
  "projectSlices",
  "diff2Coarse",
  "weightsFromDiff2",
  "selectSignificant",
  "compactWeights",
  "diff2Fine",
  "backproject",
  "shellProducts",
];

describeChromium("webgpu in a browser", () => {
  test("the same kernels agree with the reference in a page", async () => {
    const script = await bundle(entry);
    const server = createServer((request, response) => {
      const [type, body] =
        request.url === "/entry.js"
          ? ["text/javascript", script]
          : ["text/html", "<script src=/entry.js></script>"];
      response.writeHead(200, { "content-type": type }).end(body);
    }).listen(0, "127.0.0.1");
    const browser = await launchBrowser({ webGpu: true });
    try {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const found = (await page.evaluate(`window.verify(${seed}, ${JSON.stringify(operations)})`)) as {
        device: string;
        rows: Agreement[];
      };
      expect(found.rows.map(({ operation }) => operation)).toEqual(operations);
      expect(found.rows.filter(({ ok }) => !ok)).toEqual([]);
    } finally {
      await browser.close();
      server.close();
    }
  }, 180_000);
});
