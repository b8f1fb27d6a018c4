import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openMrc } from "../../src/formats/mrc/index.js";
import { bytesSource } from "../../src/formats/source.js";
import { parseStar } from "../../src/formats/star/index.js";
import { eulerToMatrix } from "../../src/geometry/euler.js";
import { halfTransform, inverseRealFft, realFft } from "../../src/geometry/fft.js";
import { centreBySign, forEachPixel } from "../../src/geometry/fourier.js";
import { pointGroup } from "../../src/geometry/symmetry.js";
import { parseAtoms } from "../../src/simulator/atoms.js";
import { modelDensity } from "../../src/simulator/density.js";
import { centred, extent, type GaussianModel, proceduralMolecule } from "../../src/simulator/molecule.js";
import {
  ParticleRenderer,
  particleTruth,
  type SimulationPlan,
  signalScale,
} from "../../src/simulator/particles.js";
import { RandomStream } from "../../src/simulator/random.js";
import { accurateSlice, sliceSource } from "../../src/simulator/slices.js";
import { describeShared } from "../support/shared.js";

const root = resolve(import.meta.dirname, "../..");
const cli = join(root, "dist/src/app/cli.js");
const folder = mkdtempSync(join(tmpdir(), "cryotile-simulate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plan: SimulationPlan = {
  seed: 3,
  count: 60,
  box: 48,
  pixelSize: 3,
  optics: [{ name: "a", voltage: 300, sphericalAberration: 2.7, amplitudeContrast: 0.1 }],
  classWeights: [1],
  continuous: false,
  micrographs: 6,
  defocus: [10000, 20000],
  astigmatism: 300,
  bFactor: 0,
  phaseShift: 0,
  applyCtf: false,
  offsetSigma: 4,
  scaleSigma: 0,
  snr: 0.2,
  colouredShare: 0.3,
  correlationLength: 15,
  diameter: 100,
};

/** The exact projection of Gaussians onto an image, term by term; the offset moves the particle away from the centre. */
function directProjection(
  model: GaussianModel,
  matrix: Float64Array,
  offset: [number, number],
  box: number,
  pixelSize: number,
  blur: number,
): Float64Array {
  const image = new Float64Array(box * box);
  for (let atom = 0; atom < model.x.length; atom++) {
    const p = [model.x[atom], model.y[atom], model.z[atom]];
    const x = (matrix[0] * p[0] + matrix[1] * p[1] + matrix[2] * p[2] - offset[0]) / pixelSize + box / 2;
    const y = (matrix[3] * p[0] + matrix[4] * p[1] + matrix[5] * p[2] - offset[1]) / pixelSize + box / 2;
    const sigma = Math.hypot(model.sigma[atom], blur) / pixelSize;
    for (let j = 0; j < box; j++)
      for (let i = 0; i < box; i++)
        image[j * box + i] +=
          (model.weight[atom] * Math.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * sigma * sigma))) /
          (2 * Math.PI * sigma * sigma);
  }
  return image;
}

const randomModel = (atoms: number): GaussianModel => {
  const random = () => Float64Array.from({ length: atoms }, () => (Math.random() - 0.5) * 50);
  return {
    x: random(),
    y: random(),
    z: random(),
    weight: Float64Array.from({ length: atoms }, () => 0.5 + Math.random()),
    sigma: new Float64Array(atoms).fill(4),
  };
};

describe("projections", () => {
  test("are the exact projections of the atoms, at the stated pose and offset", () => {
    const { box, pixelSize } = plan;
    const model = randomModel(12);
    const resolution = 6;
    const source = sliceSource(modelDensity(model, box, pixelSize, resolution), box);
    const renderer = new ParticleRenderer({ ...plan, snr: 0 }, [source], 1);
    for (let particle = 0; particle < 5; particle++) {
      const truth = particleTruth(plan, particle);
      const image = renderer.signal(truth);
      const exact = directProjection(
        model,
        eulerToMatrix(truth.rot, truth.tilt, truth.psi),
        [truth.originX, truth.originY],
        box,
        pixelSize,
        0.225 * resolution,
      );
      const peak = exact.reduce((most, value) => Math.max(most, value), 0);
      const error = image.reduce((most, value, i) => Math.max(most, Math.abs(value - exact[i])), 0);
      // The interpolation is good to 1e-4 of the peak; Gaussians of 4.2 A have 1e-9 left at Nyquist.
      expect(error / peak).toBeLessThan(1e-4);
    }
  });

  test("are unchanged by the operators of the molecule's point group", () => {
    const group = pointGroup("D3");
    const map = modelDensity(proceduralMolecule(group, 5), 64, 3.5, 10);
    const source = sliceSource(map, 64);
    const slices = group.operators.map((operator) => {
      const m = eulerToMatrix(20, 50, -70);
      const turned = Float64Array.from({ length: 9 }, (_, i) =>
        [0, 1, 2].reduce((sum, k) => sum + m[3 * Math.floor(i / 3) + k] * operator[3 * k + (i % 3)], 0),
      );
      return accurateSlice(source, turned, halfTransform([64, 64]));
    });
    const size = Math.hypot(...slices[0].re);
    for (const slice of slices)
      expect(Math.hypot(...slice.re.map((x, i) => x - slices[0].re[i])) / size).toBeLessThan(1e-3);
  });
});

describe("noise", () => {
  const source = sliceSource(
    modelDensity(proceduralMolecule(pointGroup("C1"), 1), plan.box, plan.pixelSize, 8),
    plan.box,
  );
  const inDisc = (i: number) =>
    Math.hypot((i % plan.box) - plan.box / 2, Math.floor(i / plan.box) - plan.box / 2) <=
    plan.diameter / plan.pixelSize / 2;
  const variance = (values: number[]) => {
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    return values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  };

  test("has the stated ratio, spectrum and background", () => {
    const scale = signalScale(plan, [source]);
    const renderer = new ParticleRenderer(plan, [source], scale);
    const clean = new ParticleRenderer({ ...plan, snr: 0 }, [source], scale);
    const image = new Float32Array(plan.box ** 2);
    const bare = new Float32Array(plan.box ** 2);
    let [signal, noise] = [0, 0];
    const power = new Float64Array(plan.box / 2 + 1);
    const counts = new Float64Array(plan.box / 2 + 1);
    for (let particle = 0; particle < plan.count; particle++) {
      renderer.render(particle, image);
      clean.render(particle, bare);
      const outside = Array.from(image).filter((_, i) => !inDisc(i));
      expect(Math.abs(outside.reduce((sum, x) => sum + x, 0) / outside.length)).toBeLessThan(1e-6);
      expect(variance(outside)).toBeCloseTo(1, 5);
      // Undo the normalisation by the least-squares fit of the bare projection.
      const bareMean = bare.reduce((s, x) => s + x, 0) / bare.length;
      const rest = Array.from(image, (x, i) => x - (bare[i] - bareMean));
      signal += variance(Array.from(bare).filter((_, i) => inDisc(i)));
      noise += variance(rest.filter((_, i) => inDisc(i)));
      const t = realFft(rest, [plan.box, plan.box]);
      forEachPixel(plan.box, plan.box, (x, y, index) => {
        const shell = Math.round(Math.hypot(x, y));
        if (shell >= power.length) return;
        power[shell] += t.re[index] ** 2 + t.im[index] ** 2;
        counts[shell]++;
      });
    }
    // 60 images: the background scale and the sample of 24 signals leave some percent.
    expect(signal / noise / plan.snr).toBeGreaterThan(0.85);
    expect(signal / noise / plan.snr).toBeLessThan(1.15);
    const spectrum = power.map((sum, shell) => sum / counts[shell]);
    const filter = (shell: number) =>
      Math.exp(-((shell / (plan.box * plan.pixelSize)) ** 2) * plan.correlationLength ** 2);
    let filterMean = 0;
    for (let y = -plan.box / 2; y < plan.box / 2; y++)
      for (let x = -plan.box / 2; x < plan.box / 2; x++)
        filterMean += filter(Math.hypot(x, y)) / plan.box ** 2;
    for (const shell of [3, 8, 20]) {
      const expected = (0.7 + (0.3 * filter(shell)) / filterMean) / plan.box ** 2;
      // 60 images of 2 pi s / 2 independent pixels in shell s give 5 to 10 percent; the background scale adds a few.
      expect(spectrum[shell] / expected, `shell ${shell}`).toBeGreaterThan(0.8);
      expect(spectrum[shell] / expected, `shell ${shell}`).toBeLessThan(1.2);
    }
  });
});

describe("truth", () => {
  test("poses are uniform, offsets have their spread, classes their shares", () => {
    const many = { ...plan, count: 20_000, micrographs: 200, classWeights: [1, 3] };
    const truths = Array.from({ length: many.count }, (_, i) => particleTruth(many, i));
    const mean = (value: (t: (typeof truths)[0]) => number) =>
      truths.reduce((sum, t) => sum + value(t), 0) / truths.length;
    // Standard errors: 0.004 for cosines (0.577 / sqrt(n)), 0.028 A for offsets, 0.003 for shares; the seed is fixed.
    expect(Math.abs(mean((t) => Math.cos((t.tilt * Math.PI) / 180)))).toBeLessThan(0.015);
    expect(Math.abs(mean((t) => Math.cos((t.rot * Math.PI) / 180)))).toBeLessThan(0.02);
    expect(Math.abs(mean((t) => Math.sin((t.psi * Math.PI) / 180)))).toBeLessThan(0.02);
    expect(Math.sqrt(mean((t) => t.originX ** 2)) / many.offsetSigma).toBeGreaterThan(0.95);
    expect(Math.sqrt(mean((t) => t.originX ** 2)) / many.offsetSigma).toBeLessThan(1.02);
    expect(mean((t) => t.class)).toBeCloseTo(0.75, 1);
    expect(truths.every((t) => t.ctf.defocusU >= t.ctf.defocusV)).toBe(true);
  });

  test("streams with other purposes and numbers are independent", () => {
    const first = (...args: ConstructorParameters<typeof RandomStream>) =>
      new RandomStream(...args).uniform();
    const values = [first(1, "pose", 0), first(1, "pose", 1), first(1, "noise", 0), first(2, "pose", 0)];
    expect(new Set(values).size).toBe(4);
    const streams = Array.from({ length: 4000 }, (_, i) => first(1, "pose", i));
    const mean = streams.reduce((sum, x) => sum + x, 0) / streams.length;
    // Standard error 0.0046.
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
  });
});

describe("atomic models", () => {
  const pdb = [
    "ATOM      1  N   ALA A   1      11.104   6.134  -6.504  1.00 20.00           N  ",
    "ATOM      2  CA AALA A   1      11.639   6.071  -5.147  0.50 20.00           C  ",
    "ATOM      3  CA BALA A   1      11.700   6.100  -5.200  0.50 20.00           C  ",
    "HETATM    4  O   HOH A   2      20.000   6.000  -5.000  1.00 30.00           O  ",
    "END",
  ].join("\n");

  test("PDB atoms become five Gaussians each, with their element's strength", async () => {
    const parsed = await parseAtoms(pdb, "a.pdb");
    expect([parsed.atoms, parsed.waters, parsed.alternates]).toEqual([2, 1, 1]);
    // Electron scattering at zero angle: 2.211 A for nitrogen, 2.509 A for carbon (International Tables C, 4.3.1.1); the fit is good to 0.3 %.
    expect(parsed.model.weight.reduce((sum, w) => sum + w, 0)).toBeCloseTo(2.211 + 2.509, 2);
    // The narrowest Gaussian of nitrogen with B = 20: sqrt((0.2451 + 20) / 8 pi^2).
    expect(parsed.model.sigma[0]).toBeCloseTo(Math.sqrt(20.2451 / (8 * Math.PI ** 2)), 9);
  });

  test("mmCIF atoms are read too", async () => {
    const cif =
      "data_X\nloop_\n_atom_site.group_PDB\n_atom_site.type_symbol\n_atom_site.label_comp_id\n_atom_site.label_alt_id\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n_atom_site.occupancy\n_atom_site.B_iso_or_equiv\nATOM C ALA . 1.0 2.0 3.0 1.0 10.0\nATOM Zn ZN . -1.0 0.0 0.0 0.5 10.0\n";
    const { model, atoms } = await parseAtoms(cif, "x.cif");
    expect(atoms).toBe(2);
    expect([model.x[0], model.y[0], model.z[0], model.x[5]]).toEqual([1, 2, 3, -1]);
    // Half of zinc's 6.065 A.
    expect(model.weight.slice(5).reduce((sum, w) => sum + w, 0)).toBeCloseTo(6.0645 / 2, 2);
  });

  test("other files, unknown elements and small boxes are refused", async () => {
    await expect(parseAtoms("hello\n", "x.pdb")).rejects.toThrow(/holds no atoms/);
    await expect(parseAtoms(pdb.replace(/N {2}$/m, "XX "), "x.pdb")).rejects.toThrow(/element/);
    expect(() => modelDensity(proceduralMolecule(pointGroup("C1"), 1), 8, 1, 5)).toThrow(
      /molecule is .* take --box/,
    );
  });

  test("densities keep the weight, and centring puts the mass in the middle", () => {
    const model = centred(randomModel(5));
    const map = modelDensity(model, 32, 4, 8);
    const total = model.weight.reduce((sum, w) => sum + w, 0);
    // Voxel values are density times voxel volume; float32 and the cut at 4.8 sigma leave 1e-5.
    expect(map.reduce((sum, x) => sum + x, 0) / total).toBeCloseTo(1, 4);
    const moment = map.reduce((sum, x, i) => sum + x * ((i % 32) - 16), 0) / total;
    expect(Math.abs(moment)).toBeLessThan(1e-3);
    const t = centreBySign(realFft(map, [32, 32, 32]));
    expect(inverseRealFft(t).length).toBe(32 ** 3);
  });

  test("the built-in molecule is the same for a seed, has its symmetry's copies, and fits its radius", () => {
    const [a, b] = [proceduralMolecule(pointGroup("C4"), 7), proceduralMolecule(pointGroup("C4"), 7)];
    expect(a).toEqual(b);
    expect(a.x.length % 4).toBe(0);
    expect(a.x.length).toBeGreaterThan(1000);
    expect(proceduralMolecule(pointGroup("C4"), 7, 1).x.length).toBeLessThan(a.x.length);
    expect(extent(a)).toBeLessThan(60);
  });
});

describe("cryotile simulate", () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [cli, "simulate", ...args], { cwd: folder, encoding: "utf8" });
  const digest = (path: string) =>
    createHash("sha256")
      .update(readFileSync(join(folder, path)))
      .digest("hex");

  test("the same seed gives the same bytes with any number of threads", () => {
    const options = ["--builtin", "C2", "--n", "2600", "--box", "48", "--seed", "9"];
    for (const threads of ["1", "3"])
      expect(run("--o", `t${threads}`, "--threads", threads, ...options).stderr).not.toMatch(/error/i);
    for (const file of ["particles.mrcs", "truth_class001.mrc", "ref_lp30.mrc"])
      expect(digest(`t1/${file}`)).toBe(digest(`t3/${file}`));
    expect(readFileSync(join(folder, "t3/truth.star"), "utf8").replaceAll("t3/", "t1/")).toBe(
      readFileSync(join(folder, "t1/truth.star"), "utf8"),
    );
    run("--o", "other", "--threads", "1", ...options.slice(0, -1), "10");
    expect(digest("other/particles.mrcs")).not.toBe(digest("t1/particles.mrcs"));
  });

  test("classes, optics groups, several stacks, float16 and continuous mixtures are written as told", async () => {
    const { status, stderr } = run(
      "--o",
      "mixed",
      "--classes",
      "3",
      "--continuous",
      "--n",
      "90",
      "--box",
      "32",
      "--angpix",
      "5",
      "--float16",
      "--stack-size",
      "40",
      "--optics",
      "name=old,voltage=200,cs=2",
      "name=new",
      "--micrographs",
      "6",
    );
    expect(status, stderr).toBe(0);
    const truth = parseStar(readFileSync(join(folder, "mixed/truth.star")), "truth");
    const particles = truth.get("particles");
    expect(truth.get("optics").strings("rlnOpticsGroupName")).toEqual(["old", "new"]);
    expect(
      Array.from(particles.integers("rlnOpticsGroup"), (g, i) => g === (i < 45 ? 1 : 2)).every(Boolean),
    ).toBe(true);
    expect(Math.max(...particles.numbers("cryotileMixture"))).toBeGreaterThan(0.5);
    expect(new Set(particles.integers("rlnClassNumber"))).toEqual(new Set([1, 2]));
    expect(particles.string("rlnImageName", 89)).toBe("000010@mixed/particles_0003.mrcs");
    const stack = await openMrc(
      bytesSource(readFileSync(join(folder, "mixed/particles_0003.mrcs")), "s.mrcs"),
    );
    expect([stack.mode, stack.count, stack.width]).toEqual([12, 10, 32]);
    expect(readdirSync(join(folder, "mixed")).filter((name) => name.includes("tmp"))).toEqual([]);
    expect(
      parseStar(readFileSync(join(folder, "mixed/particles.star")), "p")
        .get("particles")
        .has("rlnAngleRot"),
    ).toBe(false);
  });

  test("a map is taken as it is, with its box and pixel size, or cropped", async () => {
    expect(
      run("--o", "source", "--n", "2", "--box", "32", "--angpix", "6", "--no-noise", "--seed", "4").status,
    ).toBe(0);
    const options = ["--map", "source/truth_class001.mrc", "--n", "2", "--no-noise", "--seed", "4"];
    expect(run("--o", "copied", ...options).status).toBe(0);
    expect(digest("copied/particles.mrcs")).toBe(digest("source/particles.mrcs"));
    expect(run("--o", "cropped", ...options, "--box", "24").stdout).toContain("2 particles of 24 px at 8 A");
  });

  test("a killed run leaves no STAR file and no file under its final name that is not whole", async () => {
    const child = spawn(
      process.execPath,
      [cli, "simulate", "--o", "killed", "--n", "100000", "--box", "64"],
      { cwd: folder },
    );
    while (!existsSync(join(folder, "killed/ref_lp30.mrc")))
      await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    const files = readdirSync(join(folder, "killed")).filter((name) => !name.includes(".tmp-"));
    expect(files.sort()).toEqual(["ref_lp30.mrc", "truth_class001.mrc"]);
  });

  test("given poses are used", () => {
    writeFileSync(
      join(folder, "poses.star"),
      "data_\nloop_\n_rlnAngleRot\n_rlnAngleTilt\n_rlnAnglePsi\n10 20 30\n40 50 60\n",
    );
    expect(run("--o", "posed", "--poses", "poses.star", "--box", "32", "--angpix", "6").status).toBe(0);
    const truth = parseStar(readFileSync(join(folder, "posed/truth.star")), "truth").get("particles");
    expect([Array.from(truth.numbers("rlnAngleTilt")), Array.from(truth.numbers("rlnOriginXAngst"))]).toEqual(
      [
        [20, 50],
        [0, 0],
      ],
    );
  });

  test.each([
    [["--box", "33"], /--box must be even/],
    [["--n", "zero"], /--n must be a number from 1/],
    [["--snr", "-1"], /--snr must be above 0/],
    [["--builtin", "X9"], /symmetry X9 is not known/],
    [["--map", "none.mrc"], /none\.mrc: cannot open: no such file/],
    [["--map", "a.mrc", "--model", "b.pdb"], /exclude each other/],
    [["--optics", "volts=3"], /"volts=3" is not one of name=/],
    [["--box", "16", "--angpix", "1"], /take --box/],
    [["--poses", "poses2.star"], /poses2\.star: cannot open/],
    [["--threads", "0"], /--threads must be at least 1/],
    [["--cls"], /unknown option '--cls'/],
  ])("%j is refused in one line, with exit code 1", (args, message) => {
    const { status, stderr } = run("--o", "refused", ...args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(status).toBe(1);
    expect(existsSync(join(folder, "refused"))).toBe(false);
  });

  test("files that exist are kept unless told otherwise; a full disk is one line", () => {
    const options = ["--o", "kept", "--n", "10", "--box", "32", "--angpix", "6"];
    expect(run(...options).status).toBe(0);
    const before = digest("kept/particles.mrcs");
    const again = run(...options, "--seed", "2");
    expect([again.status, digest("kept/particles.mrcs")]).toEqual([1, before]);
    expect(again.stderr).toMatch(/exists; take another folder/);
    expect(run(...options, "--seed", "2", "--overwrite").status).toBe(0);
    expect(digest("kept/particles.mrcs")).not.toBe(before);
    const limited = spawnSync(
      "bash",
      ["-c", `ulimit -f 300; exec "${process.execPath}" "${cli}" simulate --o limited --n 400 --box 64`],
      { cwd: folder, encoding: "utf8" },
    );
    expect(limited.status).not.toBe(0);
    expect(existsSync(join(folder, "limited/particles.star"))).toBe(false);
  });
});

describeShared("an atomic model from the PDB", (shared) => {
  test("beta-galactosidase has its atoms and its size", async () => {
    const path = join(shared, "data/lewis841214+PCA_recon/data/5a1a.pdb");
    const text = readFileSync(path, "utf8");
    const { model, atoms, waters, alternates } = await parseAtoms(text, "5a1a.pdb");
    const lines = text.split("\n").filter((line) => /^(ATOM {2}|HETATM)/.test(line));
    expect(atoms + waters + alternates).toBe(lines.length);
    expect(waters).toBe(lines.filter((line) => line.slice(17, 20) === "HOH").length);
    // The tetramer is about 180 A long.
    const size = 2 * extent(centred(model));
    expect(size).toBeGreaterThan(150);
    expect(size).toBeLessThan(210);
  });
});
