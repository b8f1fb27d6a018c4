import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { parseBytes } from "../../src/app/bytes.js";
import { runCli } from "../support/cli.js";
import { asked, largest, total, traceOf, wall } from "../support/traces.js";

const sample = resolve(import.meta.dirname, "../golden/memory/published-failure.json");
const folder = mkdtempSync(join(tmpdir(), "cryotile-memory-"));
const replay = (...args: string[]) => runCli(folder, "memory", "replay", ...args);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("cryotile memory replay", () => {
  test("tells the published failure of a first-fit list, and exits with 0", () => {
    const { stdout, stderr, status } = replay(sample);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("capacity 39,661,056 bytes");
    const firstFit = stdout.slice(stdout.indexOf("first fit"), stdout.indexOf("stack"));
    for (const text of ["request (event 4)", "44,135,424", "29,665,280", "39,136,768", "short of 4,998,656"])
      expect(firstFit).toContain(text);
  });

  test("as JSON", () => {
    const { stdout, status } = replay("--json", sample);
    expect(status).toBe(0);
    const { capacity, events, results } = JSON.parse(stdout);
    expect([capacity, events, results.length]).toEqual([total + wall, 6, 2]);
    expect(results[0]).toEqual({
      policy: "first-fit",
      peak: total - largest + wall,
      mostFragmented: total - largest,
      failure: { event: 4, name: "request", asked, largestFree: largest, totalFree: total },
    });
    expect(results[1].policy).toBe("stack");
  });

  test("--capacity takes the place of the trace's", () => {
    const { results } = JSON.parse(replay("--json", "--capacity", "0.05GiB", sample).stdout);
    expect(results[0].failure).toMatchObject({ asked, largestFree: Math.round(0.05 * 2 ** 30) - 9_995_776 });
    const fits = replay("--capacity", "80GB", sample);
    expect(fits.stdout).toContain("capacity 80,000,000,000 bytes");
    expect(fits.stdout.match(/│ none/g)?.length).toBe(2);
  });

  test("a trace without a capacity is not limited", () => {
    const trace = traceOf((arena) => {
      arena.alloc("reference", 1e12);
      arena.push("job");
      arena.alloc("images", 5e10);
    }, 1);
    writeFileSync(join(folder, "open.json"), JSON.stringify(trace));
    const { capacity, results } = JSON.parse(replay("--json", "open.json").stdout);
    expect(capacity).toBe(null);
    for (const result of results) expect(result).toMatchObject({ peak: 1.05e12, mostFragmented: 0 });
    expect(replay("open.json").stdout).toContain("capacity not limited");
    writeFileSync(join(folder, "none.json"), JSON.stringify({ ...trace, events: [] }));
    expect(replay("none.json").stdout).toContain("0 events, 0 requests");
  });

  describe("--chrome", () => {
    beforeEach(() => writeFileSync(join(folder, "own.json"), readFileSync(sample)));

    test("writes spans and the counter under its final name alone", () => {
      expect(replay("own.json", "--chrome", "chrome.json").status).toBe(0);
      const { traceEvents } = JSON.parse(readFileSync(join(folder, "chrome.json"), "utf8"));
      const names = traceEvents.filter((event: { ph: string }) => event.ph === "b");
      expect(names.map((event: { name: string }) => event.name)).toEqual(["scattered", "wall", "request"]);
      expect(traceEvents.filter((event: { ph: string }) => event.ph === "C").length).toBe(6);
      expect(readdirSync(folder).filter((name) => name.includes("tmp"))).toEqual([]);
    });

    test("does not overwrite the trace, and says where it cannot write", () => {
      const same = replay("own.json", "--chrome", "./own.json");
      expect([same.status, same.stderr]).toEqual([1, expect.stringContaining("is the trace itself")]);
      expect(readFileSync(join(folder, "own.json"))).toEqual(readFileSync(sample));
      const lost = replay("own.json", "--chrome", "no-such-folder/chrome.json");
      expect(lost.status).toBe(1);
      expect(lost.stderr).toMatch(/no-such-folder.*no such file or folder/);
    });
  });

  test("bad input is one line on stderr and exit code 1", () => {
    const text = readFileSync(sample, "utf8");
    const write = (name: string, content: string) => writeFileSync(join(folder, name), content);
    write("cut.json", text.slice(0, text.length / 2));
    write("other.json", '{"traceEvents": []}');
    write("capacity.json", text.replace('"capacity": 39661056', '"capacity": -39661056'));
    write("order.json", text.replace('"kind":"pop","scope":"job"', '"kind":"pop","scope":"iteration"'));
    write("empty.json", "");
    write("lines.json", '{"format":\n\n what');
    for (const [args, message] of [
      [["cut.json"], /cut\.json: not JSON/],
      [["other.json"], /other\.json: "format" is not "cryotile-memory-trace"/],
      [["capacity.json"], /capacity\.json: "capacity" is -39661056/],
      [["order.json"], /order\.json: event 5 \(pop\) is in iteration while job is the innermost scope/],
      [["lines.json"], /lines\.json: not JSON/],
      [["empty.json"], /empty\.json: not JSON/],
      [["missing.json"], /missing\.json: cannot open: no such file/],
      [["."], /\.: is not a regular file/],
      [[sample, "--capacity", "-1"], /--capacity -1: is not an amount of memory/],
      [[sample, "--capacity", "80G"], /--capacity 80G: is not an amount of memory/],
      [[sample, "--capacity", "0"], /--capacity 0: must be a whole number/],
    ] as const) {
      const { status, stderr, stdout } = replay(...args);
      expect([status, stdout], args.join(" ")).toEqual([1, ""]);
      expect(stderr).toMatch(message);
      expect(stderr.trim().split("\n").length, stderr).toBe(1);
    }
  });
});

describe("amounts of memory", () => {
  test.each([
    ["1", 1],
    ["85899345920", 85_899_345_920],
    ["80GB", 80e9],
    ["12GiB", 12_884_901_888],
    ["1.5 KiB", 1536],
    ["2tb", 2e12],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ])("%s", (text, bytes) => expect(parseBytes(text, "--capacity")).toBe(bytes));

  test.each([
    "",
    "GB",
    "1e9",
    "0x10",
    "1.5",
    "9007199254740992",
    "10000TiB",
    "80 G",
    "constructor",
    "1constructor",
  ])("%s is refused", (text) =>
    expect(() => parseBytes(text, "--capacity")).toThrow(/^--capacity .*(amount|whole number)/),
  );
});
