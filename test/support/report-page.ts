import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { expect } from "vitest";
import { writeReport } from "../../src/app/report/index.js";
import { nodeDisk } from "../../src/formats/node.js";

/** Tags that open and close in order; a page without this is repaired by browsers in ways that nobody checked. */
function expectBalanced(text: string): void {
  const open: string[] = [];
  for (const [, slash, name, closed] of text.matchAll(/<(\/?)([a-z][\w-]*)(?:\s[^<>]*?)?(\/?)>/gi)) {
    if (closed === "/" || ["meta", "img"].includes(name)) continue;
    if (slash === "") open.push(name);
    else expect(open.pop(), `</${name}> after ${text.length} characters`).toBe(name);
  }
  expect(open).toEqual([]);
}

/** Write the report of a folder and check what holds for every one. */
export async function checkedReport(folder: string) {
  const path = await writeReport(nodeDisk, folder);
  expect(path).toBe(join(folder, "report.html"));
  expect(readdirSync(folder).filter((name) => name.includes("report"))).toEqual(["report.html"]);
  const text = readFileSync(path, "utf8");
  expectBalanced(text);
  expect(text.replaceAll(/xmlns(:\w+)?="http:[^"]*"/g, "")).not.toMatch(
    /https?:|src="(?!data:)|url\(|@import|href=/,
  );
  expect(text).not.toMatch(/<script|NaN|undefined|Infinity/);
  const { document } = parseHTML(text);
  for (const svg of document.querySelectorAll("svg")) {
    const [title, description] = (svg.getAttribute("aria-labelledby") ?? "").split(" ");
    expect(document.getElementById(title)?.textContent).not.toBe("");
    expect(document.getElementById(description)?.textContent).not.toBe("");
  }
  for (const image of document.querySelectorAll("img")) expect(image.getAttribute("alt")).toMatch(/slice/);
  for (const figure of document.querySelectorAll("figure"))
    expect(figure.querySelector("h3, p")).not.toBeNull();
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const figures = new Map<string, string>(
    [...document.querySelectorAll("figure")].map((figure) => [
      figure.id,
      figure.querySelector("figcaption")?.textContent ?? "",
    ]),
  );
  return { document, text, figures, body: document.querySelector("main")?.textContent as string };
}
