import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { bzippedSeed, seeds } from "../fuzz/mrc.js";
import { launchBrowser } from "../support/browser.js";
import { bundle } from "../support/bundle.js";
import { describeChromium } from "../support/chromium.js";

const entry = `
  import { blobSource, createMrc, memorySink, openMrc } from "/src/formats/index.ts";
  window.readPacked = async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const file = await openMrc(blobSource(new Blob([bytes]), "a.mrc"));
    return Array.from(await file.readVolume());
  };
  window.refusal = (base64) => window.readPacked(base64).then(() => "accepted", (error) => error.name + ": " + error.message);
  window.roundTrip = async (values, mode) => {
    const sink = memorySink("out.mrcs");
    const size = { width: values.length, height: 1, count: 1, mode, pixelSize: 1 };
    const writer = await createMrc(sink, { kind: "stack", ...size });
    await writer.write(Float32Array.from(values));
    await writer.finish();
    const file = await openMrc(blobSource(new Blob([sink.bytes()]), "out.mrcs"));
    return Array.from(await file.readImages(0, 1));
  };
`;

describeChromium("MRC files in a browser", () => {
  test("gzip, bzip2 and plain files are read from Blobs, damaged ones refused, files written", async () => {
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      await page.addScriptTag({ content: await bundle(entry) });
      const call = (name: string, ...args: unknown[]) =>
        page.evaluate(`window[${JSON.stringify(name)}](...${JSON.stringify(args)})`);
      const plain = Buffer.from(seeds[0] as Uint8Array);
      const expected = Array.from({ length: 24 }, (_, i) => plain.readFloatLE(1024 + i * 4));
      const packed = gzipSync(plain);
      for (const bytes of [plain, packed, Buffer.from(bzippedSeed, "base64")])
        expect(await call("readPacked", bytes.toString("base64"))).toEqual(expected);
      expect(await call("refusal", packed.subarray(0, -8).toString("base64"))).toMatch(
        /^FormatError: .*damaged/,
      );
      const long = gzipSync(Buffer.concat([plain, Buffer.alloc(1 << 20)]));
      expect(await call("refusal", long.toString("base64"))).toMatch(/^FormatError: .*unpacks to more than/);
      expect(await call("roundTrip", [1, -2, 0.5], 12)).toEqual([1, -2, 0.5]);
      expect(await call("roundTrip", [1, -2, 0.1], 2)).toEqual([1, -2, Math.fround(0.1)]);
    } finally {
      await browser.close();
    }
  });
});
