import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMrc, openMrc } from "../src/formats/mrc/index.js";
import { createFile, openFile } from "../src/formats/node.js";
import type { BenchRow } from "./record.js";

const box = 256;
const images = 4096;
const batch = 64;

async function writeStack(path: string, mode: 2 | 12): Promise<number> {
  const writer = await createMrc(await createFile(path), {
    kind: "stack",
    width: box,
    height: box,
    count: images,
    mode,
    pixelSize: 1,
  });
  const pixels = Float32Array.from({ length: batch * box * box }, (_, i) => (i % 1009) / 256 - 2);
  const begun = performance.now();
  for (let first = 0; first < images; first += batch) await writer.write(pixels);
  await writer.finish();
  return (performance.now() - begun) / 1000;
}

/** Best of three passes over the stack in batches, in GB of file a second; the first one fills the page cache. */
async function readStack(path: string, mode: 2 | 12): Promise<number> {
  const out = new Float32Array(batch * box * box);
  const bytes = images * box * box * (mode === 2 ? 4 : 2);
  let best = 0;
  for (let pass = 0; pass < 4; pass++) {
    const file = await openMrc(await openFile(path));
    const begun = performance.now();
    for (let first = 0; first < images; first += batch) await file.readImages(first, batch, out);
    const rate = bytes / 1e9 / ((performance.now() - begun) / 1000);
    if (pass > 0) best = Math.max(best, rate);
    await file.close();
  }
  return best;
}

export async function benchMrc(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "cryotile-bench-"));
  try {
    const rows: BenchRow[] = [];
    for (const [mode, name, goal] of [
      [2, "float32", 1],
      [12, "float16", 0.5],
    ] as const) {
      const path = join(folder, `${name}.mrcs`);
      const size = (images * box * box * (mode === 2 ? 4 : 2)) / 1e9;
      rows.push({
        name: `${name}: stack written`,
        value: size / (await writeStack(path, mode)),
        unit: "GB/s of file",
      });
      rows.push({
        name: `${name}: stack read from page cache`,
        value: await readStack(path, mode),
        unit: "GB/s of file",
        goal,
        better: "higher",
      });
      rmSync(path);
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
