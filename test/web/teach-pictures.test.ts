import { resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";
import { servePage } from "../support/page.js";
import { keptPicture, unlike } from "../support/picture.js";
import { drawn } from "../support/teach-page.js";

const built = resolve(import.meta.dirname, "../../dist/web");

/** Every step as it is first seen, and where they have a second look, that one. What was measured on this machine is not in them. */
const pictures = {
  number: "gsd/number",
  table: "gsd/table",
  guess: "gsd/tile",
  tile: "gsd/tile?hide=guess",
  product: "gsd/product",
  stack: "memory/stack?event=222",
  freelist: "memory/freelist?event=5",
  mixed: "memory/freelist?program=mixed&event=40",
  groups: "weights/groups?element=40",
  bytes: "weights/bytes",
  "number-64": "gsd/number?case=64",
  "table-64": "gsd/table?case=64&o=40&i=3",
  "tile-64": "gsd/tile?case=64&hide=guess&part=3",
  "product-64": "gsd/product?case=64",
  "groups-64": "weights/groups?case=64&element=40",
  german: "memory/freelist?lang=de&program=nested",
  race: "run/race",
  index: "puzzles/index",
  fit: "puzzles/fit",
  peak: "puzzles/peak",
  scope: "puzzles/scope",
} as const;

/** Letters whose edges another build draws otherwise; what is left out, added or moved is more. */
const allowed = 0.004;

describeChromium("pictures of the Teach room", () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof servePage>>;
  let page: Page;
  beforeAll(async () => {
    browser = await launchBrowser();
    server = await servePage(built);
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      deviceScaleFactor: 0.5,
      colorScheme: "light",
      reducedMotion: "reduce",
    });
    page = await context.newPage();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  const take = async (place: string) => {
    await page.goto(`${server.url}#/teach/${place}`);
    await drawn(page, place);
    await page.evaluate(() => document.fonts.ready);
    return page.screenshot({ animations: "disabled", caret: "hide" });
  };

  test.each(Object.entries(pictures))("%s looks as it did when somebody looked", async (name, place) => {
    const taken = await take(place);
    expect(unlike(taken, keptPicture(`teach/${name}`, taken))).toBeLessThan(allowed);
  });

  test("a picture that is not the one is told from it", async () => {
    const [a, b] = [await take("gsd/tile?hide=guess"), await take("gsd/tile?hide=guess&depth=8")];
    expect(unlike(a, b)).toBeGreaterThan(allowed);
    expect(
      unlike(await take("memory/stack?event=222"), await take("memory/stack?event=300")),
    ).toBeGreaterThan(allowed);
  });
});
