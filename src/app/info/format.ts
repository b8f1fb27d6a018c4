import Table from "cli-table3";
import { formatBytes } from "../bytes.js";
import type { FileDescription, MrcDescription, TableDescription } from "./describe.js";
import type { WeightsDescription } from "./weights.js";

const modeNames: Record<number, string> = {
  0: "8-bit integers",
  1: "signed 16-bit integers",
  2: "float32",
  6: "unsigned 16-bit integers",
  12: "float16",
  101: "4-bit integers",
};

const short = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(6));

function formatTable(table: TableDescription): string {
  const lines = [
    `  data_${table.name}: ${table.loop ? `${table.rows} rows` : "list"}, ${table.columns.length} labels`,
  ];
  if (table.columns.length > 0) {
    const grid = new Table({
      head: ["label", "type", "values"],
      style: { head: [], border: [], compact: true },
    });
    for (const { label, type, minimum, maximum, example } of table.columns) {
      const values =
        minimum === undefined || maximum === undefined
          ? (example ?? "").slice(0, 60)
          : minimum === maximum
            ? short(minimum)
            : `${short(minimum)} to ${short(maximum)}`;
      grid.push([label, type, values]);
    }
    lines.push(grid.toString().replace(/^/gm, "  "));
  }
  if (table.images !== undefined) {
    const { named, present, files, missingFiles } = table.images;
    lines.push(
      `  images: ${present} of ${named} present, in ${files - missingFiles.length} of ${files} files`,
    );
    if (missingFiles.length > 0)
      lines.push(
        `  missing: ${missingFiles.slice(0, 3).join(", ")}${missingFiles.length > 3 ? ", ..." : ""} (paths count from the working directory)`,
      );
  }
  return lines.join("\n");
}

function formatMrc(mrc: MrcDescription): string {
  const [x, y, z] = mrc.size;
  const lines = [
    `${mrc.file}: MRC ${mrc.kind}`,
    mrc.kind === "stack" ? `  ${z} images of ${x} x ${y} pixels` : `  ${x} x ${y} x ${z} voxels`,
    `  mode ${mrc.mode} (${modeNames[mrc.mode]}), ${mrc.littleEndian ? "little" : "big"} endian`,
    `  pixel size ${mrc.pixelSize === undefined ? "not stated" : `${mrc.pixelSize.map((size) => size.toPrecision(6)).join(" x ")} A`}, origin ${mrc.origin.join(", ")}`,
  ];
  if (mrc.statistics !== undefined) {
    const { minimum, maximum, mean, rms, notFinite } = mrc.statistics;
    lines.push(
      `  minimum ${short(minimum)}, maximum ${short(maximum)}, mean ${short(mean)}, standard deviation ${short(rms)}`,
    );
    if (notFinite > 0) lines.push(`  warning: ${notFinite} pixels are infinite or not numbers`);
  }
  if (mrc.symmetryRecords.length > 0) lines.push(`  symmetry: ${mrc.symmetryRecords.join("; ")}`);
  if (mrc.trailingBytes > 0) lines.push(`  warning: ${mrc.trailingBytes} bytes behind the last pixel`);
  for (const label of mrc.labels.filter((text) => text !== "")) lines.push(`  label: ${label}`);
  return lines.join("\n");
}

function formatWeights(weights: WeightsDescription): string {
  const { particles, groups, children, parents, samples, valueBytes, kept, bytes, smaller } = weights;
  const layouts = (["grouped", "dense", "pairs"] as const).map(
    (layout) => `${layout} ${formatBytes(bytes[layout])}${layout === smaller ? " (smaller)" : ""}`,
  );
  const perParticle =
    kept === undefined
      ? ""
      : `, ${short(kept.minimum)} to ${short(kept.maximum)} a particle, mean ${short(kept.mean)}`;
  return [
    `${weights.file}: compressed weights, version 1`,
    `  ${particles} particles of ${formatBytes(samples)} samples (${formatBytes(parents)} parents of ${children}), float${valueBytes * 8}`,
    `  ${groups} kept parents${perParticle}`,
    `  bytes: ${layouts.join(", ")}`,
  ].join("\n");
}

/** A description as text for a terminal. */
export function formatDescription(description: FileDescription): string {
  if (description.format === "MRC") return formatMrc(description);
  if (description.format === "weights") return formatWeights(description);
  return [
    `${description.file}: ${description.format} file, ${description.tables.length} tables`,
    ...description.tables.map(formatTable),
  ].join("\n");
}
