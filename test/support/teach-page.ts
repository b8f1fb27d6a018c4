import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { launchBrowser } from "./browser.js";
import { buildPage, servePage } from "./page.js";

/** A browser on the built page for all tests of a suite; what went wrong in the page fails the suite at its end. */
export function useTeachPage(options: { readonly webGpu?: boolean } = {}) {
  const faults: string[] = [];
  let built: Awaited<ReturnType<typeof buildPage>>;
  const own = {} as { browser: Browser; page: Page; server: Awaited<ReturnType<typeof servePage>> };
  beforeAll(async () => {
    built = await buildPage();
    own.server = await servePage(built.folder);
    own.browser = await launchBrowser(options);
    own.page = await own.browser.newPage({
      viewport: { width: 1280, height: 900 },
      reducedMotion: "reduce",
    });
    own.page.on("pageerror", (error) => faults.push(error.message));
  }, 180_000);
  afterAll(async () => {
    await own.browser?.close();
    own.server?.close();
    built?.remove();
    expect(faults).toEqual([]);
  });
  return own;
}

/** Until the figures of a step are drawn, or its question. `place`: chapter and step. */
export async function drawn(page: Page, place: string): Promise<void> {
  const step = /^\w+\/(\w+)/.exec(place)?.[1];
  await page.locator(`[data-step=${step}] .teach-stage > :is(.teach-stack, .teach-guess)`).waitFor();
}

/** The number beside a name in the figures of a step, without groups and unit. */
export async function measured(page: Page, name: string): Promise<number> {
  const box = page.locator(".teach-stage .measure", { has: page.getByText(name, { exact: true }) });
  return Number.parseFloat(((await box.locator("dd").textContent()) ?? "").replaceAll(",", ""));
}
