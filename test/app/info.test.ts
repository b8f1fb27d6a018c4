import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeWeights } from "../fuzz/weights.js";

const root = resolve(import.meta.dirname, "../..");
const golden = join(root, "test/golden/tiny");
const folder = mkdtempSync(join(tmpdir(), "cryotile-info-"));
const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, "dist/src/app/cli.js"), ...args], {
    cwd: folder,
    encoding: "utf8",
  });

beforeAll(() => {
  for (const name of ["parts.star", "ref.mrc"]) cpSync(join(golden, name), join(folder, name));
  writeFileSync(join(folder, "noisy.mrcs"), gunzipSync(readFileSync(join(golden, "noisy.mrcs.gz"))));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("cryotile info", () => {
  test("tells tables, labels, rows and the images that are there", () => {
    const { stdout, status } = run("info", "parts.star");
    expect(status).toBe(0);
    expect(stdout).toContain("data_particles: 60 rows, 6 labels");
    expect(stdout).toContain("rlnDefocusU");
    expect(stdout).toContain("images: 60 of 60 present, in 1 of 1 files");
  });

  test("tells missing images and goes on", () => {
    writeFileSync(
      join(folder, "lost.star"),
      "data_\nloop_\n_rlnImageName\n61@noisy.mrcs\n1@gone.mrcs\n2@noisy.mrcs:mrcs\n",
    );
    const { stdout, status } = run("info", "lost.star");
    expect([
      status,
      stdout.includes("images: 1 of 3 present, in 2 of 3 files"),
      stdout.includes("missing: gone.mrcs"),
    ]).toEqual([0, true, true]);
  });

  test("tells size, mode, pixel size and statistics of maps and stacks, as JSON too", () => {
    const { stdout, status } = run("info", "--json", "ref.mrc", "noisy.mrcs");
    expect(status).toBe(0);
    const [map, stack] = JSON.parse(stdout);
    expect(map).toMatchObject({
      format: "MRC",
      kind: "volume",
      size: [32, 32, 32],
      mode: 2,
      pixelSize: [4, 4, 4],
    });
    expect(stack).toMatchObject({ kind: "stack", size: [32, 32, 60] });
    // White noise of variance 1 over a weak signal: 61,440 pixels.
    expect(stack.statistics.rms).toBeGreaterThan(0.95);
    expect(stack.statistics.rms).toBeLessThan(1.3);
    expect(JSON.parse(run("info", "--json", "--header", "ref.mrc").stdout)[0].statistics).toBeUndefined();
  });

  test("tells particles, kept parents and the bytes of three layouts of weights files", () => {
    // Two particles of 3 parents with 2 children; the first keeps two parents, the second one.
    const fields = { children: 2, valueBytes: 4, samples: 6, starts: [0, 2, 3], firstSamples: [0, 4, 2] };
    const sound = makeWeights({ ...fields, values: [1, 2, 3, 4, 5, 6] });
    writeFileSync(join(folder, "kept.weights"), sound);
    const { stdout, status } = run("info", "kept.weights");
    expect(status).toBe(0);
    expect(stdout).toContain("2 particles of 6 samples (3 parents of 2), float32");
    expect(stdout).toContain("3 kept parents, 1 to 2 a particle, mean 1.5");
    // n(S s + 4), N S s and n S (s + 4) with n = 3, N = 6, S = 2, s = 4.
    expect(stdout).toContain("bytes: grouped 36 (smaller), dense 48, pairs 48");
    expect(JSON.parse(run("info", "--json", "kept.weights").stdout)).toEqual([
      {
        file: "kept.weights",
        format: "weights",
        particles: 2,
        groups: 3,
        children: 2,
        parents: 3,
        samples: 6,
        valueBytes: 4,
        kept: { minimum: 1, mean: 1.5, maximum: 2 },
        bytes: { grouped: 36, dense: 48, pairs: 48 },
        smaller: "grouped",
      },
    ]);

    const all = { ...fields, samples: 2, starts: [0, 1, 2], firstSamples: [0, 0] };
    writeFileSync(join(folder, "all.weights"), makeWeights({ ...all, values: [1, 2, 3, 4] }));
    expect(run("info", "all.weights").stdout).toContain("bytes: grouped 24, dense 16 (smaller), pairs 32");

    writeFileSync(
      join(folder, "nan.weights"),
      makeWeights({ ...fields, values: [1, 2, 3, Number.NaN, 5, 6] }),
    );
    const bad = run("info", "nan.weights");
    expect([bad.status, bad.stdout]).toEqual([1, ""]);
    expect(bad.stderr).toContain("nan.weights (byte 76): value 3 is NaN");
    expect(run("info", "--header", "nan.weights").status).toBe(0);
    writeFileSync(join(folder, "cut.weights"), sound.subarray(0, 50));
    expect(run("info", "cut.weights").stderr).toMatch(/cut\.weights \(byte 50\): truncated/);
  });

  test("an unsound file is one line on stderr and exit code 1; sound ones beside it are still told", () => {
    writeFileSync(join(folder, "cut.mrc"), readFileSync(join(folder, "ref.mrc")).subarray(0, 5000));
    writeFileSync(join(folder, "bad.star"), "data_\nloop_\n_a\n_b\n1\n");
    writeFileSync(join(folder, "empty"), "");
    writeFileSync(
      join(folder, "random"),
      Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) & 255)),
    );
    for (const [name, message] of [
      ["cut.mrc", /cut\.mrc \(byte 5000\): truncated/],
      ["bad.star", /bad\.star:5: a row of data_ has 1 values for 2 labels/],
      ["empty", /empty: is empty/],
      ["random", /random/],
      ["none.mrc", /none\.mrc: cannot open: no such file/],
    ] as const) {
      const { status, stderr, stdout } = run("info", name, "ref.mrc");
      expect(status, name).toBe(1);
      expect(stderr.trim().split("\n").length, stderr).toBe(1);
      expect(stderr).toMatch(message);
      expect(stdout).toContain("ref.mrc: MRC volume");
    }
  });

  test("help and version are there, unknown commands are refused", () => {
    expect(run("--help").stdout).toMatch(/info .*\n[\s\S]*simulate/);
    expect(run("--version").stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
    expect(run("refin").status).toBe(1);
  });
});
