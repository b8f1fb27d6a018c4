import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { openMrc } from "../../src/formats/mrc/index.js";
import { bytesSource } from "../../src/formats/source.js";
import { parseStar, type StarTable } from "../../src/formats/star/index.js";

/** Of the package, from its sources as from dist/. */
function root(from = import.meta.dirname): string {
  return existsSync(resolve(from, "package.json")) ? from : root(dirname(from));
}

const folder = resolve(root(), "test/golden/tiny");

/** Bytes of a file of the tiny set, unpacked. */
export function tinyFile(name: string): Buffer {
  const bytes = readFileSync(resolve(folder, name));
  return name.endsWith(".gz") ? gunzipSync(bytes) : bytes;
}

/** All pixels of a map or stack of the tiny set. */
export async function tinyPixels(name: string): Promise<Float32Array> {
  return (await openMrc(bytesSource(tinyFile(name), name))).readVolume();
}

/** The particles of a STAR file of the tiny set. */
export const tinyParticles = (name: string): StarTable => parseStar(tinyFile(name), name).get("particles");

/** Bytes of any golden file, unpacked. */
export function goldenFile(path: string): Buffer {
  const bytes = readFileSync(resolve(folder, "..", path));
  return path.endsWith(".gz") ? gunzipSync(bytes) : bytes;
}

/** All voxels of a golden map. */
export async function goldenVolume(path: string): Promise<Float32Array> {
  return (await openMrc(bytesSource(goldenFile(path), path), { kind: "volume" })).readVolume();
}

/** A table of a golden STAR file. */
export const goldenTable = (path: string, table: string): StarTable =>
  parseStar(goldenFile(path), path).get(table);
