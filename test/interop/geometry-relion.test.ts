import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseStar } from "../../src/formats/star/index.js";
import { directionPrior, psiPrior } from "../../src/geometry/prior.js";
import { orientationGrid } from "../../src/geometry/sampling.js";
import { pointGroup } from "../../src/geometry/symmetry.js";
import { describeRelion, runTool } from "../support/relion.js";

const tiny = resolve(import.meta.dirname, "../golden/tiny");
const folder = mkdtempSync(join(tmpdir(), "cryotile-geometry-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Particles, all with the given angles as their prior. */
function writeParticles(name: string, count: number, rot = 0, tilt = 0, psi = 0): void {
  const rows = Array.from(
    { length: count },
    (_, i) => `${i + 1}@noisy.mrcs one.mrc 1 ${rot} ${tilt} ${psi}\n`,
  );
  writeFileSync(
    join(folder, name),
    `# version 30001

data_optics

loop_
_rlnOpticsGroup
_rlnOpticsGroupName
_rlnVoltage
_rlnSphericalAberration
_rlnAmplitudeContrast
_rlnImagePixelSize
_rlnImageSize
_rlnImageDimensionality
1 group 300 2.7 0.1 4 32 2

# version 30001

data_particles

loop_
_rlnImageName
_rlnMicrographName
_rlnOpticsGroup
_rlnAngleRot
_rlnAngleTilt
_rlnAnglePsi
${rows.join("")}`,
  );
}

async function refine(particles: string, symmetry: string, order: number, extra: string[]): Promise<string> {
  const { stdout } = await runTool(
    "relion_refine",
    [
      ...["--o", "./run", "--i", particles, "--ref", "ref.mrc", "--ini_high", "30", "--iter", "1"],
      ...["--particle_diameter", "90", "--oversampling", "0", "--offset_range", "0.5", "--offset_step", "1"],
      ...["--random_seed", "5", "--perturb", "0", "--healpix_order", `${order}`, "--sym", symmetry, ...extra],
    ],
    { cwd: folder },
  );
  return stdout;
}

describeRelion("RELION's symmetry, directions and local searches", () => {
  beforeAll(() => {
    copyFileSync(join(tiny, "ref.mrc"), join(folder, "ref.mrc"));
    writeFileSync(join(folder, "noisy.mrcs"), gunzipSync(readFileSync(join(tiny, "noisy.mrcs.gz"))));
    writeParticles("two.star", 2);
  });

  const groups = ["C1", "C2", "C5", "C13", "D1", "D4", "D9", "T", "O", "I", "I1", "I2", "I3", "I4"];
  test.each(groups)("operators of %s", async (name) => {
    const { stdout } = await runTool(
      "relion_refine",
      ["--print_symmetry_ops", "--sym", name, "--i", "two.star", "--o", "./run"],
      { cwd: folder },
    );
    const printed = stdout
      .split(/R\(\d+\)=/)
      .slice(1)
      .map((text) => text.trim().split(/\s+/).slice(0, 9).map(Number));
    const ours = pointGroup(name, { relionUnit: true }).operators;
    expect(printed.length).toBe(ours.length);
    // RELION's axes have 6 digits and it prints 5.
    const matches = printed.map((m) => ours.findIndex((o) => o.every((x, i) => Math.abs(x - m[i]) < 2e-5)));
    expect(new Set(matches).size).toBe(ours.length);
    expect(matches).not.toContain(-1);
  });

  test.each<[string, number, number?]>([
    ["C2", 1],
    ["C4", 4],
    ["C12", 3],
    ["D2", 5],
    ["D8", 4],
    ["T", 4],
    ["O", 4],
    ["I1", 4],
    ["I2", 4],
    ["I3", 5],
    ["I4", 5],
    // More than 4000 directions: symmetry copies stay.
    ["C2", 5],
    // The tilt limit comes after the removal of copies, and after the count of directions.
    ["T", 3, 40],
    ["C2", 5, 60],
    ["O", 4, -45],
  ])("directions of %s at order %d, tilt limit %s", async (name, order, limitTilt) => {
    const limit = limitTilt === undefined ? [] : ["--limit_tilt", `${limitTilt}`];
    await refine("two.star", name, order, ["--psi_step", "360", ...limit]);
    const file = "run_it001_sampling.star";
    const table = parseStar(readFileSync(join(folder, file)), file).get("sampling_directions");
    const grid = orientationGrid({
      order,
      group: pointGroup(name, { relionUnit: true }),
      ...(limitTilt === undefined ? {} : { limitTilt }),
    });
    expect(grid.rot.length).toBe(table.rowCount);
    const [rot, tilt] = [table.numbers("rlnAngleRot"), table.numbers("rlnAngleTilt")];
    for (let direction = 0; direction < grid.rot.length; direction++) {
      // Printed with 6 decimals, 5 for negative values.
      expect(Math.abs(grid.rot[direction] - rot[direction])).toBeLessThan(5.1e-6);
      expect(Math.abs(grid.tilt[direction] - tilt[direction])).toBeLessThan(5.1e-7);
    }
  });

  test("I2 has no direction at order 1: RELION fails, we say why", async () => {
    await expect(refine("two.star", "I2", 1, ["--psi_step", "360"])).rejects.toThrow(/image is empty/);
    expect(() => orientationGrid({ order: 1, group: pointGroup("I2") })).toThrow(/ask for a higher order/);
  });

  const random = () => {
    const uniform = (low: number, high: number) => Number((low + Math.random() * (high - low)).toFixed(4));
    return [uniform(-180, 180), uniform(0, 180), uniform(-180, 180), uniform(6, 14)] as const;
  };
  const searches = ["C1", "C1", "C1", "C4", "D2", "D7", "T", "O", "I1"].map(
    (name) => [name, ...random()] as const,
  );
  test.each(searches)("local search of %s around %d %d %d, sigma %d", async (name, rot, tilt, psi, sigma) => {
    // One particle alone leaves no noise: RELION stops at it and prints what it searched.
    writeParticles("local.star", 1, rot, tilt, psi);
    const failure = await refine("local.star", name, 2, ["--sigma_ang", `${sigma}`]).catch((error) => error);
    const printed = `${failure.stdout}${failure.stderr}`;
    const count = (what: string) => Number(new RegExp(`${what}\\(0, false\\)= (\\d+)`).exec(printed)?.[1]);
    const grid = orientationGrid({ order: 2, group: pointGroup(name, { relionUnit: true }) });
    expect(directionPrior(grid, { rot, tilt }, sigma).index.length).toBe(count("NrDirections"));
    expect(psiPrior(grid, psi, sigma).index.length).toBe(count("NrPsiSamplings"));
  });
});
