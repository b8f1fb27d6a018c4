import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Page } from "playwright-core";
import { parseSync } from "vite";
import { beforeAll, describe, expect, test } from "vitest";
import { makeCase } from "../../src/app/small-case/case.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { computeDifferences } from "../../web/src/teach/model/gsd.js";
import { hasCases, languageNames, places } from "../../web/src/teach/model/state.js";
import { violations } from "../support/axe.js";
import { describeChromium } from "../support/chromium.js";
import { drawn, useTeachPage } from "../support/teach-page.js";

const room = resolve(import.meta.dirname, "../../web/src/teach");

/** Every text of a language by its path: `steps.tile.body.0`. */
function texts(language: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const collect = (value: unknown, path: string) => {
    if (typeof value === "string") found.set(path, value);
    else
      for (const [name, own] of Object.entries(value as object))
        collect(own, path === "" ? name : `${path}.${name}`);
  };
  collect(JSON.parse(readFileSync(`${room}/text/${language}.json`, "utf8")), "");
  return found;
}

const english = texts("en");

/** Texts that are the same in English and in another language. */
const sameWords: Readonly<Record<string, readonly string[]>> = {
  de: ["Element", "Pixel", "Translation", "WebGPU"],
};

/** Names of the places `{name}` and of the marks `{name|words}` of a text. */
const slots = (text = "") => [...text.matchAll(/\{(\w+)([|}])/g)].map(([, name, kind]) => name + kind).sort();

describe.each(languageNames.filter((name) => name !== "en"))("the texts in another language: %s", (name) => {
  const other = texts(name);

  test("have the keys of the English ones, and lists of the same length", () => {
    expect([...other.keys()].sort()).toEqual([...english.keys()].sort());
  });

  test("have the same places and marks, and none is empty", () => {
    for (const [path, text] of other) {
      expect({ path, slots: slots(text) }).toEqual({ path, slots: slots(english.get(path)) });
      expect(text.trim(), path).not.toBe("");
    }
  });

  test("none is left in English", () => {
    const same = [...other].filter(([path, text]) => text === english.get(path)).map(([, text]) => text);
    expect([...new Set(same)].sort()).toEqual([...sameWords[name]].sort());
  });
});

/** What a reader sees or hears of an element. */
const readable = new Set(
  "alt aria-label aria-valuetext caption label name note placeholder text title unit".split(" "),
);
/** Attributes that hold no words. */
const wordless = new Set("class columnClass d rowClass style viewBox".split(" "));
/** What is no word of a language: units, names of the program and of formulas, values of styles, lines of programs. */
const languageless = [
  /^ ms$/,
  /^Re$/,
  /^float(32|64)$/,
  /^(firstSample_g|start_i) = $/,
  /^teach$/,
  /^color-mix\(/,
  /^(push|pop|alloc|free) \w*$/,
];

type Tree = { readonly type: string; readonly [part: string]: unknown };
const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && typeof (value as Tree).type === "string";

/** The text that a node is. */
function textOf({ type, value }: Tree): string | undefined {
  if (type === "TemplateElement") return (value as { cooked: string }).cooked;
  return (type === "JSXText" || type === "Literal") && typeof value === "string" ? value : undefined;
}

const nameOf = (node: unknown) => (node as { name?: string }).name ?? "";

/** Imports, types and attributes that hold no words. */
const isWordless = (node: Tree) =>
  node.type === "ImportDeclaration" ||
  /^TS(?!As|Satisfies|NonNull)/.test(node.type) ||
  (node.type === "JSXAttribute" && wordless.has(nameOf(node.name)));

/** Whether a reader meets a text in this part of a node, where `met` says so of the node. */
function meets(node: Tree, part: string, met: boolean): boolean {
  switch (node.type) {
    case "JSXElement":
    case "JSXFragment":
      return part === "children";
    case "JSXAttribute":
      return readable.has(nameOf(node.name));
    case "Property":
      return part === "value" && readable.has(nameOf(node.key));
    case "ConditionalExpression":
      return met && part !== "test";
    case "LogicalExpression":
    case "TemplateLiteral":
    case "JSXExpressionContainer":
      return met;
    default:
      return false;
  }
}

/** Words in the code of a component: one where a reader meets it, two in a row elsewhere. */
function* hardCoded(node: Tree, met = false): Generator<string> {
  if (isWordless(node)) return;
  const text = textOf(node);
  const words = met ? /\p{L}{2,}/u : /\p{L}{2,}\s+\p{L}{2,}/u;
  if (text !== undefined && words.test(text) && !languageless.some((own) => own.test(text)))
    yield text.trim();
  for (const [part, value] of Object.entries(node))
    for (const one of [value].flat()) if (isTree(one)) yield* hardCoded(one, meets(node, part, met));
}

function wordsOf(name: string, code: string): string[] {
  const { program, errors } = parseSync(name, code);
  expect(errors).toEqual([]);
  return [...hardCoded(program as unknown as Tree)];
}

const files = readdirSync(room, { encoding: "utf8", recursive: true }).filter((file) =>
  /\.tsx$|^(worksheet|compute|views\W\w+)\.ts$/.test(file),
);

describe("words stand in the texts, not in the code", () => {
  test("the search finds them", () => {
    const code = `const a = <p aria-label="Side" class="one two">Text {b ? \`\${c} of d\` : "no"} {words.x}</p>;
      const say = (n: "a b") => \`took \${n} and more of it\`;`;
    expect(wordsOf("a.tsx", code)).toEqual(["Side", "Text", "of d", "no", "and more of it"]);
  });

  test.each(files)("%s", (file) => {
    expect(wordsOf(file, readFileSync(`${room}/${file}`, "utf8"))).toEqual([]);
  });
});

describeChromium("the Teach room in German", () => {
  const opened = useTeachPage();
  let page: Page;
  let server: typeof opened.server;
  beforeAll(() => {
    ({ page, server } = opened);
  });
  const german = texts("de");

  const title = () => page.locator("#teach-title").textContent();
  const open = async (place: string, language = "de") => {
    const [path, query = ""] = place.split("?");
    await page.goto(`${server.url}#/teach/${path}?lang=${language}&${query}`);
    const step = path.split("/")[1];
    await expect.poll(title).toBe((language === "de" ? german : english).get(`steps.${step}.title`));
    await drawn(page, place);
  };
  const loaded = () => server.requests.some((name) => /\/de-[^/]*\.js$/.test(name));

  test("is loaded when it is asked for, and the switch keeps the place", async () => {
    await open("gsd/number", "none");
    expect(loaded()).toBe(false);
    await page.goto(`${server.url}#/teach/gsd/table?i=1&o=2`);
    await page.getByRole("link", { name: "Deutsch" }).click();
    await expect.poll(title).toBe("Alle Zahlen");
    expect(loaded()).toBe(true);
    expect(new URLSearchParams(page.url().split("?")[1]).toString()).toBe("i=1&o=2&lang=de");
    expect(await page.locator(".teach").getAttribute("lang")).toBe("de");
    const back = page.getByRole("link", { name: "English" });
    expect([await back.getAttribute("lang"), await back.getAttribute("hreflang")]).toEqual(["en", "en"]);
    await page.locator("body").click({ position: { x: 5, y: 300 } });
    await page.keyboard.press("ArrowRight");
    await expect.poll(title).toBe("Eine Kachel");
    await back.click();
    await expect.poll(title).toBe("A tile");
    expect(page.url()).not.toContain("lang=");
    expect(await page.locator(".teach").getAttribute("lang")).toBe("en");
  });

  test("ends where the room ends", async () => {
    await open("gsd/number");
    await page.getByRole("link", { name: "Monitor" }).click();
    await page.locator("[data-room=monitor]").waitFor();
    await expect.poll(() => page.locator("[lang=de]").count()).toBe(0);
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("en");
  });

  test("numbers have a decimal comma and groups with points", async () => {
    const { constant_i } = await computeDifferences(openReference(), await makeCase());
    await open("gsd/product");
    expect(await page.locator(".teach-margins table").nth(1).locator("tbody td").allTextContents()).toEqual(
      Array.from(constant_i, (value) => value.toFixed(1).replace(".", ",")),
    );
    await open("puzzles/peak");
    await page.getByLabel("Spitzenwert in Bytes").fill("11.776");
    await page.getByRole("button", { name: "Prüfen" }).click();
    const verdict = page.locator(".teach-verdict");
    await expect.poll(() => verdict.textContent()).toBe("Gelöstder Spitzenwert der Arena ist 11.776 Bytes");
  });

  test("a worksheet", async () => {
    await open("gsd/number?teacher=1");
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name: "Arbeitsblatt" }).click();
    const file = await waiting;
    expect(file.suggestedFilename()).toBe("arbeitsblatt.md");
    const text = readFileSync((await file.path()) as string, "utf8");
    for (const part of ["# Arbeitsblatt", "## Zwei Matrixprodukte", "Was ist der Stapelzeiger?"])
      expect(text).toContain(part);
    expect(text).not.toMatch(/[{}]/);
  });

  /** All texts of the stage, seen and read aloud, but code. */
  const told = () =>
    page.locator(".teach-stage").evaluate((stage) => {
      const found: string[] = [];
      for (const one of stage.querySelectorAll(":scope, :scope *:not(code, pre, pre *)")) {
        for (const name of ["aria-label", "aria-valuetext", "title"]) {
          const text = one.getAttribute(name);
          if (text !== null) found.push(text);
        }
        for (const { nodeType, nodeValue } of one.childNodes)
          if (nodeType === Node.TEXT_NODE && nodeValue !== null) found.push(nodeValue);
      }
      return found;
    });
  const hide = (step: string) => (step === "tile" ? "&hide=guess" : "");

  test("nothing of a step stays in the language that was left", async () => {
    for (const { chapter, step } of places)
      for (const own of hasCases({ chapter, step }) ? ["", "&case=64"] : [""]) {
        const place = `${chapter}/${step}?element=40${own}${hide(step)}`;
        await open(place, "none");
        const left = await told();
        await page.getByRole("link", { name: "Deutsch" }).click();
        await expect.poll(title).toBe(german.get(`steps.${step}.title`));
        const switched = await told();
        await page.goto("about:blank");
        await open(place);
        await expect.poll(told).toEqual(switched);
        expect(switched, place).not.toEqual(left);
      }
  }, 180_000);

  test("every step fits 360 px, no place is left open, and axe finds no fault", async () => {
    await page.setViewportSize({ width: 360, height: 900 });
    const found: string[] = [];
    const shown = places.flatMap((place) =>
      (hasCases(place) ? ["", "&case=64"] : [""]).map((own) => ({ ...place, own })),
    );
    for (const { chapter, step, own } of shown) {
      await open(`${chapter}/${step}?teacher=1&element=40${own}${hide(step)}`);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > 360) found.push(`${step}${own} is ${width} px wide`);
      const texts = await page
        .locator(".teach :is(p, li, caption, figcaption, th, dt, label, legend, button, summary, h1, h2, a)")
        .allTextContents();
      const unfilled = texts.filter((text) => /\{\w+[|}]/.test(text));
      const points = (await told()).filter((text) => /\b0\.\d|\d\.(?!\d{3}(?!\d))\d/.test(text));
      found.push(...[...unfilled, ...points].map((text) => `${step}${own}: ${text}`));
      // Axe takes seconds a page: one step of each chapter.
      if (!["product", "stack", "groups", "race", "index"].includes(step)) continue;
      const faults = await violations(page);
      found.push(...faults.map((fault) => `${step} ${fault}`));
    }
    expect(found).toEqual([]);
  }, 180_000);
});
