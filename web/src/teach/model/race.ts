import { type Runtime, type ScoreStrategy, scoreStrategies } from "../../../../src/runtime/contract.js";
import { openReference } from "../../../../src/runtime/reference/index.js";
import { coarseScratch, makePhases, makePixels, pixelTable, put } from "../../../../src/runtime/tables.js";
import { Random } from "../../../../src/runtime/verify/harness.js";
import type { CoarseShape } from "./counts.js";
import { relativeError } from "./gsd.js";

/** Sizes of the race. `size` is that of the half transform, `pixels` how many of it count. */
export const raceSizes = {
  small: { particles: 16, orientations: 64, translations: 9, size: 24 },
  medium: { particles: 48, orientations: 288, translations: 21, size: 40 },
  batch: { particles: 100, orientations: 576, translations: 29, size: 64 },
} as const;
export type RaceSize = keyof typeof raceSizes;

export function raceShape(name: RaceSize): CoarseShape & { readonly size: number } {
  const chosen = raceSizes[name];
  return { ...chosen, pixels: pixelTable(chosen.size, "shells").length };
}

export interface RaceRow {
  readonly strategy: ScoreStrategy;
  /** Milliseconds of a pass, by measurement: from the first call to the end of the work, over the passes in between. */
  readonly times: readonly number[];
  /** Relative error of some scores against the float64 reference. */
  readonly error: number;
}

const seed = 52;
export const warmUps = 2;
export const measurements = 5;
/** Milliseconds that a measurement takes at least, in passes in a row: a graphics card is waited for longer than it takes for a small one. */
export const measuredFor = 50;
const mostPasses = 500;

/** Scores that are compared: all translations of the first particles and orientations. */
const compared = { particles: 2, orientations: 8 };

interface Inputs {
  readonly images: Float64Array;
  readonly ctf: Float64Array;
  readonly weights: Float64Array;
  readonly slices: Float64Array;
  readonly shifts: Float64Array;
}

async function pass(
  runtime: Runtime,
  shape: CoarseShape & { size: number },
  inputs: Inputs,
  strategies: readonly ScoreStrategy[],
  each: (
    strategy: ScoreStrategy,
    run: (passes: number) => Promise<void>,
    scores: () => Promise<ArrayLike<number>>,
  ) => Promise<void>,
) {
  const { particles, orientations, translations, size } = shape;
  runtime.push("job");
  try {
    const pixels = makePixels(runtime, size, "shells");
    const K = pixels.count;
    const coarse = {
      batch: {
        count: particles,
        pixels,
        images_ik: put(runtime, "complex", "images", inputs.images.subarray(0, 2 * particles * K)),
        ctf_ik: put(runtime, "real", "ctf", inputs.ctf.subarray(0, particles * K)),
        weights_ik: put(runtime, "real", "weights", inputs.weights.subarray(0, particles * K)),
      },
      slices_ok: put(runtime, "complex", "slices", inputs.slices.subarray(0, 2 * orientations * K)),
      orientations,
      phases: makePhases(runtime, inputs.shifts, size, size),
      scratch: runtime.alloc(
        "real",
        "scratch",
        coarseScratch({ particles, pixels: K }, orientations, translations),
      ),
      diff2_iot: runtime.alloc("real", "diff2", particles * orientations * translations),
    };
    for (const strategy of strategies)
      await each(
        strategy,
        async (passes) => {
          for (let n = 0; n < passes; n++) await runtime.diff2Coarse({ ...coarse, strategy });
          await runtime.finish();
        },
        () => runtime.download(coarse.diff2_iot),
      );
  } finally {
    runtime.pop("job");
  }
}

/** Passes in a row that take long enough to be measured. */
async function passesOf(time: (passes: number) => Promise<number>): Promise<number> {
  for (let passes = 1; ; ) {
    const taken = await time(passes);
    if (taken >= measuredFor || passes === mostPasses) return passes;
    passes = Math.min(mostPasses, Math.ceil(passes * Math.min(10, (1.2 * measuredFor) / taken)));
  }
}

/** Time the three strategies on one set of random particles. Rows come as they are ready; the end waits until each was received. */
export async function race(
  runtime: Runtime,
  name: RaceSize,
  onRow: (row: RaceRow) => void | Promise<void>,
): Promise<void> {
  const shape = raceShape(name);
  const { particles, orientations, translations, pixels: K } = shape;
  const random = new Random(seed);
  const inputs: Inputs = {
    images: random.normals(2 * particles * K),
    ctf: random.uniforms(particles * K, -1, 1),
    weights: random.uniforms(particles * K, 0, 2),
    slices: random.normals(2 * orientations * K),
    shifts: random.uniforms(2 * translations, -4, 4),
  };
  let expected: ArrayLike<number> = [];
  await pass(openReference(), { ...shape, ...compared }, inputs, ["direct"], async (_, run, scores) => {
    await run(1);
    expected = await scores();
  });
  await pass(runtime, shape, inputs, scoreStrategies, async (strategy, run, scores) => {
    const time = async (passes: number) => {
      const begun = performance.now();
      await run(passes);
      return performance.now() - begun;
    };
    for (let n = 0; n < warmUps; n++) await run(1);
    const passes = await passesOf(time);
    const times: number[] = [];
    for (let n = 0; n < measurements; n++) times.push((await time(passes)) / passes);
    const all = await scores();
    const some = Float64Array.from({ length: expected.length }, (_, at) => {
      const perParticle = compared.orientations * translations;
      const [i, rest] = [Math.floor(at / perParticle), at % perParticle];
      return all[i * orientations * translations + rest];
    });
    await onRow({ strategy, times, error: relativeError(some, expected) });
  });
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
