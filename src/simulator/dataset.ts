import { join } from "node:path";
import { UserError } from "../errors.js";
import { createMrc } from "../formats/mrc/index.js";
import type { Disk } from "../formats/source.js";
import { formatImageName, StarTable, writeStar } from "../formats/star/index.js";
import { inverseRealFft, realFft } from "../geometry/fft.js";
import { lowPass } from "../geometry/fourier.js";
import { particleTruth, type SimulationPlan, signalScale } from "./particles.js";
import type { RenderJob } from "./render.js";
import { sliceSource } from "./slices.js";

export interface DatasetOptions {
  /** Folder to write into. */
  readonly folder: string;
  readonly disk: Disk;
  /** All images in order, some at a time. */
  readonly render: (job: RenderJob) => AsyncGenerator<Float32Array, void, void>;
  /** 2: float32, 12: float16. */
  readonly mode: 2 | 12;
  /** Most images in one stack. */
  readonly stackSize: number;
  /** Resolution of the starting map in Angstrom. */
  readonly startResolution: number;
  readonly overwrite: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Files of a simulated set, as paths. */
export interface Dataset {
  readonly particles: string;
  readonly truth: string;
  readonly stacks: readonly string[];
  readonly maps: readonly string[];
  readonly start: string;
}

/**
 * Write a particle set: stacks, `particles.star` (no poses), `truth.star` (poses, classes, scales), the maps and a low-passed start. Everything
 * is written under a temporary name first; the STAR files come last, so a set with a STAR file is complete.
 */
export async function writeDataset(
  plan: SimulationPlan,
  maps: readonly Float32Array[],
  options: DatasetOptions,
): Promise<Dataset> {
  const { disk, folder } = options;
  const stackCount = Math.ceil(plan.count / options.stackSize);
  const stacks = Array.from({ length: stackCount }, (_, i) =>
    join(folder, stackCount === 1 ? "particles.mrcs" : `particles_${String(i + 1).padStart(4, "0")}.mrcs`),
  );
  const mapNames = maps.map((_, k) => join(folder, `truth_class${String(k + 1).padStart(3, "0")}.mrc`));
  const start = join(folder, `ref_lp${options.startResolution}.mrc`);
  const particles = join(folder, "particles.star");
  const truth = join(folder, "truth.star");
  if (!options.overwrite) {
    for (const path of [particles, truth, start, ...stacks, ...mapNames])
      if (await disk.exists(path))
        throw new UserError(`${path} exists; take another folder (--o) or --overwrite`);
  }

  for (const [k, map] of maps.entries()) await writeMap(disk, mapNames[k], map, plan);
  const shape = [plan.box, plan.box, plan.box];
  const low = inverseRealFft(lowPass(realFft(maps[0], shape), options.startResolution, plan.pixelSize));
  await writeMap(disk, start, Float32Array.from(low), plan);

  const sources = maps.map((map) => sliceSource(map, plan.box));
  const amplitude = signalScale(plan, sources);
  await writeStacks(stacks, plan, options, options.render({ plan, sources, amplitude }));
  await writeTables(disk, plan, { particles, truth }, stacks, options.stackSize);
  return { particles, truth, stacks, maps: mapNames, start };
}

async function writeMap(
  disk: Disk,
  path: string,
  map: Float32Array,
  { box, pixelSize }: SimulationPlan,
): Promise<void> {
  const sink = await disk.create(path);
  try {
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
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

async function writeStacks(
  stacks: readonly string[],
  plan: SimulationPlan,
  options: DatasetOptions,
  images: AsyncGenerator<Float32Array>,
): Promise<void> {
  const area = plan.box * plan.box;
  let rest: Float32Array = new Float32Array(0);
  let done = 0;
  try {
    for (const [index, path] of stacks.entries()) {
      const count = Math.min(options.stackSize, plan.count - index * options.stackSize);
      const sink = await options.disk.create(path);
      try {
        const writer = await createMrc(sink, {
          kind: "stack",
          width: plan.box,
          height: plan.box,
          count,
          mode: options.mode,
          pixelSize: plan.pixelSize,
        });
        for (let missing = count; missing > 0; ) {
          if (rest.length === 0) rest = (await images.next()).value as Float32Array;
          const take = Math.min(missing, rest.length / area);
          await writer.write(rest.subarray(0, take * area));
          rest = rest.subarray(take * area);
          missing -= take;
          done += take;
          options.onProgress?.(done, plan.count);
        }
        await writer.finish();
      } catch (error) {
        await sink.abort();
        throw error;
      }
    }
  } finally {
    await images.return(undefined);
  }
}

async function writeTables(
  disk: Disk,
  plan: SimulationPlan,
  paths: { particles: string; truth: string },
  stacks: readonly string[],
  stackSize: number,
): Promise<void> {
  const truths = Array.from({ length: plan.count }, (_, i) => particleTruth(plan, i));
  const reals = (value: (truth: (typeof truths)[0]) => number) => Float64Array.from(truths, value);
  const groups = plan.optics;
  const optics = StarTable.fromColumns("optics", {
    rlnOpticsGroup: Int32Array.from(groups, (_, i) => i + 1),
    rlnOpticsGroupName: groups.map(({ name }) => name),
    rlnVoltage: Float64Array.from(groups, (group) => group.voltage),
    rlnSphericalAberration: Float64Array.from(groups, (group) => group.sphericalAberration),
    rlnAmplitudeContrast: Float64Array.from(groups, (group) => group.amplitudeContrast),
    rlnImagePixelSize: new Float64Array(groups.length).fill(plan.pixelSize),
    rlnImageSize: new Int32Array(groups.length).fill(plan.box),
    rlnImageDimensionality: new Int32Array(groups.length).fill(2),
  });
  const known = {
    rlnImageName: truths.map((_, i) =>
      formatImageName({ path: stacks[Math.floor(i / stackSize)], index: i % stackSize }),
    ),
    rlnMicrographName: truths.map(({ micrograph }) => `mic${String(micrograph + 1).padStart(5, "0")}.mrc`),
    rlnOpticsGroup: Int32Array.from(truths, (truth) => truth.optics + 1),
    rlnDefocusU: reals(({ ctf }) => ctf.defocusU),
    rlnDefocusV: reals(({ ctf }) => ctf.defocusV),
    rlnDefocusAngle: reals(({ ctf }) => ctf.defocusAngle),
    rlnPhaseShift: reals(({ ctf }) => ctf.phaseShift ?? 0),
    rlnCtfBfactor: reals(({ ctf }) => ctf.bFactor ?? 0),
  };
  const hidden = {
    rlnAngleRot: reals(({ rot }) => rot),
    rlnAngleTilt: reals(({ tilt }) => tilt),
    rlnAnglePsi: reals(({ psi }) => psi),
    rlnOriginXAngst: reals(({ originX }) => originX),
    rlnOriginYAngst: reals(({ originY }) => originY),
    rlnClassNumber: Int32Array.from(truths, (truth) => truth.class + 1),
    cryotileScale: reals(({ scale }) => scale),
    ...(plan.continuous && { cryotileMixture: reals(({ mixture }) => mixture) }),
  };
  for (const [path, columns] of [
    [paths.truth, { ...known, ...hidden }],
    [paths.particles, known],
  ] as const) {
    const sink = await disk.create(path);
    try {
      await writeStar({ blocks: [optics, StarTable.fromColumns("particles", columns)] }, sink);
      await sink.commit();
    } catch (error) {
      await sink.abort();
      throw error;
    }
  }
}
