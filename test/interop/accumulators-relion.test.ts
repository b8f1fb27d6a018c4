import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { Runtime } from "../../src/runtime/contract.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { centredGeometry } from "../../src/runtime/tables.js";
import { tinyFile } from "../support/golden.js";
import { readMap } from "../support/maps.js";
import { describeRelion, runTool } from "../support/relion.js";
import { describeRuntimes } from "../support/runtimes.js";
import { tinyRun } from "../support/tiny-run.js";

const box = 32;
const { radius } = centredGeometry(box, 2 * box, box);

/** The element of a half transform of the padded cube that is at x, y, z of a centred half array. */
function elementAt(transform: Float32Array, x: number, y: number, z: number): number {
  const row = (k: number) => (k < 0 ? k + 2 * box : k);
  return transform[(row(z) * 2 * box + row(y)) * (box + 1) + x];
}

/** The runtime, and what the last accumulator that it finished held. */
function watchSums(runtime: Runtime) {
  const last: { data?: ArrayLike<number>; weight?: ArrayLike<number> } = {};
  const watched: Runtime = {
    ...runtime,
    async finishAccumulator(a) {
      await runtime.finishAccumulator(a);
      last.data = await runtime.download(a.data);
      last.weight = await runtime.download(a.weight);
    },
  };
  return { watched, last };
}

/** Root mean square difference of elements up to `most` from the origin, by that of RELION's values. */
function distance(relion: Float32Array, own: (index: number) => number, most: number): number {
  let [off, size] = [0, 0];
  for (let z = -radius, index = 0; z <= radius; z++)
    for (let y = -radius; y <= radius; y++)
      for (let x = 0; x <= radius; x++, index++) {
        if (x * x + y * y + z * z > most * most) continue;
        const value = elementAt(relion, x, y, z);
        off += (own(index) - value) ** 2;
        size += value * value;
      }
  return Math.sqrt(off / size);
}

vi.setConfig({ testTimeout: 120_000 });

describeRelion("sums of an iteration (oracle 17)", () => {
  const folder = mkdtempSync(join(tmpdir(), "cryotile-sums-"));
  const at = (name: string) => join(folder, name);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(async () => {
    for (const name of ["ref.mrc", "parts.star"]) writeFileSync(at(name), tinyFile(name));
    writeFileSync(at("noisy.mrcs"), tinyFile("noisy.mrcs.gz"));
    // In place of a reconstruction: the reference comes back.
    writeFileSync(
      at("external.sh"),
      `#!/bin/sh\nout=$(grep _rlnExtReconsResult "$1" | grep -v Starfile | awk '{print $2}')\ncp ref.mrc "$out"\n`,
      { mode: 0o755 },
    );
    process.env.RELION_EXTERNAL_RECONSTRUCT_EXECUTABLE = "./external.sh";
    const model =
      "--sym C1 --ref ref.mrc --ini_high 20 --ctf --ctf_corrected_ref --particle_diameter 90 --norm --scale --zero_mask";
    const search = "--healpix_order 1 --offset_range 3 --offset_step 1 --perturb 0 --random_seed 5 --iter 1";
    const words = `--i parts.star ${model} ${search} --tau2_fudge 1 --external_reconstruct`;
    for (const [root, extra] of [
      ["./all", ""],
      ["./inner", "--strict_highres_exp 12"],
    ])
      await runTool(
        "relion_refine",
        ["--o", root, ...`${words} ${extra}`.split(" ").filter((word) => word !== "")],
        { cwd: folder },
      );
    delete process.env.RELION_EXTERNAL_RECONSTRUCT_EXECUTABLE;
  });

  const expectSums = async (runtime: Runtime, root: string, strictHighresExp: number, close: number) => {
    const { watched, last } = watchSums(runtime);
    await tinyRun(watched, strictHighresExp > 0 ? { strictHighresExp } : {}, { batch: 60, keep: "views" });
    const [re, im, weight] = await Promise.all(
      ["data_real", "data_imag", "weight"].map((part) =>
        readMap(at(`${root}_it001_class001_external_reconstruct_${part}.mrc`)),
      ),
    );
    const { data = [], weight: own = [] } = last;
    // Pixels on the edge of the sphere reach two elements inwards; RELION keeps or drops them by rounding.
    expect(distance(weight, (i) => own[i], box - 2)).toBeLessThan(close);
    expect(distance(re, (i) => data[2 * i], box - 2)).toBeLessThan(close);
    expect(distance(im, (i) => data[2 * i + 1], box - 2)).toBeLessThan(close);
  };

  describeRuntimes("inside the sphere, with probabilities from 22 pixels", (runtime, kind) => {
    // RELION wrote float32: 6e-8.
    it("are RELION's", () => expectSums(runtime(), "inner", 12, kind === "reference" ? 1e-7 : 5e-6));
  });

  it("and with probabilities from all pixels, those on the edge too", async () => {
    const runtime = openReference();
    await expectSums(runtime, "all", 0, 6e-4);
    await runtime.close();
  });
});
