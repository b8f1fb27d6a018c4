import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Case, makeCase } from "../../src/app/small-case/case.js";
import {
  compareNumbers,
  makeDump,
  parseDump,
  type SmallCaseNumbers,
  smallCaseNumbers,
} from "../../src/app/small-case/dump.js";
import type { Runtime } from "../../src/runtime/contract.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { runCli } from "../support/cli.js";
import { describeCuda, openTestCuda } from "../support/cuda.js";
import { fastRuntimes, openTestRuntime } from "../support/runtimes.js";
import { describeWebGpu } from "../support/webgpu.js";

/** What a card computed: the file that the Teach room compares. */
const recorded = join(import.meta.dirname, "../../web/src/teach/traces/small-case-cuda.json");

let data: Case;
let expected: SmallCaseNumbers;
beforeAll(async () => {
  data = await makeCase();
  expected = await smallCaseNumbers(openReference(), data);
});

async function agrees(runtime: Runtime) {
  try {
    const dump = makeDump(runtime, await smallCaseNumbers(runtime, data), "0.0.0");
    const rows = compareNumbers(dump, expected);
    expect(rows.filter(({ error, tolerance }) => error > tolerance)).toEqual([]);
    expect(rows.map(({ what }) => what)).toEqual([
      ..."direct tiled gemm constant_i coarse start_i firstSample_g values_gs".split(" "),
    ]);
    // float32 cannot be equal in all: what is compared was computed elsewhere.
    expect(Math.max(...rows.map(({ error }) => error))).toBeGreaterThan(0);
    return dump;
  } finally {
    await runtime.close();
  }
}

describe("the small case on every runtime", () => {
  for (const kind of fastRuntimes)
    (kind === "webgpu" ? describeWebGpu : describe)(kind, () => {
      test("has the numbers of the reference", async () => {
        expect((await agrees(await openTestRuntime(kind))).runtime).toBe(kind);
      });
    });

  describeCuda("cuda, emulated", () => {
    test.each(["single", "double"] as const)("has the numbers of the reference: %s", async (precision) => {
      expect((await agrees(await openTestCuda({ precision }))).precision).toBe(precision);
    });
  });
});

describe("what a card computed", () => {
  const dump = () => parseDump(readFileSync(recorded, "utf8"), "small-case-cuda.json");

  test("is of a card, and has the numbers of the reference", () => {
    const { runtime, device } = dump();
    expect(runtime).toBe("cuda");
    expect(device).toContain("NVIDIA");
    for (const { what, error, tolerance } of compareNumbers(dump(), expected))
      expect(error, what).toBeLessThanOrEqual(tolerance);
  });

  test("would not agree with one number changed", () => {
    const found = structuredClone(dump());
    found.numbers.firstSample_g[1] += 32;
    found.numbers.diff2_iot.gemm[7] *= 1.01;
    const wrong = compareNumbers(found, expected).filter(({ error, tolerance }) => error > tolerance);
    expect(wrong.map(({ what }) => what)).toEqual(["gemm", "firstSample_g"]);
  });
});

describe("cryotile verify --small-case", () => {
  const folder = mkdtempSync(join(tmpdir(), "cryotile-small-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("writes a file that can be read again, and tells the errors", () => {
    const path = join(folder, "numbers.json");
    const { status, stdout } = runCli(folder, "verify", "--runtime", "cpu", "--small-case", path);
    expect(status).toBe(0);
    expect(stdout).toMatch(/gemm: error \d\.\de-\d+, 1\.0e-5 is allowed/);
    const { runtime, numbers } = parseDump(readFileSync(path, "utf8"), path);
    expect(runtime).toBe("cpu");
    expect(numbers.diff2_iot.direct).toHaveLength(72);
  });

  test("a folder that is not there, and --job beside it, are refused", () => {
    const path = join(folder, "missing", "numbers.json");
    const missing = runCli(folder, "verify", "--runtime", "cpu", "--small-case", path);
    expect(missing.status).toBe(1);
    expect(missing.stderr).toContain(`${path}: cannot write: no such file or folder`);
    const both = runCli(folder, "verify", "--job", "--small-case", path);
    expect(both.stderr).toContain("verify --small-case: is a check of its own; leave out --job");
  });

  test("another file is told by its name and by what is wrong in it", () => {
    expect(() => parseDump("{", "a.json")).toThrow("a.json: is not JSON");
    expect(() => parseDump('{"format":"cryotile-memory-trace"}', "b.json")).toThrow(
      "b.json: is not the small case of cryotile verify --small-case: format:",
    );
  });
});
