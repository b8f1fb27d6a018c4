import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createMrc } from "../src/formats/mrc/index.js";
import { createFile } from "../src/formats/node.js";
import { inverseRealFft, realFft } from "../src/geometry/fft.js";
import { lowPass } from "../src/geometry/fourier.js";
import { pointGroup } from "../src/geometry/symmetry.js";
import { parseAtoms } from "../src/simulator/atoms.js";
import { modelDensity } from "../src/simulator/density.js";
import { type MapScore, type PoseScore, scoreMap, scorePoses } from "./truth.js";

/** Beta-galactosidase, 671 particles of EMPIAR-10204: files of its folder, and what they are judged by. */
export const particlesFile = "particles_good.star";
export const box = 64;
const pixelSize = 3.54;
/** Angstrom: sphere in which maps are compared. */
const radius = 90;

/** Options of `cryotile refine` and of `relion_refine`. Offsets reach 10 px; two iterations of 6 px reach them. */
export const refineOptions = (iterations: number): string[] =>
  `--ref ref.mrc --firstiter_cc --ini_high 40 --ctf --particle_diameter 200 --flatten_solvent --zero_mask --oversampling 1 --offset_range 6 --offset_step 2 --sym D2 --norm --scale --pad 2 --random_seed 1 --tau2_fudge 4 --K 1 --healpix_order 1 --iter ${iterations}`.split(
    " ",
  );

async function writeMap(path: string, values: Float32Array): Promise<void> {
  const shape = { kind: "volume", width: box, height: box, count: box, mode: 2, pixelSize } as const;
  const writer = await createMrc(await createFile(path), shape);
  await writer.write(values);
  await writer.finish();
}

/** The density of PDB 5a1a where the particles' reference map has it, and the same at 40 Angstrom to start from. */
export async function writeModel(set: string, pdb: string, folder: string): Promise<void> {
  const { R, com } = JSON.parse(readFileSync(join(set, "reference/5a1a_to_map.json"), "utf8")) as {
    R: [number[], number[], number[]];
    com: number[];
  };
  const { model } = await parseAtoms(readFileSync(pdb, "utf8"), pdb);
  const axis = ([x, y, z]: number[]) =>
    model.x.map((value, i) => x * (value - com[0]) + y * (model.y[i] - com[1]) + z * (model.z[i] - com[2]));
  const placed = { ...model, x: axis(R[0]), y: axis(R[1]), z: axis(R[2]) };
  const density = modelDensity(placed, box, pixelSize, 2 * pixelSize);
  await writeMap(join(folder, "model.mrc"), density);
  const low = inverseRealFft(lowPass(realFft(density, [box, box, box]), 40, pixelSize));
  await writeMap(join(folder, "ref.mrc"), Float32Array.from(low));
}

export interface Score {
  readonly map: MapScore;
  readonly poses: PoseScore;
}

/** Map and poses of an iteration (its files begin with `run`) beside a map and a table of poses. */
export const compareRun = async (map: string, poses: string, run: string): Promise<Score> => ({
  map: await scoreMap(map, `${run}_class001.mrc`, radius),
  poses: await scorePoses(poses, `${run}_data.star`, pointGroup("D2")),
});

/** The same beside PDB 5a1a and the poses of the published refinement. */
export const scoreRun = (set: string, folder: string, run: string): Promise<Score> =>
  compareRun(join(folder, "model.mrc"), join(set, "reference/particles_good_refposes.star"), run);
