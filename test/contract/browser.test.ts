import { expect, test } from "vitest";
import { contractCases } from "../../src/runtime/verify/index.js";
import { launchBrowser } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";
import { type PageAgreement, serveContract, verifyInPage } from "../support/contract-page.js";
import { describeFirefox, launchFirefox } from "../support/firefox.js";

const seed = Number(process.env.CRYOTILE_SEED ?? Date.now() % 2 ** 31);

/** One case of operations from every kernel family: compiling a kernel takes the software adapter of Chromium seconds. */
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

describeChromium(`webgpu in Chromium (seed ${seed})`, () => {
  test("the same kernels agree with the reference in a page", async () => {
    const server = await serveContract();
    const browser = await launchBrowser({ webGpu: true });
    try {
      const page = await browser.newPage();
      await page.goto(server.url);
      const { rows } = (await page.evaluate(verifyInPage(seed, operations))) as PageAgreement;
      expect(rows.map(({ operation }) => operation)).toEqual(operations);
      expect(rows.filter(({ ok }) => !ok)).toEqual([]);
    } finally {
      await browser.close();
      server.close();
    }
  }, 180_000);
});

describeFirefox(`webgpu in Firefox, whose compiler of WGSL is another one (seed ${seed})`, () => {
  test("the same kernels agree with the reference in a page", async () => {
    const server = await serveContract();
    const browser = await launchFirefox({ webGpu: true });
    try {
      const page = await browser.newPage();
      await page.goto(server.url);
      const { rows } = (await page.evaluate(verifyInPage(seed))) as PageAgreement;
      expect(rows).toHaveLength(contractCases(seed).length);
      expect(rows.filter(({ ok }) => !ok)).toEqual([]);
    } finally {
      await browser.close();
      server.close();
    }
  }, 180_000);
});
