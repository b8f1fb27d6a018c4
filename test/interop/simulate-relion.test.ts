import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openMrc } from "../../src/formats/mrc/index.js";
import { openFile } from "../../src/formats/node.js";
import { realFft } from "../../src/geometry/fft.js";
import { fourierShellCorrelation } from "../../src/geometry/fourier.js";
import { sphericalMask } from "../../src/geometry/mask.js";
import { describeRelion, runTool } from "../support/relion.js";

const cli = resolve(import.meta.dirname, "../../dist/src/app/cli.js");
const folder = mkdtempSync(join(tmpdir(), "cryotile-reconstruct-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const box = 64;
const pixelSize = 3.54;
const seed = Math.floor(Math.random() * 1e6);

/** FSC of RELION's reconstruction at the true poses with the map that the particles were made from, inside a sphere. */
async function recovered(name: string, symmetry: string, ...options: string[]): Promise<Float64Array> {
  const molecule = [
    "--builtin",
    symmetry,
    "--box",
    String(box),
    "--angpix",
    String(pixelSize),
    "--seed",
    String(seed),
  ];
  await runTool(process.execPath, [cli, "simulate", "--o", name, ...molecule, ...options], { cwd: folder });
  const ctf = options.includes("--no-ctf") ? [] : ["--ctf"];
  await runTool(
    "relion_reconstruct",
    ["--i", `${name}/truth.star`, "--o", `${name}/rec.mrc`, "--sym", symmetry, ...ctf],
    { cwd: folder },
  );
  const mask = sphericalMask([box, box, box], 26, 4);
  const maps = await Promise.all(
    ["truth_class001", "rec"].map(async (file) => {
      const mrc = await openMrc(await openFile(join(folder, name, `${file}.mrc`)));
      const map = await mrc.readVolume();
      await mrc.close();
      return realFft(
        map.map((value, i) => value * mask[i]),
        [box, box, box],
      );
    }),
  );
  return fourierShellCorrelation(maps[0], maps[1]);
}

describeRelion(`relion_reconstruct recovers the map from the true poses (seed ${seed})`, () => {
  test("without noise, with CTF, offsets, scales and three optics groups: to near Nyquist", async () => {
    const fsc = await recovered(
      "clean",
      "C2",
      "--n",
      "600",
      "--no-noise",
      "--optics",
      "voltage=300",
      "voltage=200,cs=2",
      "q0=0.07",
    );
    // The map is the truth but for RELION's trilinear gridding and for gaps between 1,200 slices beyond 3/4 of Nyquist.
    for (let shell = 1; shell <= 24; shell++) expect(fsc[shell], `shell ${shell}`).toBeGreaterThan(0.97);
  });

  test("with white noise the low shells are recovered and the high ones less", async () => {
    const [n, snr] = [1500, 0.05];
    const options = [
      "--n",
      String(n),
      "--snr",
      String(snr),
      "--coloured",
      "0",
      "--no-ctf",
      "--scale-spread",
      "0",
    ];
    const noisy = await recovered("noisy", "C1", ...options);
    const clean = await recovered("bare", "C1", ...options, "--no-noise");
    // At high resolution few slices meet in a voxel, so correlations fall from near 1 at low shells to lower ones.
    expect(noisy[3]).toBeGreaterThan(0.98);
    expect(clean[20]).toBeGreaterThan(0.95);
    expect(noisy[30]).toBeLessThan(noisy[3]);
    // A wrong handedness, axis order or offset sign would give no correlation at all beyond the first shells.
    for (let shell = 1; shell <= 12; shell++) expect(noisy[shell], `shell ${shell}`).toBeGreaterThan(0.8);
  });
});
