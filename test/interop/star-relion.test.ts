import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createFile } from "../../src/formats/node.js";
import { parseStar, StarTable, writeStar } from "../../src/formats/star/index.js";
import { describeRelion, runTool } from "../support/relion.js";

const folder = mkdtempSync(join(tmpdir(), "cryotile-star-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeRelion("RELION reads the STAR files that we write", () => {
  const rows = 50;
  const optics = StarTable.fromColumns("optics", {
    rlnOpticsGroup: Int32Array.of(1),
    rlnOpticsGroupName: ["opticsGroup1"],
    rlnVoltage: Float64Array.of(300),
    rlnSphericalAberration: Float64Array.of(2.7),
    rlnAmplitudeContrast: Float64Array.of(0.1),
    rlnImagePixelSize: Float64Array.of(1.25),
    rlnImageSize: Int32Array.of(64),
    rlnImageDimensionality: Int32Array.of(2),
  });
  const seed = Math.floor(Math.random() * 1e6);
  const angles = Float64Array.from({ length: rows }, (_, row) => ((seed + row * 37.123) % 360) - 180);
  const particles = StarTable.fromColumns("particles", {
    rlnImageName: Array.from({ length: rows }, (_, row) => `${String(row + 1).padStart(6, "0")}@stack.mrcs`),
    rlnMicrographName: Array.from({ length: rows }, (_, row) => `mic ${row % 3}.mrc`),
    rlnOpticsGroup: new Int32Array(rows).fill(1),
    rlnAngleRot: angles,
    rlnDefocusU: Float64Array.from(angles, (angle) => 15000 + angle),
  });

  async function writeTables(name: string, table: StarTable): Promise<void> {
    const sink = await createFile(join(folder, name));
    await writeStar({ blocks: [optics, table] }, sink);
    await sink.commit();
  }

  test(`relion_star_printtable prints every value (seed ${seed})`, async () => {
    // The tool is an awk script that splits at blanks and joins at most nine rows in order.
    const simple = particles.selectRows([...Array(9).keys()]);
    simple.remove("rlnMicrographName");
    await writeTables("simple.star", simple);
    const { stdout } = await runTool(
      "relion_star_printtable",
      ["simple.star", "data_particles", "rlnAngleRot", "rlnImageName"],
      { cwd: folder },
    );
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/));
    expect(lines.length).toBe(simple.rowCount);
    for (const [row, [angle, image]] of lines.entries()) {
      // 5 decimals for negative values.
      expect(Math.abs(Number(angle) - angles[row])).toBeLessThan(5.1e-6);
      expect(image).toBe(particles.string("rlnImageName", row));
    }
  });

  test("relion_star_handler selects rows and what it writes is read", async () => {
    await writeTables("in.star", particles);
    await runTool(
      "relion_star_handler",
      ["--i", "in.star", "--o", "out.star", "--select", "rlnAngleRot", "--minval", "0"],
      { cwd: folder },
    );
    const out = parseStar(readFileSync(join(folder, "out.star")), "out.star").get("particles");
    const kept = [...angles.keys()].filter((row) => angles[row] >= 0);
    expect(out.strings("rlnImageName")).toEqual(kept.map((row) => particles.string("rlnImageName", row)));
    expect(out.strings("rlnMicrographName")).toEqual(kept.map((row) => `mic ${row % 3}.mrc`));
  });
});
