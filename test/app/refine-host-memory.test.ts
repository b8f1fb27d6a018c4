import { spawnSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ImageStore } from "../../src/app/refine/image-store.js";
import { readParticleSet } from "../../src/app/refine/inputs.js";
import { SyntheticImages } from "../../src/app/refine/synthetic-images.js";
import { createMrc } from "../../src/formats/mrc/index.js";
import { createFile, nodeDisk } from "../../src/formats/node.js";
import { cliPath } from "../support/cli.js";
import { eventsOf, runtimeOptions, tinyFolder } from "../support/tiny-job.js";

const folder = tinyFolder();
const pixelSize = 3;

/** A stack of `count` images of which only some were written: zeros elsewhere, which take no room on the disk. */
async function sparseStack(
  name: string,
  box: number,
  count: number,
  written: Iterable<readonly [image: number, pixels: Float32Array]>,
): Promise<void> {
  const path = join(folder, name);
  const sink = await createFile(path);
  await createMrc(sink, { kind: "stack", width: box, height: box, count, mode: 2, pixelSize });
  await sink.commit();
  const file = openSync(path, "r+");
  const bytes = 4 * box * box;
  ftruncateSync(file, 1024 + count * bytes);
  for (const [image, pixels] of written)
    writeSync(file, new Uint8Array(pixels.buffer, pixels.byteOffset, bytes), 0, bytes, 1024 + image * bytes);
  closeSync(file);
}

function starOf(name: string, box: number, stack: string, images: Iterable<number>): void {
  const rows = Array.from(images, (image) => `${image + 1}@${stack} mic1 1 12000 11800 20`);
  writeFileSync(
    join(folder, name),
    `data_optics\n\nloop_\n_rlnOpticsGroup\n_rlnOpticsGroupName\n_rlnVoltage\n_rlnSphericalAberration\n_rlnAmplitudeContrast\n_rlnImagePixelSize\n_rlnImageSize\n_rlnImageDimensionality\n1 one 300 2.7 0.1 ${pixelSize} ${box} 2\n\ndata_particles\n\nloop_\n_rlnImageName\n_rlnMicrographName\n_rlnOpticsGroup\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n${rows.join("\n")}\n`,
  );
}

test("a 50 GB stack runs in far less than 4 GB, and only the listed images are read", async () => {
  const box = 128;
  const count = 763_000;
  const listed = 300;
  const map = new Float32Array(box ** 3);
  for (let at = 0; at < map.length; at++) {
    const [x, y, z] = [at % box, Math.floor(at / box) % box, Math.floor(at / box ** 2)].map(
      (i) => i - box / 2,
    );
    const spot = (dx: number, dy: number) => Math.exp(-((x - dx) ** 2 + (y - dy) ** 2 + z ** 2) / 200);
    map[at] = 0.1 * (spot(12, 0) + 0.7 * spot(-12, 10));
  }
  const sink = await createFile(join(folder, "map.mrc"));
  const writer = await createMrc(sink, {
    kind: "volume",
    width: box,
    height: box,
    count: box,
    mode: 2,
    pixelSize,
  });
  await writer.write(map);
  await writer.finish();
  const images = Array.from({ length: listed }, (_, i) => Math.floor((i * (count - 1)) / (listed - 1)));
  const made = new SyntheticImages(map, box);
  await sparseStack(
    "large.mrcs",
    box,
    count,
    images.map((image) => [image, made.images([image])] as const),
  );
  expect(statSync(join(folder, "large.mrcs")).size).toBeGreaterThan(49.9e9);
  starOf("large.star", box, "large.mrcs", images);
  writeFileSync(
    join(folder, "usage.mjs"),
    `import { existsSync, readFileSync, writeFileSync } from "node:fs";
     process.on("exit", () => {
       const io = existsSync("/proc/self/io") ? Number(/rchar: (\\d+)/.exec(readFileSync("/proc/self/io", "utf8"))[1]) : 0;
       writeFileSync("usage.json", JSON.stringify({ read: io, rss: 1024 * process.resourceUsage().maxRSS }));
     });`,
  );
  const options =
    "--i large.star --ref map.mrc --ini_high 60 --ctf --particle_diameter 300 --iter 1 --healpix_order 0 --oversampling 0 --offset_range 1 --offset_step 1 --zero_mask --pad 1 --skip_gridding --random_seed 1 --host-memory 30MB --o large/run";
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--import", "./usage.mjs", cliPath, "refine", ...options.split(" "), ...runtimeOptions.reference],
    { cwd: folder, encoding: "utf8" },
  );
  expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
  const { rss, read } = JSON.parse(readFileSync(join(folder, "usage.json"), "utf8")) as {
    rss: number;
    read: number;
  };
  expect(rss).toBeLessThan(1.5e9);
  // Every image is read in the pass for the noise and in that of the iteration.
  expect(read).toBeLessThan(2 * listed * 4 * box ** 2 + 100e6);
  const plan = eventsOf(join(folder, "large")).find((event) => event.kind === "plan");
  expect(plan?.batch).toBe(Math.floor((0.25 * 30e6) / (3 * 4 * box ** 2)));
});

test("images that are not kept stream through the same memory", async () => {
  const [box, count] = [360, 3000];
  await sparseStack("stream.mrcs", box, count, []);
  starOf("stream.star", box, "stream.mrcs", Array(count).keys());
  const set = await readParticleSet(nodeDisk, join(folder, "stream.star"));
  const store = await ImageStore.open(nodeDisk, set, join(folder, "stream.star"), 100e6, 150);
  expect(4 * count * box ** 2).toBeGreaterThan(1.5e9);
  const before = process.memoryUsage().rss;
  let most = 0;
  for (let pass = 0; pass < 2; pass++) {
    let seen = 0;
    for await (const { particles } of store.batches([...Array(count).keys()], 50)) {
      seen += particles.length;
      most = Math.max(most, process.memoryUsage().rss);
    }
    expect(seen).toBe(count);
  }
  expect(most - before).toBeLessThan(600e6);
  expect(store.constant.length).toBe(count);
});
