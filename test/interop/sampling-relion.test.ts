import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { parseStar } from "../../src/formats/star/index.js";
import { orientationGrid } from "../../src/geometry/sampling.js";
import { pointGroup } from "../../src/geometry/symmetry.js";
import { describeRelion, runTool } from "../support/relion.js";

const golden = resolve(import.meta.dirname, "../golden/tiny");
const folder = mkdtempSync(join(tmpdir(), "cryotile-sampling-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeRelion("RELION samples the directions that we sample", () => {
  // One particle and one translation: only the grid matters.
  const prepare = () => {
    mkdirSync(join(folder, "run"), { recursive: true });
    copyFileSync(join(golden, "ref.mrc"), join(folder, "ref.mrc"));
    writeFileSync(join(folder, "noisy.mrcs"), gunzipSync(readFileSync(join(golden, "noisy.mrcs.gz"))));
    const lines = readFileSync(join(golden, "parts.star"), "utf8").split("\n");
    const first = lines.findIndex((line) => line.startsWith("000001@"));
    writeFileSync(join(folder, "parts.star"), `${lines.slice(0, first + 6).join("\n")}\n`);
  };

  const folds = 2 + Math.floor(Math.random() * 10);
  test.each([`C${folds}`, `D${folds}`, "T", "O", "I3"])("%s at HEALPix orders 2 and 3", async (name) => {
    prepare();
    for (const order of [2, 3]) {
      const options = `--o run/${name} --i parts.star --ref ref.mrc --ini_high 30 --iter 1 --particle_diameter 90 --healpix_order ${order} --oversampling 0 --offset_range 0.5 --offset_step 1 --sym ${name} --random_seed 5 --perturb 0`;
      await runTool("relion_refine", options.split(" "), { cwd: folder });
      const star = parseStar(readFileSync(join(folder, `run/${name}_it001_sampling.star`)), "sampling");
      const directions = star.get("sampling_directions");
      const grid = orientationGrid({ order, group: pointGroup(name) });
      expect(grid.rot.length).toBe(directions.rowCount);
      for (const [label, ours] of [
        ["rlnAngleRot", grid.rot],
        ["rlnAngleTilt", grid.tilt],
      ] as const) {
        const theirs = directions.numbers(label);
        // RELION prints 5 decimals of negative values.
        for (let i = 0; i < ours.length; i++) expect(Math.abs(ours[i] - theirs[i])).toBeLessThan(5.1e-6);
      }
    }
  });
});
