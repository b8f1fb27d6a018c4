import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeMap } from "../../src/app/refine/write-iteration.js";
import { solventCorrectedFsc } from "../../src/em/solvent-fsc.js";
import { nodeDisk, openFile } from "../../src/formats/node.js";
import { readStar } from "../../src/formats/star/index.js";
import { inverseRealFft, realFft } from "../../src/geometry/fft.js";
import { lowPass } from "../../src/geometry/fourier.js";
import { sphericalMask } from "../../src/geometry/mask.js";
import { RandomStream } from "../../src/simulator/random.js";
import { describeRelion, runTool } from "../support/relion.js";
import { difference } from "../support/runtimes.js";

const box = 40;
const pixelSize = 3;
const shape = [box, box, box];

/** The first, because the two halves of its maps have sums of opposite sign. */
const seeds = [1153, Math.floor(Math.random() * 2 ** 31)];

describeRelion("FSC inside a mask", () => {
  it.each(seeds)(
    "is corrected as relion_postprocess corrects it (seed %i)",
    async (seed) => {
      const random = new RandomStream(seed, "noise");
      const normals = () => Float64Array.from({ length: box ** 3 }, () => random.gaussian());
      const mask = Float32Array.from(sphericalMask(shape, 9, 4));
      const inside = sphericalMask(shape, 8, 3);
      const signal = inverseRealFft(lowPass(realFft(normals(), shape), 10, pixelSize, 8));
      const half = () => {
        const noise = normals();
        return Float32Array.from(signal, (value, at) => 6 * value * inside[at] + 0.1 * noise[at]);
      };
      const [one, two] = [half(), half()];
      const own = solventCorrectedFsc(one, two, mask, box, box, seed);
      const folder = mkdtempSync(join(tmpdir(), "cryotile-fsc-"));
      try {
        await writeMap(nodeDisk, join(folder, "run_half1_class001_unfil.mrc"), one, box, pixelSize);
        await writeMap(nodeDisk, join(folder, "run_half2_class001_unfil.mrc"), two, box, pixelSize);
        mkdirSync(join(folder, "post"));
        await writeMap(nodeDisk, join(folder, "mask.mrc"), mask, box, pixelSize);
        await runTool(
          "relion_postprocess",
          [
            "--i",
            "run_half1_class001_unfil.mrc",
            "--mask",
            "mask.mrc",
            "--angpix",
            String(pixelSize),
            "--o",
            "post/post",
            "--force_mask",
          ],
          { cwd: folder },
        );
        const source = await openFile(join(folder, "post/post.star"));
        const table = (await readStar(source)).get("fsc");
        await source.close();
        const relion = table
          .numbers("rlnFourierShellCorrelationCorrected")
          .map((value) => Math.max(0, value));
        const unmasked = table.numbers("rlnFourierShellCorrelationUnmaskedMaps");
        const first = unmasked.findIndex((value, s) => s > 0 && value < 0.8);
        expect(first).toBeGreaterThan(3);
        // Up to two shells beyond the first random one the curve is the masked FSC: no random number takes part.
        expect(difference(own.slice(0, first + 2), relion.slice(0, first + 2))).toBeLessThan(1e-4);
        // Beyond, both took out what other random phases gave: a mask of this size leaves a scatter of about 0.1 in single shells.
        const beyond = Array.from(own.slice(first + 2), (value, at) => value - relion[first + 2 + at]);
        const mean = beyond.reduce((sum, value) => sum + Math.abs(value), 0) / beyond.length;
        expect(mean).toBeLessThan(0.1);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    60_000,
  );
});
