import { UserError } from "../../errors.js";
import { csParticles, isNumpy, readCs } from "../../formats/cs.js";
import { type MrcFile, openMrc, type PixelStatistics, splitKindSuffix } from "../../formats/mrc/index.js";
import { openFile } from "../../formats/node.js";
import { type ByteSource, readRange } from "../../formats/source.js";
import { parseImageName, readStar } from "../../formats/star/index.js";
import { isWeights } from "../../runtime/weights-file.js";
import { describeWeights, type WeightsDescription } from "./weights.js";

/** A column of a table: its name, what it holds, and its extremes or a first value. */
export interface ColumnDescription {
  readonly label: string;
  readonly type: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly example?: string;
}

/** Images that a particle table names, and how many of them are there. */
export interface ImagesDescription {
  readonly named: number;
  readonly present: number;
  readonly files: number;
  readonly missingFiles: readonly string[];
}

export interface TableDescription {
  readonly name: string;
  readonly rows: number;
  readonly loop: boolean;
  readonly columns: readonly ColumnDescription[];
  readonly images?: ImagesDescription;
}

export interface TablesDescription {
  readonly file: string;
  readonly format: "STAR" | "cryoSPARC";
  readonly tables: readonly TableDescription[];
}

export interface MrcDescription {
  readonly file: string;
  readonly format: "MRC";
  readonly kind: "stack" | "volume";
  readonly size: readonly [number, number, number];
  readonly mode: number;
  readonly littleEndian: boolean;
  readonly pixelSize?: readonly [number, number, number];
  readonly origin: readonly [number, number, number];
  readonly symmetryRecords: readonly string[];
  readonly labels: readonly string[];
  readonly trailingBytes: number;
  readonly statistics?: PixelStatistics;
}

export type FileDescription = TablesDescription | MrcDescription | WeightsDescription;

export interface DescribeOptions {
  /** Read all pixels of MRC files and all values of weights files. */
  readonly statistics: boolean;
  readonly imageExists: (path: string) => boolean;
}

/** What a file holds. Throws `UserError` where it is not sound. */
export async function describeFile(path: string, options: DescribeOptions): Promise<FileDescription> {
  const source = await openFile(path);
  try {
    if (source.size === 0) throw new UserError(`${path}: is empty`);
    const head = await readRange(source, 0, 1024);
    if (isWeights(head)) return await describeWeights(source, options.statistics);
    if (isNumpy(head)) return await describeCs(source, options);
    if (looksLikeText(head)) return await describeStar(source, options);
    return await describeMrc(await openMrc(source), options);
  } finally {
    await source.close();
  }
}

/** STAR files are text; MRC headers and packed files hold control characters from the first bytes on. */
function looksLikeText(head: Uint8Array): boolean {
  const start = head.subarray(0, 256);
  return (
    start.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13) &&
    !(start[0] === 0x42 && start[1] === 0x5a && start[2] === 0x68)
  );
}

async function describeStar(source: ByteSource, options: DescribeOptions): Promise<TablesDescription> {
  const star = await readStar(source);
  const tables = await Promise.all(
    star.blocks.map(async (block): Promise<TableDescription> => {
      const columns = block.labels.map((label): ColumnDescription => {
        const type = block.typeOf(label);
        if (type === "string" || type === "vector" || block.rowCount === 0)
          return { label, type, ...(block.rowCount > 0 && { example: block.string(label) }) };
        return { label, type, ...extremes(block.numbers(label)) };
      });
      const isParticles = block.isLoop && block.has("rlnImageName") && block.rowCount > 0;
      return {
        name: block.name,
        rows: block.rowCount,
        loop: block.isLoop,
        columns,
        ...(isParticles && {
          images: await describeImages(block.strings("rlnImageName").map(parseImageName), options),
        }),
      };
    }),
  );
  return { file: source.name, format: "STAR", tables };
}

async function describeCs(source: ByteSource, options: DescribeOptions): Promise<TablesDescription> {
  const table = await readCs(source);
  const columns = table.fields.map(({ name, type, width }): ColumnDescription => {
    const described = width === 1 ? type : `${type} x ${width}`;
    if (/^[SU]/.test(type))
      return { label: name, type: described, ...(table.rowCount > 0 && { example: table.strings(name)[0] }) };
    return { label: name, type: described, ...extremes(table.numbers(name)) };
  });
  const hasImages = table.has("blob/path") && table.has("blob/idx");
  const images = hasImages
    ? await describeImages(
        csParticles(table).map(({ imagePath, imageIndex }) => ({ path: imagePath, index: imageIndex })),
        options,
      )
    : undefined;
  return {
    file: source.name,
    format: "cryoSPARC",
    tables: [{ name: "", rows: table.rowCount, loop: true, columns, ...(images && { images }) }],
  };
}

function extremes(values: Float64Array): { minimum?: number; maximum?: number } {
  if (values.length === 0) return {};
  return {
    minimum: values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY),
    maximum: values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY),
  };
}

/** Images count as present when their stack is there, is sound, and has that many images. */
async function describeImages(
  images: { path: string; index?: number }[],
  { imageExists }: DescribeOptions,
): Promise<ImagesDescription> {
  const counts = new Map<string, number>();
  const missingFiles: string[] = [];
  for (const { path } of images) {
    if (counts.has(path)) continue;
    const { path: onDisk, kind } = splitKindSuffix(path);
    if (imageExists(onDisk)) {
      const file = await openMrc(await openFile(onDisk), kind === undefined ? {} : { kind });
      counts.set(path, file.count);
      await file.close();
    } else {
      counts.set(path, 0);
      missingFiles.push(path);
    }
  }
  const present = images.filter(({ path, index = 0 }) => index < (counts.get(path) ?? 0)).length;
  return { named: images.length, present, files: counts.size, missingFiles };
}

async function describeMrc(file: MrcFile, options: DescribeOptions): Promise<MrcDescription> {
  const { header, pixelSize } = file;
  return {
    file: file.name,
    format: "MRC",
    kind: file.kind,
    size: file.size,
    mode: file.mode,
    littleEndian: header.littleEndian,
    ...(pixelSize && { pixelSize }),
    origin: header.origin,
    symmetryRecords: file.symmetryRecords,
    labels: header.labels,
    trailingBytes: file.trailingBytes,
    ...(options.statistics && { statistics: await file.statistics() }),
  };
}
