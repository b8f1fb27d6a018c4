import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openMrc } from "../../src/formats/mrc/index.js";
import { bytesSource } from "../../src/formats/source.js";
import {
  applyPhase,
  beamTiltAberration,
  evenAberration,
  oddAberration,
} from "../../src/geometry/aberrations.js";
import { Ctf, type CtfOptions } from "../../src/geometry/ctf.js";
import { eulerToMatrix } from "../../src/geometry/euler.js";
import { realFft } from "../../src/geometry/fft.js";
import { centreBySign, forEachPixel } from "../../src/geometry/fourier.js";
import { makeProjector, projectSlice } from "../../src/geometry/projector.js";
import { tinyFile, tinyPixels } from "../support/golden.js";
import { describeRelion, runTool } from "../support/relion.js";

const folder = mkdtempSync(join(tmpdir(), "cryotile-aberrations-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const box = 32;
const pixelSize = 4;
const grid = { box, pixelSize };
const optics = { voltage: 300, sphericalAberration: 2.7, amplitudeContrast: 0.1 };

/** One particle with more columns in its optics table. */
function writeStar(name: string, labels: string[], values: string[], pose: string): void {
  const columns = [
    "OpticsGroup",
    "OpticsGroupName",
    "Voltage",
    "SphericalAberration",
    "AmplitudeContrast",
    "ImagePixelSize",
    "ImageSize",
    "ImageDimensionality",
    ...labels,
  ];
  const particle = [
    "ImageName",
    "MicrographName",
    "OpticsGroup",
    "DefocusU",
    "DefocusV",
    "DefocusAngle",
    "AngleRot",
    "AngleTilt",
    "AnglePsi",
    "OriginXAngst",
    "OriginYAngst",
  ];
  const list = (names: string[]) => names.map((label, i) => `_rln${label} #${i + 1}\n`).join("");
  writeFileSync(
    join(folder, `${name}.star`),
    `# version 30001\n\ndata_optics\n\nloop_\n${list(columns)}1 group1 300 2.7 0.1 4 32 2 ${values.join(" ")}\n\n\n# version 30001\n\ndata_particles\n\nloop_\n${list(particle)}000001@noisy.mrcs m.mrc 1 12000 11500 30 ${pose} 0 0\n`,
  );
}

const random = (scale: number) => Number(((Math.random() - 0.5) * 2 * scale).toFixed(4));
const readPixels = async (name: string) => openMrc(bytesSource(readFileSync(join(folder, name)), name));

describeRelion("aberrations of optics groups are RELION's", () => {
  async function projectionError(
    name: string,
    labels: string[],
    values: string[],
    options: Partial<CtfOptions>,
  ): Promise<number> {
    writeFileSync(join(folder, "ref.mrc"), tinyFile("ref.mrc"));
    writeStar(name, labels, values, "10 20 30");
    await runTool(
      "relion_project",
      ["--i", "ref.mrc", "--o", name, "--ang", `${name}.star`, "--ctf", "--angpix", "4"],
      { cwd: folder },
    );
    const slice = projectSlice(
      makeProjector(await tinyPixels("ref.mrc"), box),
      eulerToMatrix(10, 20, 30),
      box,
    );
    const ctf = new Ctf({ ...optics, defocusU: 12000, defocusV: 11500, defocusAngle: 30 }).image({
      ...grid,
      ...options,
    });
    const theirs = centreBySign(realFft(await (await readPixels(`${name}.mrcs`)).readVolume(), [box, box]));
    let [error, power] = [0, 0];
    forEachPixel(box, box, (x, y, i) => {
      // Pixels on the outermost circle are kept or left out by rounding.
      if (x * x + y * y >= (box / 2 - 1) ** 2) return;
      error += (slice.re[i] * ctf[i] - theirs.re[i]) ** 2 + (slice.im[i] * ctf[i] - theirs.im[i]) ** 2;
      power += theirs.re[i] ** 2 + theirs.im[i] ** 2;
    });
    return Math.sqrt(error / power);
  }

  test("even Zernike coefficients change the CTF", async () => {
    const coefficients = [
      random(1),
      random(50),
      random(50),
      random(50),
      random(500),
      random(500),
      random(500),
      random(500),
      random(500),
    ];
    const error = await projectionError("even", ["EvenZernike"], [`[${coefficients.join(",")}]`], {
      phaseOffset: evenAberration(coefficients, grid),
    });
    // Images are stored as float32.
    expect(error, coefficients.join()).toBeLessThan(2e-7);
  });

  test("the magnification matrix moves the CTF (relion_project leaves the slice as it is)", async () => {
    const m = [1 + random(0.05), random(0.05), random(0.05), 1 + random(0.05)].map((value) =>
      Number(value.toFixed(4)),
    ) as [number, number, number, number];
    const error = await projectionError(
      "magnified",
      ["MagMat00", "MagMat01", "MagMat10", "MagMat11"],
      m.map(String),
      { magnification: m },
    );
    expect(error, m.join()).toBeLessThan(2e-7);
  });

  test.each(["beam tilt", "odd Zernike"])("%s is removed from images", async (kind) => {
    const tilt: [number, number] = [random(2), random(2)];
    const odd = [random(20), random(20), random(200), random(200), random(200), random(200)];
    writeFileSync(join(folder, "noisy.mrcs"), tinyFile("noisy.mrcs.gz"));
    if (kind === "beam tilt") writeStar("tilted", ["BeamTiltX", "BeamTiltY"], tilt.map(String), "0 0 0");
    else writeStar("tilted", ["OddZernike"], [`[${odd.join(",")}]`], "0 0 0");
    await runTool(
      "relion_reconstruct",
      ["--i", "tilted.star", "--o", "rec.mrc", "--ctf", "--write_debug_output"],
      {
        cwd: folder,
      },
    );
    // With --ctf aberrations are removed and images multiplied by the CTF. At identity and padding 2 the pixel (x, y) of the image is the element (2 x, 2 y, 0) of the accumulator.
    const [re, im] = await Promise.all(["real", "imag"].map((part) => readPixels(`rec_data_${part}.mrc`)));
    const [columns, rows] = re.size;
    const radius = (rows - 1) / 2;
    const [real, imaginary] = [await re.readVolume(), await im.readVolume()];
    const pixels = (await tinyPixels("noisy.mrcs.gz")).subarray(0, box * box);
    const image = centreBySign(realFft(pixels, [box, box]));
    applyPhase(
      image,
      kind === "beam tilt" ? beamTiltAberration(tilt, optics, grid) : oddAberration(odd, grid),
    );
    const ctf = new Ctf({ ...optics, defocusU: 12000, defocusV: 11500, defocusAngle: 30 }).image(grid);
    let [error, power] = [0, 0];
    forEachPixel(box, box, (x, y, i) => {
      if (x === 0 || x * x + y * y >= (box / 2 - 1) ** 2) return;
      const at = (radius * rows + radius + 2 * y) * columns + 2 * x;
      error += (image.re[i] * ctf[i] - real[at]) ** 2 + (image.im[i] * ctf[i] - imaginary[at]) ** 2;
      power += real[at] ** 2 + imaginary[at] ** 2;
    });
    expect(power).toBeGreaterThan(0);
    // Accumulators are stored as float32; the beam tilt's constant has six digits in RELION.
    expect(Math.sqrt(error / power), `${tilt} ${odd}`).toBeLessThan(1e-4);
  });
});
