import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { renderBenchmarks } from "../../bench/report.js";

const root = resolve(import.meta.dirname, "../..");

test("docs/benchmarks.md holds exactly what the records hold", () => {
  expect(readFileSync(join(root, "docs/benchmarks.md"), "utf8")).toBe(renderBenchmarks(root));
});

test("links in the pages lead to files", () => {
  const pages = [
    "README.md",
    "CONTRIBUTING.md",
    ...readdirSync(join(root, "docs"))
      .filter((f) => f.endsWith(".md"))
      .map((f) => `docs/${f}`),
  ];
  for (const page of pages) {
    const text = readFileSync(join(root, page), "utf8");
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      const folder = resolve(root, page, "..");
      expect(
        () => readFileSync(resolve(folder, target as string)),
        `${page} links to ${target}`,
      ).not.toThrow();
    }
  }
});

test("npm scripts that the pages name exist", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const page of ["README.md", "CONTRIBUTING.md"]) {
    for (const [, name] of readFileSync(join(root, page), "utf8").matchAll(/npm run ([a-z:]+)/g))
      expect(scripts, `${page} names npm run ${name}`).toHaveProperty(name as string);
  }
});
