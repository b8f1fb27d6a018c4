import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.js";
import { openMrc } from "../../src/formats/mrc/index.js";
import { bytesSource } from "../../src/formats/source.js";
import { parseStar } from "../../src/formats/star/index.js";
import { Ctf } from "../../src/geometry/ctf.js";
import { eulerToMatrix } from "../../src/geometry/euler.js";
import { inverseRealFft, realFft } from "../../src/geometry/fft.js";
import {
  centreBySign,
  cropHalf,
  forEachPixel,
  fourierShellCorrelation,
  growHalf,
  lowPass,
  shellCounts,
  shiftImage,
} from "../../src/geometry/fourier.js";
import { maskOutside, maskSphere, softEdge, sphericalMask } from "../../src/geometry/mask.js";
import { makeProjector, projectSlice } from "../../src/geometry/projector.js";
import { tinyParticles, tinyPixels } from "../support/golden.js";
import { describeShared } from "../support/shared.js";

const optics = { voltage: 300, sphericalAberration: 2.7, amplitudeContrast: 0.1 };

describe("projection (oracle 1)", () => {
  test("slices with CTF and shift are what relion_project made of the same map and poses", async () => {
    const box = 32;
    const pixelSize = 4;
    const projector = makeProjector(await tinyPixels("ref.mrc"), box);
    const relion = await tinyPixels("proj.mrcs.gz");
    const table = tinyParticles("ang.star");
    const column = (label: string) => table.numbers(`rln${label}`);
    const [rot, tilt, psi, x, y, u, v, angle] = [
      "AngleRot",
      "AngleTilt",
      "AnglePsi",
      "OriginXAngst",
      "OriginYAngst",
      "DefocusU",
      "DefocusV",
      "DefocusAngle",
    ].map(column);
    let worst = 0;
    for (let i = 0; i < table.rowCount; i++) {
      const slice = projectSlice(projector, eulerToMatrix(rot[i], tilt[i], psi[i]), box);
      shiftImage(slice, -x[i] / pixelSize, -y[i] / pixelSize, box);
      const ctf = new Ctf({ ...optics, defocusU: u[i], defocusV: v[i], defocusAngle: angle[i] }).image({
        box,
        pixelSize,
      });
      const theirs = centreBySign(realFft(relion.subarray(i * box * box, (i + 1) * box * box), [box, box]));
      forEachPixel(box, box, (fx, fy, index) => {
        // The Nyquist row and column hold their own Friedel mates, and a real image cannot keep both.
        if (fx === box / 2 || Math.abs(fy) === box / 2) return;
        const error = Math.hypot(
          slice.re[index] * ctf[index] - theirs.re[index],
          slice.im[index] * ctf[index] - theirs.im[index],
        );
        worst = Math.max(worst, error);
      });
    }
    // Images of up to 4.1 stored as float32, 1,024 pixels: rounding of 1.2e-7 averages to 4e-9 in each coefficient.
    expect(worst).toBeLessThan(2e-8);
  });

  test("a slice of a centred Gaussian is the Gaussian's transform at every orientation", () => {
    const box = 24;
    const sigma = 2;
    const volume = Float64Array.from({ length: box ** 3 }, (_, i) => {
      const [x, y, z] = [i % box, Math.floor(i / box) % box, Math.floor(i / box / box)].map(
        (c) => c - box / 2,
      );
      return Math.exp(-(x * x + y * y + z * z) / (2 * sigma * sigma));
    });
    const slice = projectSlice(makeProjector(volume, box), eulerToMatrix(33, 71, -15), box);
    const total = (2 * Math.PI) ** 1.5 * sigma ** 3;
    forEachPixel(box, box, (x, y, index) => {
      if (x * x + y * y >= (box / 2) ** 2) return;
      const expected =
        (total * Math.exp(-2 * (Math.PI * sigma) ** 2 * ((x * x + y * y) / box ** 2))) / box ** 2;
      // Trilinear interpolation between samples half a pixel apart is good to 2 % of the peak.
      expect(Math.abs(slice.re[index] - expected)).toBeLessThan((0.02 * total) / box ** 2);
    });
  });

  test("a map of another size is refused", () => {
    expect(() => makeProjector(new Float64Array(9), 2)).toThrow(RangeError);
  });
});

describe("Fourier windows", () => {
  const random = (n: number) => Float64Array.from({ length: n }, () => Math.random() - 0.5);

  test("growing undoes cropping inside the circle, and a crop keeps the mean", () => {
    for (const shape of [
      [16, 16],
      [12, 12, 12],
    ]) {
      const t = realFft(random(shape.reduce((a, b) => a * b)), shape);
      const small = cropHalf(t, 8);
      const back = growHalf(small, shape[0]);
      expect(small.re[0]).toBe(t.re[0]);
      let inside = 0;
      for (let i = 0; i < t.re.length; i++) {
        if (back.re[i] === 0) continue;
        expect([back.re[i], back.im[i]]).toEqual([t.re[i], t.im[i]]);
        inside++;
      }
      // Circle and sphere of radius 4 in the half plane and half space.
      expect(inside).toBeGreaterThan(shape.length === 2 ? 25 : 140);
    }
  });

  test("a shift by whole pixels moves the image round, whatever the size of the crop", () => {
    const n = 10;
    const image = random(n * n);
    const moved = inverseRealFft(shiftImage(realFft(image, [n, n]), 3, -2, n));
    for (let y = 0; y < n; y++)
      for (let x = 0; x < n; x++)
        expect(moved[y * n + x]).toBeCloseTo(image[((y + 2) % n) * n + ((x + n - 3) % n)], 12);
  });

  test("centring by sign moves the centre pixel to the origin", () => {
    const n = 8;
    const image = new Float64Array(n * n);
    image[(n / 2) * n + n / 2] = n * n;
    const t = centreBySign(realFft(image, [n, n]));
    for (const value of t.re) expect(value).toBeCloseTo(1, 12);
    expect(() => centreBySign(realFft(new Float64Array(9), [3, 3]))).toThrow(RangeError);
  });

  test("shell counts add up to the half plane", () => {
    // box 8: 5 columns x 8 rows, less 3 mates on x = 0, less the corners beyond shell 4.
    const counts = shellCounts(8);
    expect(Array.from(counts.subarray(0, 2))).toEqual([1, 4]);
    let corners = 0;
    forEachPixel(8, 8, (x, y) => {
      if (Math.round(Math.hypot(x, y)) > 4) corners++;
    });
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(40 - 3 - corners);
  });

  test("the correlation of a map with itself is 1, with its negative -1, and 1 at shell 0", () => {
    const t = realFft(random(512), [8, 8, 8]);
    const negative = { ...t, re: t.re.map((x) => -x), im: t.im.map((x) => -x) };
    for (const value of fourierShellCorrelation(t, t)) expect(value).toBeCloseTo(1, 12);
    const [origin, ...others] = fourierShellCorrelation(t, negative);
    expect(origin).toBe(1);
    for (const value of others) expect(value).toBeCloseTo(-1, 12);
  });

  test("a low pass keeps low shells, removes high ones and halves the shell of the resolution", () => {
    const n = 16;
    const t = realFft(random(n * n), [n, n]);
    const filtered = lowPass({ ...t, re: t.re.slice(), im: t.im.slice() }, (n * 2) / 4, 2);
    forEachPixel(n, n, (x, y, index) => {
      const radius = Math.hypot(x, y);
      if (radius <= 3) expect(filtered.re[index]).toBe(t.re[index]);
      if (radius > 5) expect(filtered.re[index]).toBeCloseTo(0, 15);
      if (radius === 4) expect(filtered.re[index]).toBeCloseTo(t.re[index] / 2, 12);
    });
  });
});

describe("masks", () => {
  test("edges fall from 1 to 0 over the width", () => {
    expect([4.9, 6, 7.1].map((r) => softEdge(r, 5, 2))).toEqual([1, expect.closeTo(0.5, 12), 0]);
  });

  test("outside a mask is the mean of what is there, or noise", () => {
    const values = Float64Array.from({ length: 400 }, (_, i) => (i === 210 ? 100 : 7));
    const masked = maskOutside(values.slice(), [20, 20], 4, 2);
    expect([masked[0], masked[210]]).toEqual([expect.closeTo(7, 12), 100]);
    const noise = new Float64Array(400).fill(-3);
    expect(maskOutside(values.slice(), [20, 20], 4, 2, noise)[0]).toBe(-3);
    expect(sphericalMask([6, 6, 6], 1, 1)[3 * 36 + 3 * 6 + 3]).toBe(1);
  });

  test.each([
    [16, 5, 3],
    [16, 0.4, 0.3],
    [15, 6.5, 2],
    [12, 6, 5],
    [12, 30, 5],
    [10, 3, 0],
  ])("a map of %i voxels a side times a sphere of radius %d and edge %d", (box, radius, width) => {
    const shape = [box, box, box];
    const values = Float64Array.from({ length: box ** 3 }, () => 1 + Math.random());
    const mask = sphericalMask(shape, radius, width);
    const found = values.slice();
    maskSphere(found, box, radius, width);
    expect(found).toEqual(values.map((value, at) => value * mask[at]));
  });
});

describe("CTF", () => {
  const parameters = { ...optics, defocusU: 15000, defocusV: 15000, defocusAngle: 0 };

  test("options", () => {
    const at = (extra: object, options = {}) => new Ctf({ ...parameters, ...extra }).at(0.05, 0, options);
    const plain = at({});
    expect(new Ctf(parameters).at(0, 0)).toBeCloseTo(0.1, 12);
    expect(at({ scale: 3 })).toBeCloseTo(3 * plain, 12);
    expect(at({ bFactor: 100 })).toBeCloseTo(plain * Math.exp(-100 / 4 / 400), 12);
    expect(at({}, { phaseFlipped: true })).toBeCloseTo(Math.abs(plain), 12);
    expect(at({}, { onlyFlipPhases: true })).toBe(Math.sign(plain));
    expect(at({}, { premultiplied: true })).toBeCloseTo(plain ** 2, 12);
    expect(new Ctf(parameters).at(0.001, 0, { intactFirstPeak: true })).toBe(1);
    // A phase plate of 90 degrees turns -sin into -cos of the rest: at the origin cos(atan(0.1 / sqrt(0.99))).
    expect(new Ctf({ ...parameters, phaseShift: 90 }).at(0, 0)).toBeCloseTo(Math.sqrt(0.99), 12);
  });

  test("impossible parameters are refused", () => {
    for (const bad of [{ voltage: 0 }, { amplitudeContrast: 1 }, { defocusU: Number.NaN }])
      expect(() => new Ctf({ ...parameters, ...bad })).toThrow(UserError);
  });
});

describeShared("images that RELION made", (shared) => {
  const data = join(shared, "data");
  const read = async (path: string) => openMrc(bytesSource(readFileSync(join(data, path)), path));

  test("its CTF image of an EMPIAR-10017 particle", async () => {
    const file = await read("3dem+relion/tests/ref_3D_ctf.mrc");
    const pixels = await file.readVolume();
    const [columns, rows] = file.size;
    const ctf = new Ctf({
      voltage: 300,
      sphericalAberration: 2,
      amplitudeContrast: 0.1,
      defocusU: 33863.56,
      defocusV: 34295.92,
      defocusAngle: 36.07,
    });
    const ours = ctf.image({ box: 100, pixelSize: 3.54, size: rows });
    expect(columns).toBe(rows / 2 + 1);
    // The defocus is known to 7 digits, which is 7e-6 in the CTF at this defocus.
    for (let i = 0; i < ours.length; i++) expect(Math.abs(ours[i] - pixels[i])).toBeLessThan(1e-5);
  });

  test.each([
    ["", 1],
    ["_pfac2", 2],
    ["_pfac3", 3],
  ])("its projections of a point mass with CTF%s, padding %i, are ours", async (suffix, padding) => {
    const folder = "bogdantoader+simplecryoem/notebooks/comparisons/data";
    const map = await (await read(`${folder}/pointmass.mrc`)).readVolume();
    const images = await read(`${folder}/relion_proj_batch${suffix}.mrcs`);
    const star = parseStar(readFileSync(join(data, folder, `relion_proj_batch${suffix}.star`)), "star");
    const particles = star.get("particles");
    const pixelSize = star.get("optics").number("rlnImagePixelSize");
    const box = images.width;
    const projector = makeProjector(map, box, { padding });
    const column = (label: string) => particles.numbers(`rln${label}`);
    const [rot, tilt, psi, x, y] = ["AngleRot", "AngleTilt", "AnglePsi", "OriginXAngst", "OriginYAngst"].map(
      column,
    );
    const [u, v, angle] = ["DefocusU", "DefocusV", "DefocusAngle"].map(column);
    for (let i = 0; i < particles.rowCount; i++) {
      const slice = projectSlice(projector, eulerToMatrix(rot[i], tilt[i], psi[i]), box);
      shiftImage(slice, -x[i] / pixelSize, -y[i] / pixelSize, box);
      const ctf = new Ctf({
        voltage: 200,
        sphericalAberration: 1.4,
        amplitudeContrast: 0.1,
        defocusU: u[i],
        defocusV: v[i],
        defocusAngle: angle[i],
      });
      const values = ctf.image({ box, pixelSize });
      const theirs = centreBySign(realFft(await images.readImages(i, 1), [box, box]));
      let [error, power] = [0, 0];
      forEachPixel(box, box, (fx, fy, index) => {
        // Pixels on the outermost circle are kept or left out by rounding.
        if (fx * fx + fy * fy >= (box / 2 - 1) ** 2) return;
        error +=
          (slice.re[index] * values[index] - theirs.re[index]) ** 2 +
          (slice.im[index] * values[index] - theirs.im[index]) ** 2;
        power += theirs.re[index] ** 2 + theirs.im[index] ** 2;
      });
      // The file's poses have 6 decimals and its images are float32.
      expect(Math.sqrt(error / power), `particle ${i + 1}`).toBeLessThan(1e-4);
    }
  });
});
