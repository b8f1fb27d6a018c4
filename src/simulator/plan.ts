import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { UserError } from "../errors.js";
import { openMrc } from "../formats/mrc/index.js";
import { openFile } from "../formats/node.js";
import { readStar } from "../formats/star/index.js";
import { inverseRealFft, realFft } from "../geometry/fft.js";
import { centreBySign, cropHalf } from "../geometry/fourier.js";
import { pointGroup } from "../geometry/symmetry.js";
import { modelDensity } from "./density.js";
import { centred, proceduralMolecule } from "./molecule.js";

/** Where the maps of the classes come from. */
export type MapSource =
  | { readonly kind: "builtin"; readonly group: string; readonly classes: number; readonly seed: number }
  | { readonly kind: "model"; readonly files: readonly string[]; readonly centre: boolean }
  | { readonly kind: "map"; readonly files: readonly string[] };

export interface MapGrid {
  readonly box: number;
  readonly pixelSize: number;
  /** Of densities made from atoms, Angstrom. */
  readonly resolution: number;
}

/** Box and pixel size of the first map, for sources that bring them. */
export async function gridOfMap(file: string): Promise<{ box: number; pixelSize: number | undefined }> {
  const mrc = await openMrc(await openFile(file));
  const [x, y, z] = mrc.size;
  const pixelSize = mrc.pixelSize?.[0];
  await mrc.close();
  if (x !== y || y !== z || x % 2 !== 0)
    throw new UserError(`${file}: ${x} x ${y} x ${z} voxels; a cube with an even side is needed`);
  return { box: x, pixelSize };
}

/** The map of each class on the grid; `report` gets a line about each source. */
export async function loadMaps(
  source: MapSource,
  grid: MapGrid,
  report: (line: string) => void,
): Promise<Float32Array[]> {
  const { box, pixelSize, resolution } = grid;
  if (source.kind === "builtin") {
    const group = pointGroup(source.group);
    return Array.from({ length: source.classes }, (_, k) => {
      const model = proceduralMolecule(group, source.seed, k);
      report(`class ${k + 1}: built-in molecule, ${group.name}, ${model.x.length} atoms, ${resolution} A`);
      return modelDensity(model, box, pixelSize, resolution);
    });
  }
  const maps: Float32Array[] = [];
  for (const [k, file] of source.files.entries()) {
    if (source.kind === "map") {
      maps.push(await loadMap(file, box));
      report(`class ${k + 1}: ${file}`);
      continue;
    }
    // A large library, which only this needs.
    const { parseAtoms } = await import("./atoms.js");
    const { model, atoms, waters, alternates } = await parseAtoms(await readText(file), file);
    report(
      `class ${k + 1}: ${file}, ${atoms} atoms, ${resolution} A (left out: ${waters} water atoms, ${alternates} alternate locations)`,
    );
    maps.push(modelDensity(source.centre ? centred(model) : model, box, pixelSize, resolution));
  }
  return maps;
}

async function loadMap(file: string, box: number): Promise<Float32Array> {
  const mrc = await openMrc(await openFile(file), { kind: "volume" });
  const map = await mrc.readVolume();
  const [x, y, z] = mrc.size;
  await mrc.close();
  if (x !== y || y !== z) throw new UserError(`${file}: ${x} x ${y} x ${z} voxels; a cube is needed`);
  const bad = map.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new UserError(`${file}: voxel ${bad + 1} is ${map[bad]}; a map of numbers is needed`);
  if (x === box) return map;
  if (x < box) throw new UserError(`${file}: has ${x} voxels along an axis, fewer than the box of ${box}`);
  const cropped = centreBySign(cropHalf(centreBySign(realFft(map, [x, x, x])), box));
  return Float32Array.from(inverseRealFft(cropped));
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: Error) => {
    throw new UserError(`${file}: cannot read: ${cause.message}`);
  });
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("utf8");
}

/** Poses of a particle STAR file as rot, tilt, psi, x, y (degrees, Angstrom), five values a particle. */
export async function loadPoses(file: string): Promise<Float64Array> {
  const source = await openFile(file);
  const star = await readStar(source);
  await source.close();
  const table = star.blocks.find((block) => block.has("rlnAngleRot"));
  if (table === undefined) throw new UserError(`${file}: has no table with rlnAngleRot`);
  const labels = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnOriginXAngst", "rlnOriginYAngst"];
  const columns = labels.map((label) =>
    label.startsWith("rlnOrigin") && !table.has(label)
      ? new Float64Array(table.rowCount)
      : table.numbers(label),
  );
  return Float64Array.from({ length: table.rowCount * 5 }, (_, i) => columns[i % 5][Math.floor(i / 5)]);
}
