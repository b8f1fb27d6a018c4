import { join } from "node:path";
import { encode } from "fast-png";
import { UserError } from "../../errors.js";
import { openMrc, readStar } from "../../formats/index.js";
import type { Disk } from "../../formats/source.js";
import type { JobRecord } from "./record.js";

/** Viewing directions of the particles, degrees. */
export interface Directions {
  readonly iteration: number;
  readonly file: string;
  readonly rot: Float64Array;
  readonly tilt: Float64Array;
}

/** Central slice of a map as a grey image. */
export interface Slice {
  /** The axis that it is normal to. */
  readonly axis: "x" | "y" | "z";
  /** PNG as a data URI. */
  readonly uri: string;
}

export interface MapSlices {
  readonly slices: readonly Slice[];
  /** Density shown black and white. */
  readonly range: readonly [number, number];
  /** Voxels along an edge. */
  readonly size: number;
}

/** Larger slices are averaged down to this. */
const largestImage = 256;

/** What cannot be read is told on the page, with paths as in the log; other errors are faults of the program. */
async function orProblem<T>(
  disk: Disk,
  jobFolder: string,
  file: string,
  read: (disk: Disk, path: string) => Promise<T>,
): Promise<T | { problem: string }> {
  const path = join(jobFolder, file);
  try {
    return await read(disk, path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { problem: error.message.replaceAll(path, file) };
  }
}

async function directionsOf(disk: Disk, path: string): Promise<{ rot: Float64Array; tilt: Float64Array }> {
  const source = await disk.open(path);
  try {
    const particles = (await readStar(source)).get("particles");
    return { rot: particles.numbers("rlnAngleRot"), tilt: particles.numbers("rlnAngleTilt") };
  } finally {
    await source.close();
  }
}

/** From the newest `_data.star` that is there. */
export async function readDirections(
  disk: Disk,
  jobFolder: string,
  job: JobRecord,
): Promise<Directions | { problem: string }> {
  let problem = "no iteration has written particles yet";
  for (const { iteration, files } of job.iterations.toReversed()) {
    const file = files.find((name) => name.endsWith("_data.star"));
    if (file === undefined) continue;
    const read = await orProblem(disk, jobFolder, file, directionsOf);
    if ("rot" in read) return { iteration, file, ...read };
    problem = read.problem;
  }
  return { problem };
}

/** The three central planes of a cubic map, read section by section. First index of a plane to the right, second upwards. */
async function centralPlanes(disk: Disk, path: string): Promise<{ size: number; planes: Float32Array[] }> {
  const map = await openMrc(await disk.open(path));
  try {
    const [size] = map.size;
    if (map.kind !== "volume" || map.size.some((n) => n !== size))
      throw new UserError(`${path}: is ${map.size.join(" x ")} (${map.kind}); a cubic map was expected`);
    const centre = size >> 1;
    const [x, y, z] = [0, 1, 2].map(() => new Float32Array(size * size)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const section = new Float32Array(size * size);
    for (let k = 0; k < size; k++) {
      await map.readImages(k, 1, section);
      for (let i = 0; i < size; i++) {
        x[k * size + i] = section[i * size + centre];
        y[k * size + i] = section[centre * size + i];
      }
      if (k === centre) z.set(section);
    }
    return { size, planes: [x, y, z] };
  } finally {
    await map.close();
  }
}

/** Means of blocks of `factor` x `factor` pixels. */
function shrink(plane: Float32Array, size: number, factor: number): Float32Array {
  const width = Math.floor(size / factor);
  const out = new Float32Array(width * width);
  for (let y = 0; y < width * factor; y++)
    for (let x = 0; x < width * factor; x++)
      out[Math.floor(y / factor) * width + Math.floor(x / factor)] += plane[y * size + x] / factor ** 2;
  return out;
}

function png(plane: Float32Array, [black, white]: readonly [number, number]): string {
  const width = Math.sqrt(plane.length);
  const scale = white > black ? 255 / (white - black) : 0;
  const data = new Uint8ClampedArray(plane.length);
  for (let y = 0; y < width; y++)
    for (let x = 0; x < width; x++)
      data[(width - 1 - y) * width + x] = (plane[y * width + x] - black) * scale;
  const bytes = encode({ width, height: width, data, channels: 1, depth: 8 });
  return `data:image/png;base64,${base64(bytes)}`;
}

/** As every browser and Node have it. */
const base64 = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

async function slicesOf(disk: Disk, path: string): Promise<MapSlices> {
  const { size, planes } = await centralPlanes(disk, path);
  const factor = Math.ceil(size / largestImage);
  const small = planes.map((plane) => (factor > 1 ? shrink(plane, size, factor) : plane));
  const sorted = Float32Array.from(
    small.flatMap((plane) => Array.from(plane).filter(Number.isFinite)),
  ).sort();
  if (sorted.length === 0) throw new UserError(`${path}: its central slices hold no finite value`);
  const quantile = (share: number) => sorted[Math.round(share * (sorted.length - 1))];
  const range = [quantile(0.001), quantile(0.999)] as const;
  const slices = (["x", "y", "z"] as const).map((axis, index) => ({ axis, uri: png(small[index], range) }));
  return { slices, range, size };
}

/** Central slices of a map; `file` counts from the job folder. */
export const readSlices = (
  disk: Disk,
  jobFolder: string,
  file: string,
): Promise<MapSlices | { problem: string }> => orProblem(disk, jobFolder, file, slicesOf);
