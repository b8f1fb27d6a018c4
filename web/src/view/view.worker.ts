import { expose, transfer } from "comlink";
import type { JobEvent } from "../../../src/app/job/events.js";
import type { JobFile } from "../../../src/app/monitor/relion-events.js";
import type { Figure } from "../../../src/app/report/plot.js";
import type { JobRecord } from "../../../src/app/report/record.js";
import { UserError } from "../../../src/errors.js";
import { openMrc, readStar } from "../../../src/formats/index.js";
import { blobSource, type Disk } from "../../../src/formats/source.js";
import { inverseRealFft, realFft } from "../../../src/geometry/fft.js";
import { growHalf } from "../../../src/geometry/fourier.js";
import type { GivenFile } from "../job/given-files.js";
import type { Survey } from "../job/survey.js";
import type { DrawnFigure, LoadedMap, Surface, ViewDirections } from "./map.js";

const maps = new Map<string, LoadedMap>();
const fine = new WeakMap<LoadedMap, Float32Array>();

/** Read a map and keep it under a name, for surfaces. */
async function load(name: string, file: Blob): Promise<LoadedMap> {
  const mrc = await openMrc(blobSource(file, name), { kind: "volume" });
  try {
    const voxels = await mrc.readVolume();
    let [sum, squares, largest] = [0, 0, Number.NEGATIVE_INFINITY];
    for (const value of voxels) {
      sum += value;
      squares += value * value;
      if (value > largest) largest = value;
    }
    const mean = sum / voxels.length;
    const deviation = Math.sqrt(Math.max(0, squares / voxels.length - mean * mean));
    const pixelSize = mrc.pixelSize?.[0] ?? 1;
    const quantile = quantiles(voxels);
    const range = [quantile(0.001), quantile(0.999)] as const;
    const startLevel = startShare * quantile(0.999);
    const map = { voxels, box: mrc.width, pixelSize, mean, deviation, largest, range, startLevel };
    maps.set(name, map);
    return map;
  } finally {
    await mrc.close();
  }
}

/** Of the density that the densest thousandth of the voxels has. */
const startShare = 0.55;

/** Quantiles, from some of the voxels. */
function quantiles(voxels: Float32Array): (share: number) => number {
  // Odd, so that it does not keep to a few columns.
  const step = Math.floor(voxels.length / 200_000) | 1;
  const some = Float32Array.from(
    { length: Math.floor(voxels.length / step) },
    (_, i) => voxels[i * step],
  ).sort();
  return (share) => some[Math.floor(share * some.length)];
}

/** Boxes up to this are drawn with twice the voxels along an edge. */
const smallBox = 100;

/** The map with `box` x 2 voxels along an edge: the same Fourier components, so nothing is added. */
function finer({ voxels, box }: LoadedMap): Float32Array {
  const grown = inverseRealFft(growHalf(realFft(voxels, [box, box, box]), 2 * box));
  return Float32Array.from(grown, (value) => 8 * value);
}

function forget(name: string): void {
  maps.delete(name);
}

/** The surface of a loaded map where its density is `level`. */
async function surface(name: string, level: number): Promise<Surface | undefined> {
  const map = maps.get(name);
  if (map === undefined) return undefined;
  const { computeMarchingCubesMesh } = await import("molstar/lib/mol-geo/util/marching-cubes/algorithm.js");
  const { Tensor } = await import("molstar/lib/mol-math/linear-algebra.js");
  const factor = map.box <= smallBox ? 2 : 1;
  const box = factor * map.box;
  const drawn = fine.get(map) ?? (factor === 1 ? map.voxels : finer(map));
  fine.set(map, drawn);
  const space = Tensor.Space([box, box, box], [2, 1, 0], Float32Array);
  const mesh = await computeMarchingCubesMesh({
    isoLevel: level,
    scalarField: Tensor.create(space, Tensor.Data1(drawn)),
  }).run();
  const positions = mesh.vertexBuffer.ref.value.slice(0, 3 * mesh.vertexCount);
  for (let at = 0; at < positions.length; at++) positions[at] = (positions[at] - box / 2) / factor;
  const normals = mesh.normalBuffer.ref.value.slice(0, 3 * mesh.vertexCount);
  const indices = mesh.indexBuffer.ref.value.slice(0, 3 * mesh.triangleCount);
  return transfer({ positions, normals, indices }, [positions.buffer, normals.buffer, indices.buffer]);
}

/** Viewing directions of a `_data.star`. */
async function directions(file: Blob): Promise<ViewDirections> {
  const particles = (await readStar(blobSource(file, "particles"))).get("particles");
  return { rot: particles.numbers("rlnAngleRot"), tilt: particles.numbers("rlnAngleTilt") };
}

/** The figures of the report for a run as it stands. */
async function figures(job: JobRecord, seen: ViewDirections | undefined): Promise<DrawnFigure[]> {
  const last = job.iterations.at(-1);
  if (last === undefined) return [];
  const [spectra, convergence, cost, orientations] = await Promise.all([
    import("../../../src/app/report/figures/spectra.js"),
    import("../../../src/app/report/figures/convergence.js"),
    import("../../../src/app/report/figures/cost.js"),
    import("../../../src/app/report/figures/orientations.js"),
  ]);
  const { iteration, files } = last;
  const file = files.find((name) => name.endsWith("_data.star")) ?? "";
  const drawn: (Figure | undefined)[] = [
    spectra.spectrumFigure(job),
    spectra.resolutionFigure(job),
    convergence.pmaxFigure(job),
    seen && orientations.orientationsFigure({ ...seen, iteration, file }, job.start.symmetry),
    convergence.classSizesFigure(job),
    convergence.changesFigure(job),
    convergence.significantFigure(job),
    // RELION tells neither times nor memory.
    ...(last.memoryTop.length > 0 ? [cost.phasesFigure(job), cost.memoryFigure(job)] : []),
  ];
  return drawn.flatMap((figure) =>
    figure === undefined
      ? []
      : [
          {
            id: figure.id,
            title: figure.title,
            summary: figure.summary,
            svg: figure.drawings.map(({ text }) => text).join(""),
            legend: figure.legend ?? [],
            wide: figure.wide ?? false,
          },
        ],
  );
}

/** What the visitor's files hold. */
async function survey(given: readonly GivenFile[]): Promise<Survey> {
  const { surveyFiles } = await import("../job/survey.js");
  return surveyFiles(given);
}

/** The first images of the set that the page makes. */
async function samples(count: number): Promise<Float32Array> {
  const { someImages } = await import("../job/built-in.js");
  return someImages(count);
}

/** The iterations of a RELION job as events. */
async function relionEvents(
  files: readonly JobFile[],
  given: readonly { readonly name: string; readonly file: Blob }[],
): Promise<JobEvent[]> {
  const { RelionJob } = await import("../../../src/app/monitor/relion-events.js");
  const stars = new Map(given.map(({ name, file }) => [name, file]));
  const disk: Disk = {
    async open(path) {
      const file = stars.get(path);
      if (file === undefined) throw new UserError(`${path}: is not in the folder`);
      return blobSource(file, path);
    },
    async create(path) {
      throw new UserError(`${path}: nothing is written here`);
    },
    exists: async (path) => stars.has(path),
  };
  return new RelionJob(disk).events(files);
}

const api = { load, forget, surface, directions, figures, survey, samples, relionEvents };
export type ViewApi = typeof api;
expose(api);
