import type { Runtime } from "../src/runtime/contract.js";
import { openNodeCuda } from "../src/runtime/cuda/node.js";
import { centredGeometry, centredLength } from "../src/runtime/tables.js";
import { deviceLabel } from "./devices.js";
import type { BenchResult, BenchRow } from "./record.js";
import { time } from "./timing.js";

/** Images of a batch, maps and padded maps; sides of gridding weights are odd and have large prime factors. */
const shapes = [
  { shape: [128, 128], batch: 1000 },
  { shape: [360, 360], batch: 256 },
  { shape: [256, 256, 256], batch: 1 },
  { shape: [259, 259, 259], batch: 1 },
  { shape: [720, 720, 720], batch: 1 },
  { shape: [723, 723, 723], batch: 1 },
];
/** Pairs of transforms between two waits for the device. */
const pairs = 4;

/** A map to the centred array of its padded cube and back, at full and at half size: with the cube, and without. */
async function paddedRows(runtime: Runtime, box: number, by: string): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const paddedBox = 2 * box;
  for (const size of [box, box / 2]) {
    const geometry = centredGeometry(box, paddedBox, size);
    const { radius } = geometry;
    const length = centredLength(geometry);
    runtime.push("job");
    const map = runtime.alloc("real", "map", box ** 3);
    const data = runtime.alloc("complex", "projector", length);
    const estimate = runtime.alloc("real", "estimate", length);
    for (const buffer of [map, data, estimate]) await runtime.clear(buffer);
    const projector = { ...geometry, classes: 1, data };
    const given = { paddedBox, projector, slot: 0, scale: 1 };
    const measure = async (name: string, from: number, way: () => Promise<void>) => {
      const bytes = runtime.memory.top - from;
      const { seconds } = await time(way, () => runtime.finish(), 500);
      const title = `map of ${box} in a cube of ${paddedBox} to size ${size} and back, ${name}`;
      rows.push(
        { name: title, value: 1e3 * seconds, unit: "ms" },
        { name: `${title}: work buffers`, value: bytes / 1e6, unit: "MB" },
      );
    };
    const top = runtime.memory.top;
    const declared =
      by === "own kernels" ? runtime.layout.paddedBuffers?.(box, paddedBox, radius) : undefined;
    if (declared !== undefined) {
      const work = declared.map(({ kind, name, length }) => runtime.alloc(kind, name, length));
      await measure("without the cube", top, async () => {
        await runtime.mapToProjector?.({ ...given, map, box, correct: true, work });
        await runtime.dataToMap?.({ data, estimate, geometry, paddedBox, map, box, scale: 1, work });
      });
      for (const buffer of work.toReversed()) runtime.free(buffer);
    }
    const shape = [paddedBox, paddedBox, paddedBox];
    const padded = runtime.alloc("real", "padded map", paddedBox ** 3);
    const spectrum = runtime.alloc("complex", "padded transform", paddedBox ** 2 * (box + 1));
    const fft = runtime.makeFft(shape, 1);
    await measure(`by way of it, ${by}`, top, async () => {
      await runtime.padMap({ map, box, padded, paddedBox, correct: true });
      await runtime.forwardFft(fft, padded, spectrum);
      await runtime.makeProjector({ ...given, spectrum });
      await runtime.insertData({ data, estimate, geometry, spectrum, paddedBox });
      await runtime.inverseFft(fft, spectrum, padded);
      await runtime.cropMap({ padded, paddedBox, map, box, scale: 1 });
    });
    runtime.pop("job");
  }
  return rows;
}

/** A forward and an inverse transform by cuFFT and by the kernels of this package. */
export async function benchFft(): Promise<BenchResult> {
  const rows: BenchRow[] = [];
  let gpu = "";
  let label = "";
  for (const cufft of ["find", "none"]) {
    const runtime = await openNodeCuda({
      bytes: (free) => Math.min(free - 5e8, 2e10),
      software: true,
      cufft,
    });
    const { transforms = "", device, software } = runtime.capabilities;
    const by = cufft === "find" ? transforms.split(" (")[0] : "own kernels";
    gpu = device;
    label = deviceLabel(runtime);
    for (const { shape: whole, batch: all } of shapes) {
      const shape = software ? whole.map((n) => (n % 2) + Math.floor(n / 8)) : whole;
      const batch = software ? Math.ceil(all / 32) : all;
      const count = shape.reduce((product, n) => product * n, batch);
      const width = shape[shape.length - 1];
      const half = (count / width) * (Math.floor(width / 2) + 1);
      runtime.push("job");
      const values = runtime.alloc("real", "values", count);
      const spectra = runtime.alloc("complex", "spectra", half);
      runtime.upload(
        values,
        Float32Array.from({ length: width }, (_, x) => Math.sin(x * x)),
      );
      const begun = performance.now();
      const fft = runtime.makeFft(shape, batch);
      await runtime.finish();
      const made = performance.now() - begun;
      const { seconds } = await time(
        async () => {
          for (let pair = 0; pair < pairs; pair++) {
            await runtime.forwardFft(fft, values, spectra);
            await runtime.inverseFft(fft, spectra, values);
          }
        },
        () => runtime.finish(),
        1000,
      );
      const name = `${batch} x ${shape.join(" x ")}, ${by}`;
      // Values and spectra are read and written once in each direction at least.
      const least = 2 * (4 * count + 8 * half);
      const own = fft.buffers.reduce((sum, { block }) => sum + block.bytes, 0);
      rows.push(
        { name: `${name}: forward and inverse`, value: (1e3 * seconds) / pairs, unit: "ms" },
        { name: `${name}: bytes in and out`, value: (least * pairs) / seconds / 1e9, unit: "GB/s" },
        { name: `${name}: tables and work`, value: own / 1e6, unit: "MB" },
        { name: `${name}: making the plan`, value: made, unit: "ms" },
      );
      runtime.pop("job");
    }
    rows.push(...(await paddedRows(runtime, software ? 48 : 360, by)));
    await runtime.close();
  }
  return { rows, gpu, label };
}
