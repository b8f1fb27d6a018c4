import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createMrc, openMrc } from "../../src/formats/mrc/index.js";
import { createFile, openFile } from "../../src/formats/node.js";
import { describeRelion, runTool } from "../support/relion.js";

const folder = mkdtempSync(join(tmpdir(), "cryotile-mrc-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// RELION 3.1.3 cannot read float16, so only float32 is compared.
describeRelion("RELION reads the MRC files that we write", () => {
  const box = 16;
  const values = Float32Array.from({ length: box ** 3 }, () => Math.fround(Math.random() * 4 - 1));

  async function write(name: string, kind: "stack" | "volume"): Promise<void> {
    const writer = await createMrc(await createFile(join(folder, name)), {
      kind,
      width: box,
      height: box,
      count: box,
      mode: 2,
      pixelSize: 1.77,
    });
    await writer.write(values);
    await writer.finish();
  }

  test("relion_image_handler --stats gives size, pixel size and statistics", async () => {
    await write("map.mrc", "volume");
    const { stdout } = await runTool("relion_image_handler", ["--i", "map.mrc", "--stats"], { cwd: folder });
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    expect(stdout).toMatch(/16 x 16 x 16/);
    const stated = [...stdout.matchAll(/(avg|stddev|minval|maxval)\s*=\s*(\S+?)[;\s]/g)].map(
      ([, name, value]) => [name, Number(value)],
    );
    // Six significant digits are printed.
    for (const [name, expected] of [
      ["avg", mean],
      ["stddev", deviation],
    ] as const)
      expect(Number(stated.find(([label]) => label === name)?.[1]), stdout).toBeCloseTo(expected, 4);
    expect(stdout).toContain("1.77");
  });

  test("a stack and a map go through RELION and come back bit by bit", async () => {
    await write("in.mrcs", "stack");
    await write("in.mrc", "volume");
    await runTool("relion_image_handler", ["--i", "in.mrcs", "--o", "out.mrcs", "--multiply_constant", "2"], {
      cwd: folder,
    });
    await runTool("relion_image_handler", ["--i", "in.mrc", "--o", "out.mrc", "--multiply_constant", "2"], {
      cwd: folder,
    });
    for (const [name, kind] of [
      ["out.mrcs", "stack"],
      ["out.mrc", "volume"],
    ] as const) {
      const file = await openMrc(await openFile(join(folder, name)));
      expect(file.kind).toBe(kind);
      expect(await file.readVolume()).toEqual(values.map((value) => value * 2));
      await file.close();
    }
  });

  test("headers are RELION's, but for label and format version", async () => {
    await write("zero.mrcs", "stack");
    await write("zero.mrc", "volume");
    for (const name of ["zero.mrcs", "zero.mrc"]) {
      await runTool(
        "relion_image_handler",
        ["--i", name, "--o", `by-relion-${name}`, "--add_constant", "0"],
        {
          cwd: folder,
        },
      );
      const [ours, theirs] = [name, `by-relion-${name}`].map((file) =>
        readFileSync(join(folder, file)).subarray(0, 1024),
      ) as [Buffer, Buffer];
      for (const header of [ours, theirs]) {
        // NVERSION: RELION leaves 0, MRC2014 wants 20140. The label of RELION holds the time.
        header.fill(0, 108, 112);
        header.fill(0, 224, 304);
      }
      expect(ours.toString("hex"), name).toBe(theirs.toString("hex"));
    }
  });
});
