import { expect, test } from "vitest";
import { weightsSeeds } from "../fuzz/weights.js";
import { launchBrowser } from "../support/browser.js";
import { bundle } from "../support/bundle.js";
import { describeChromium } from "../support/chromium.js";

const entry = `
  import { blobSource, memorySink } from "/src/formats/index.ts";
  import { readWeights, writeWeights } from "/src/runtime/weights-file.ts";
  window.roundTrip = async (bytes) => {
    const weights = await readWeights(blobSource(new Blob([Uint8Array.from(bytes)]), "a.weights"));
    const sink = memorySink();
    await writeWeights(weights, sink);
    return { values: Array.from(weights.values_gs), bytes: Array.from(sink.bytes()) };
  };
  window.refusal = (bytes) =>
    window.roundTrip(bytes).then(() => "accepted", (error) => error.name + ": " + error.message);
`;

describeChromium("weights files in a browser", () => {
  test("are read from Blobs and written, damaged ones refused", async () => {
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      await page.addScriptTag({ content: await bundle(entry) });
      const call = (name: string, bytes: Uint8Array) =>
        page.evaluate(`window[${JSON.stringify(name)}](${JSON.stringify(Array.from(bytes))})`);
      const [single, double] = weightsSeeds;
      expect(await call("roundTrip", single)).toEqual({
        values: [1, 0.5, 0, 3, Math.fround(1e-30), 7],
        bytes: Array.from(single),
      });
      expect(await call("roundTrip", double)).toEqual({
        values: [1, 2, 3, 4, 5, 6, 7, 8],
        bytes: Array.from(double),
      });
      expect(await call("refusal", double.subarray(0, -1))).toMatch(
        /^FormatError: a\.weights \(byte \d+\): truncated/,
      );
    } finally {
      await browser.close();
    }
  });
});
