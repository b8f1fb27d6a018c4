import { UserError } from "../../errors.js";
import type { ByteSource } from "../source.js";
import { readStar, StarFile } from "./reader.js";
import { StarTable } from "./table.js";

/** Box size in pixels and dimensionality (2 or 3) of a particle image. */
export interface ImageInfo {
  readonly size: number;
  readonly dimensionality: number;
}

/** What an optics group is told apart by, in the order in which RELION's converter writes it. */
const opticsLabels = [
  "rlnAmplitudeContrast",
  "rlnBeamTiltX",
  "rlnBeamTiltY",
  "rlnSphericalAberration",
  "rlnVoltage",
];
const scaleLabels = ["rlnDetectorPixelSize", "rlnMagnification"];
/** Columns in pixels, which become columns in Angstrom of the same name with `Angst`. */
const pixelLabels = [
  "rlnOriginX",
  "rlnOriginY",
  "rlnOriginZ",
  "rlnOriginXPrior",
  "rlnOriginYPrior",
  "rlnOriginZPrior",
];

/** Whether a file has the optics groups of RELION 3.1 and later. */
export const hasOpticsGroups = (file: StarFile): boolean => file.find("optics") !== undefined;

/**
 * The particles of a STAR file with optics groups (RELION 3.1 and later): tables `optics` and `particles`. Files of RELION 3.0
 * and before are upgraded as RELION does when it reads them. `imageInfo` looks at the first particle image of such a file.
 */
export async function readParticles(
  source: ByteSource,
  imageInfo: (imageName: string) => Promise<ImageInfo>,
): Promise<StarFile> {
  const file = await readStar(source);
  return hasOpticsGroups(file) ? file : upgradeParticles(file, imageInfo);
}

/**
 * A RELION 1.x to 3.0 particle table with optics groups: one group for each distinct combination of amplitude contrast, beam
 * tilt, spherical aberration, voltage and pixel size, in order of first appearance; origins in pixels become Angstrom. Throws
 * `UserError` where there is no particle table or no pixel size. Checked against `relion_convert_star` 3.1.3.
 */
export async function upgradeParticles(
  file: StarFile,
  imageInfo: (imageName: string) => Promise<ImageInfo>,
): Promise<StarFile> {
  const old = file.blocks.find((block) => block.isLoop && block.has("rlnImageName"));
  if (old === undefined)
    throw new UserError(`${file.name}: has no table with rlnImageName, so it holds no particles`);
  for (const label of scaleLabels) {
    if (!old.has(label))
      throw new UserError(
        `${file.name}: has neither an optics table nor ${label}, so the pixel size is unknown; add rlnMagnification and rlnDetectorPixelSize (micrometres), or an optics table`,
      );
  }
  if (old.rowCount === 0) throw new UserError(`${file.name}: the particle table is empty`);

  const present = [...opticsLabels, ...scaleLabels].filter((label) => old.has(label));
  const values = present.map((label) => old.numbers(label));
  const groupOf = new Map<string, number>();
  const firstRow: number[] = [];
  const group = Int32Array.from({ length: old.rowCount }, (_, row) => {
    const key = values.map((column) => column[row]).join(" ");
    const known = groupOf.get(key);
    if (known !== undefined) return known;
    firstRow.push(row);
    groupOf.set(key, firstRow.length);
    return firstRow.length;
  });

  const valueAt = (label: string, row: number) => values[present.indexOf(label)][row];
  const pixelSize = Float64Array.from(firstRow, (row) => {
    const size = (valueAt("rlnDetectorPixelSize", row) * 1e4) / valueAt("rlnMagnification", row);
    if (size > 0 && Number.isFinite(size)) return size;
    throw new UserError(
      `${file.name}: particle ${row + 1}: magnification and detector pixel size give ${size} A a pixel`,
    );
  });
  const { size, dimensionality } = await imageInfo(old.string("rlnImageName", 0));

  const optics = StarTable.fromColumns("optics", {
    rlnOpticsGroup: Int32Array.from(firstRow, (_, index) => index + 1),
    rlnOpticsGroupName: firstRow.map((_, index) => `opticsGroup${index + 1}`),
    ...Object.fromEntries(
      opticsLabels
        .filter((label) => old.has(label))
        .map((label) => [label, Float64Array.from(firstRow, (row) => valueAt(label, row))]),
    ),
    rlnImagePixelSize: pixelSize,
    rlnImageSize: new Int32Array(firstRow.length).fill(size),
    rlnImageDimensionality: new Int32Array(firstRow.length).fill(dimensionality),
  });

  const particles = old.selectRows(Uint32Array.from({ length: old.rowCount }, (_, row) => row));
  particles.name = "particles";
  for (const label of present) particles.remove(label);
  particles.set("rlnOpticsGroup", group);
  for (const label of pixelLabels.filter((candidate) => old.has(candidate))) {
    const pixels = old.numbers(label);
    particles.remove(label);
    particles.set(
      `${label}Angst`,
      pixels.map((value, row) => value * pixelSize[group[row] - 1]),
    );
  }
  return new StarFile(file.name, [optics, particles]);
}
