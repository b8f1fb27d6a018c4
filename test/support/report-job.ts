import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ClassSummary, JobEvent } from "../../src/app/job/events.js";
import { type Phase, phases } from "../../src/em/phase-clock.js";
import { createMrc, StarFile, StarTable, writeStar } from "../../src/formats/index.js";
import { createFile } from "../../src/formats/node.js";

export type StartEvent = Extract<JobEvent, { kind: "start" }>;
export type IterationEvent = Extract<JobEvent, { kind: "iteration" }>;

export const box = 64;
export const pixelSize = 2.5;
const begun = 1_790_000_000;

export const startEvent = (more: Partial<StartEvent> = {}): StartEvent => ({
  time: begun,
  kind: "start",
  version: "0.1.0",
  command: ["refine", "--i", "particles.star", "--ref", "start map.mrc", "--K", "3", "--sym", "C1"],
  runtime: "webgpu",
  device: "a graphics card",
  particles: 12345,
  box,
  pixelSize,
  symmetry: "C1",
  classes: 3,
  iterations: 12,
  root: "Class3D/job012/run",
  from: 0,
  ...more,
});

/** A spectrum that falls through `limit` at `shell`, by a logistic curve in the logarithm (SSNR) or plainly (FSC). */
const falling = (shell: number, ssnr: boolean) =>
  Array.from({ length: box / 2 + 1 }, (_, s) => {
    const value = 1 / (1 + Math.exp((s - shell) / 2));
    return ssnr ? 10 ** (3 * (value - 0.5)) : value;
  });

export interface JobOptions {
  readonly start?: Partial<StartEvent>;
  readonly iterations?: number;
  /** Two half sets with an FSC instead of classes. */
  readonly halves?: boolean;
}

export function iterationEvent(iteration: number, options: JobOptions = {}): IterationEvent {
  const { start = {}, halves = false } = options;
  const number = halves ? 2 : (start.classes ?? 3);
  const seconds: Record<Phase, number> = {
    read: 4,
    prepare: 6,
    coarse: 20 + 4 * iteration,
    fine: 60 - iteration,
    sums: 18,
    accuracy: 2,
    reconstruct: 9,
    write: 1.5,
  };
  const shell = (k: number) => 4 + 22 * (1 - Math.exp(-iteration / 4)) - 2.2 * k;
  const name = `run_it${String(iteration).padStart(3, "0")}`;
  const weights = Array.from({ length: number }, (_, k) => 1 + k * (iteration / 8));
  const sum = weights.reduce((a, b) => a + b, 0);
  const classes = weights.map((weight, k): ClassSummary => {
    const at = shell(halves ? 0 : k);
    return {
      map: halves
        ? `${name}_half${k + 1}_class001.mrc`
        : `${name}_class${String(k + 1).padStart(3, "0")}.mrc`,
      weight: halves ? 1 : weight / sum,
      resolution: (box * pixelSize) / at,
      accuracyRotations: 3 - 0.1 * iteration,
      accuracyTranslations: 1.2 - 0.05 * iteration,
      ssnr: falling(at, true),
      ...(halves && { fsc: falling(at, false) }),
    };
  });
  const top: [number, number][] = [];
  for (let t = 0; t < 120; t++) {
    top.push([t, 2 ** 30], [t + 0.2, 1.7 * 2 ** 30 + 2e8 * Math.sin(t * 1.7)], [t + 0.9, 1.2 * 2 ** 30]);
  }
  top[100] = [33.5, 2 ** 31];
  return {
    time: begun + 130 * iteration,
    kind: "iteration",
    iteration,
    resolution: classes[0].resolution,
    coarseSize: 30 + iteration,
    currentSize: 40 + 2 * iteration,
    angularStep: 7.5,
    offsetStep: 5,
    averagePmax: 0.9 * (1 - Math.exp(-iteration / 5)),
    logLikelihood: -1.5e7 + 1e4 * iteration,
    ...(iteration > 1 && {
      changes: { orientations: 60 / iteration, offsets: 6 / iteration, classes: 0.6 / iteration ** 1.3 },
    }),
    classes,
    significant: Array.from({ length: 9 }, (_, power) =>
      Math.round(4200 * Math.exp(-((power - 1.5) ** 2) / 4)),
    ),
    failed: 0,
    seconds,
    peakBytes: 2 ** 31,
    memoryTop: top,
    files: [`${name}_data.star`, `${name}_model.star`, ...classes.map(({ map }) => map)],
  };
}

/** Events of a run that ended well. */
export function jobEvents(options: JobOptions = {}): JobEvent[] {
  const events: JobEvent[] = [startEvent(options.start)];
  const last = options.iterations ?? 12;
  for (let iteration = 1; iteration <= last; iteration++) {
    const time = begun + 130 * (iteration - 1) + 1;
    const byScope = { global: 2 ** 28, iteration: 2 ** 30, job: 2 ** 29, orientation: 2 ** 28 };
    events.push({ time, kind: "plan", iteration, peak: 2 ** 31, byScope, batch: 512 });
    for (const phase of phases) events.push({ time, kind: "phase", iteration, phase });
    events.push({ time: time + 60, kind: "progress", iteration, done: 6000, total: 12345, rate: 100 });
    events.push(iterationEvent(iteration, options));
  }
  events.push({ time: begun + 130 * last + 5, kind: "end", status: "success" });
  return events;
}

export function writeEvents(folder: string, events: readonly JobEvent[], tail = ""): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "events.jsonl"),
    events.map((event) => `${JSON.stringify(event)}\n`).join("") + tail,
  );
}

/** `_data.star` of an iteration with these directions, degrees. */
export async function writeData(
  folder: string,
  iteration: number,
  rot: readonly number[],
  tilt: readonly number[],
): Promise<void> {
  const particles = StarTable.fromColumns("particles", {
    rlnImageName: rot.map((_, i) => `${i + 1}@particles.mrcs`),
    rlnAngleRot: Float64Array.from(rot),
    rlnAngleTilt: Float64Array.from(tilt),
  });
  const sink = await createFile(join(folder, `run_it${String(iteration).padStart(3, "0")}_data.star`));
  await writeStar(new StarFile("data", [particles]), sink);
  await sink.commit();
}

/** A cubic map from a function of the voxel. */
export async function writeMap(
  path: string,
  size: number,
  density: (x: number, y: number, z: number) => number,
): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const options = { kind: "volume", width: size, height: size, count: size, mode: 2, pixelSize } as const;
  const writer = await createMrc(await createFile(path), options);
  for (let z = 0; z < size; z++)
    await writer.write(
      Float32Array.from({ length: size * size }, (_, i) => density(i % size, Math.floor(i / size), z)),
    );
  await writer.finish();
}
