import { logZero, type Runtime } from "../../src/runtime/contract.js";
import {
  commonTile,
  readScreenReport,
  type ScreenReport,
  type ScreenShape,
  screenParts,
  screenReport,
  screenScratch,
  screenSizes,
} from "../../src/runtime/screen-tables.js";
import { makePhases, makePixels, pixelTable, pixelX, pixelY } from "../../src/runtime/tables.js";
import { Random, Workbench } from "../../src/runtime/verify/harness.js";
import { scoped } from "./runtimes.js";

/** Numbers of a coarse pass as float32 holds them; complex numbers as pairs. */
export interface Screening {
  readonly size: number;
  readonly particles: number;
  readonly orientations: number;
  readonly slices: Float64Array;
  readonly images: Float64Array;
  readonly ctf: Float64Array;
  readonly weights: Float64Array;
  /** Pixels: pairs. */
  readonly translations: Float64Array;
  /** [o] or [i][o]. */
  readonly orientationPrior: Float64Array;
  readonly translationPrior: Float64Array;
}

export interface Making {
  readonly seed: number;
  readonly particles?: number;
  readonly orientations?: number;
  readonly translations?: number;
  readonly size?: number;
  /** Mean 1/2 sum w |C S|^2, nats. */
  readonly energy?: number;
}

const margin = 6;
const rounded = (values: Float64Array) => values.map(Math.fround);

/** Slices that vary smoothly with the orientation, images of them with CTF, shift and coloured noise of four groups (screen.md of the specification). */
export function makeScreening(wanted: Making): Screening {
  const {
    seed,
    particles = 6,
    orientations = 300,
    translations: shifts = 21,
    size = 16,
    energy = 12,
  } = wanted;
  const random = new Random(seed);
  const xy = pixelTable(size, "shells");
  const K = xy.length;
  const radius = Float64Array.from(xy, (own) => Math.hypot(pixelX(own), pixelY(own)));
  const modes = 24;
  const basis = random.normals(2 * modes * K);
  const frequencies = Int32Array.from({ length: 3 * modes }, () => random.integer(-3, 3));
  const begin = random.uniforms(modes);
  const slices = new Float64Array(2 * orientations * K);
  for (let o = 0; o < orientations; o++) {
    const angles = random.uniforms(3);
    for (let m = 0; m < modes; m++) {
      const turns = angles.reduce((sum, angle, at) => sum + angle * frequencies[3 * m + at], begin[m]);
      for (let k = 0; k < K; k++)
        for (const part of [0, 1])
          slices[2 * (o * K + k) + part] +=
            Math.cos(2 * Math.PI * turns) * basis[2 * (m * K + k) + part] * Math.exp((-6 * radius[k]) / size);
    }
  }
  const ctf = new Float64Array(particles * K);
  const weights = new Float64Array(particles * K);
  const truth = Array.from({ length: particles }, () => random.integer(0, orientations - 1));
  let mean = 0;
  for (let i = 0; i < particles; i++) {
    const defocus = 0.02 + 0.01 * random.uniform();
    for (let k = 0; k < K; k++) {
      const at = i * K + k;
      ctf[at] = Math.fround(Math.sin(0.6 + defocus * radius[k] ** 2));
      weights[at] =
        xy[k] === 0 ? 0 : Math.fround(1 / ((1 + 3 * Math.exp((-8 * radius[k]) / size)) * (1 + (i % 4) / 10)));
      const [x, y] = slices.subarray(2 * (truth[i] * K + k));
      mean += (0.5 * weights[at] * ctf[at] ** 2 * (x * x + y * y)) / particles;
    }
  }
  const strength = Math.sqrt(energy / mean);
  const scaled = slices.map((value) => Math.fround(strength * value));
  const translations = random.uniforms(2 * shifts, -3, 3).fill(0, 0, 2);
  const noise = random.normals(2 * particles * K);
  const images = new Float64Array(2 * particles * K);
  for (let i = 0; i < particles; i++) {
    const t = random.integer(0, shifts - 1);
    for (let k = 0; k < K; k++) {
      const at = i * K + k;
      const [c, s] = turn(xy[k], translations, t, size, 1);
      const [x, y] = scaled.subarray(2 * (truth[i] * K + k));
      const sigma = weights[at] > 0 ? 1 / Math.sqrt(weights[at]) : 1;
      images[2 * at] = ctf[at] * (x * c - y * s) + sigma * noise[2 * at];
      images[2 * at + 1] = ctf[at] * (x * s + y * c) + sigma * noise[2 * at + 1];
    }
  }
  const distance = Float64Array.from({ length: shifts }, (_, t) =>
    Math.hypot(translations[2 * t], translations[2 * t + 1]),
  );
  return {
    ...{ size, particles, orientations, slices: scaled, images: rounded(images), ctf, weights, translations },
    orientationPrior: new Float64Array(orientations).fill(-10),
    translationPrior: Float64Array.from({ length: particles * shifts }, (_, at) =>
      Math.fround(-(distance[at % shifts] ** 2) / 50),
    ),
  };
}

/** Cosine and sine of the phase that a translation gives a pixel; `sign` 1 moves back. */
function turn(xy: number, translations: Float64Array, t: number, size: number, sign = -1): [number, number] {
  const path = pixelX(xy) * translations[2 * t] + pixelY(xy) * translations[2 * t + 1];
  const angle = (2 * Math.PI * sign * path) / (size + margin);
  return [Math.cos(angle), Math.sin(angle)];
}

/** What float64 makes of a particle. */
export interface Exact {
  /** L of sample o T + t; `logZero` where a prior forbids it or it is not finite. */
  readonly scores: Float64Array;
  /** V of an orientation: sum |a|^2 |b|^2. */
  readonly variance: Float64Array;
  /** The fewest samples that hold more than the fraction, ascending. */
  readonly members: readonly number[];
  /** Those that float32 operands cannot lose, and those that they may add. */
  readonly certain: ReadonlySet<number>;
  readonly possible: ReadonlySet<number>;
  /** Sum of exp(L - max L). */
  readonly sum: number;
}

/** The definition: scores, and the rule of selection. `told` is the sum of exp(L - max L) that a screen found. */
export function exactly(problem: Screening, i: number, fraction = 0.999, told?: number): Exact {
  const { size, orientations, slices, images, ctf, weights, translations } = problem;
  const xy = pixelTable(size, "shells");
  const K = xy.length;
  const T = translations.length / 2;
  const scores = new Float64Array(orientations * T);
  const variance = new Float64Array(orientations);
  const ownPrior = problem.orientationPrior.length > orientations ? i * orientations : 0;
  for (let t = 0; t < T; t++) {
    const moved = new Float64Array(2 * K);
    for (let k = 0; k < K; k++) {
      const [c, s] = turn(xy[k], translations, t, size);
      const [x, y] = images.subarray(2 * (i * K + k));
      const factor = weights[i * K + k] * ctf[i * K + k];
      moved[2 * k] = factor * (x * c - y * s);
      moved[2 * k + 1] = factor * (x * s + y * c);
    }
    for (let o = 0; o < orientations; o++) {
      const priors = [problem.orientationPrior[ownPrior + o], problem.translationPrior[i * T + t]];
      let score = priors[0] + priors[1];
      let power = 0;
      for (let k = 0; k < K; k++) {
        const x = slices[2 * (o * K + k)];
        const y = slices[2 * (o * K + k) + 1];
        score += x * moved[2 * k] + y * moved[2 * k + 1];
        score -= 0.5 * weights[i * K + k] * ctf[i * K + k] ** 2 * (x * x + y * y);
        power += (x * x + y * y) * (moved[2 * k] ** 2 + moved[2 * k + 1] ** 2);
      }
      scores[o * T + t] = Number.isFinite(score) && Math.min(...priors) > logZero ? score : logZero;
      variance[o] = power;
    }
  }
  return { scores, variance, ...selected(scores, fraction, told) };
}

/**
 * What float32 leaves open: scores (nats) closer than this may change places, and the tail is known up to this part of it. The screen's
 * specification allows 1e-4 nats; a sample's weight near the threshold is about the tail over the samples of a nat. What the screen leaves out
 * counts in the sum with the screen's errors, so the fraction may be one of the exact sum or of the sum that it found.
 */
const slack = 1e-4;

function selected(
  scores: Float64Array,
  fraction: number,
  told: number | undefined,
): Pick<Exact, "members" | "certain" | "possible" | "sum"> {
  const falling = scores
    .filter((score) => score > logZero)
    .sort()
    .reverse();
  if (falling.length === 0) return { members: [], certain: new Set(), possible: new Set(), sum: 0 };
  const weights = falling.map((score) => Math.exp(score - falling[0]));
  const sum = weights.reduceRight((total, weight) => total + weight, 0);
  const countOf = (tail: number, of: number) => {
    let before = 0;
    let count = 0;
    while (count < weights.length && before <= (1 - tail) * of) before += weights[count++];
    return count;
  };
  const down = (least: number) => [...scores.keys()].filter((sample) => scores[sample] >= least);
  const tail = 1 - fraction;
  const [less, more] = [Math.min(sum, told ?? sum), Math.max(sum, told ?? sum)];
  const fewest = countOf((1 + slack) * tail, less);
  const count = countOf(tail, sum);
  const most = countOf((1 - slack) * tail, more);
  const lowest = falling[fewest - 1];
  const next = falling.find((score) => score < lowest) ?? logZero;
  return {
    members: down(falling[count - 1]),
    certain: new Set(down(lowest - next < slack ? next + slack : lowest)),
    possible: new Set(down(falling[most - 1] - slack)),
    sum,
  };
}

/** What the screen makes of a batch; samples by particle. */
export interface Screened {
  readonly kept: readonly (readonly number[])[];
  readonly candidates: readonly (readonly number[])[];
  readonly best: Uint32Array;
  readonly sums: Float64Array;
  /** Samples that the list would have to hold. */
  readonly wanted: number;
  readonly report: ScreenReport | undefined;
  /** Whether a particle was computed in float32, and its scores as stored; not a number where they are too deep or were not written. */
  readonly redone: readonly boolean[];
  readonly scores: (i: number) => Float64Array;
}

const children = 32;

type Numbers = Float32Array | Uint32Array | Uint16Array;

/** The parts of a scratch, each as the numbers that it holds. */
function readParts(scratch: Float32Array, shape: ScreenShape) {
  const lengths = Object.entries(screenParts(shape)) as [keyof ReturnType<typeof screenParts>, number][];
  const places = new Map<string, { at: number; length: number }>();
  let at = 0;
  for (const [name, length] of lengths) {
    places.set(name, { at, length });
    at += length;
  }
  return <T extends Numbers>(
    name: keyof ReturnType<typeof screenParts>,
    View: { new (buffer: ArrayBufferLike, at: number, length: number): T; BYTES_PER_ELEMENT: number },
  ): T => {
    const { at, length } = places.get(name) ?? { at: 0, length: 0 };
    return new View(scratch.buffer, scratch.byteOffset + 4 * at, (4 * length) / View.BYTES_PER_ELEMENT);
  };
}

/** Run the screen, in the tile of compute capability 8.0, and read its scratch. */
export function screened(
  runtime: Runtime,
  problem: Screening,
  { fraction = 0.999, capacity }: { fraction?: number; capacity?: number } = {},
): Promise<Screened> {
  const { size, particles, orientations } = problem;
  const translations = problem.translations.length / 2;
  const room = capacity ?? particles * orientations * translations;
  return scoped(runtime, async () => {
    const bench = new Workbench(runtime);
    const pixels = makePixels(runtime, size, "shells");
    const shape = {
      ...{ particles, orientations, translations },
      ...{ pixels: pixels.count, capacity: room, correlation: false },
    };
    const real = (name: string, length: number) => bench.out("real", name, length);
    const index = (name: string, length: number) => bench.out("index", name, length);
    const start_i = await index("starts", particles + 1);
    const firstSample_g = await index("first samples", room);
    const best_i = await index("best", particles);
    const sum_i = await real("sums", particles);
    const scratch = await real("screen scratch", screenScratch(shape));
    const report = await bench.zeros("index", "report", screenReport.length);
    if (runtime.screenCoarse === undefined) throw new Error(`${runtime.name} has no screen`);
    await runtime.screenCoarse({
      batch: {
        count: particles,
        pixels,
        images_ik: bench.put("complex", "images", problem.images),
        ctf_ik: bench.put("real", "ctf", problem.ctf),
        weights_ik: bench.put("real", "weights", problem.weights),
      },
      slices_ok: bench.put("complex", "slices", problem.slices),
      orientations,
      phases: makePhases(runtime, problem.translations, size, size + margin),
      correlation: false,
      scale: 1,
      priors: {
        orientation_o: bench.put("real", "orientation priors", problem.orientationPrior),
        perParticle: problem.orientationPrior.length > orientations,
        translation_it: bench.put("real", "translation priors", problem.translationPrior),
      },
      ...{ fraction, cap: 2 ** 31, best_i, sum_i, scratch, report },
      logMax_i: await real("log max", particles),
      threshold_i: await real("thresholds", particles),
      count_i: await index("counts", particles),
      compressed: {
        layout: "compressed",
        ...{ particles, orientations, translations, children, capacity: room, groups: 0 },
        ...{ start_i, firstSample_g, values: await real("fine weights", 1) },
      },
      runs: {
        capacity: room,
        runStart_i: await index("run starts", particles + 1),
        runGroup_r: await index("run groups", room + 1),
      },
    });
    const part = readParts((await bench.get(scratch)) as Float32Array, shape);
    const sizes = screenSizes(shape, commonTile);
    const start = (await bench.get(start_i)) as Uint32Array;
    const first = (await bench.get(firstSample_g)) as Uint32Array;
    const counts = part("counts", Uint32Array);
    const each = <T>(body: (i: number) => T) => Array.from({ length: particles }, (_, i) => body(i));
    return {
      kept: each((i) => Array.from(first.subarray(start[i], start[i + 1]), (sample) => sample / children)),
      candidates: each((i) => [
        ...part("sample", Uint32Array).subarray(counts[i * sizes.blocks], counts[(i + 1) * sizes.blocks]),
      ]),
      best: (await bench.get(best_i)) as Uint32Array,
      sums: Float64Array.from(await bench.get(sum_i)),
      wanted: start[particles],
      report: readScreenReport(
        (await bench.get(report)) as Uint32Array,
        particles * orientations * translations,
      ),
      redone: each((i) => part("state", Uint32Array)[i] !== 0),
      scores: (i) =>
        storedScores(
          i,
          sizes,
          part("rowMax", Float32Array),
          part("bound", Float32Array),
          part("scores", Uint16Array),
        ),
    };
  });
}

/** Scores as they are stored: steps of 2^-11 nats below the largest of a row (native/cuda/kernels/common/screen.cuh). */
function storedScores(
  i: number,
  sizes: ReturnType<typeof screenSizes>,
  rowMax: Float32Array,
  bound: Float32Array,
  steps: Uint16Array,
): Float64Array {
  const { orientations, translations, chunks, chunk, perTile, stride, tile } = sizes;
  const top = (o: number, part: number) => rowMax[i * stride * chunks + o * chunks + part];
  let best = logZero;
  for (let o = 0; o < orientations; o++)
    for (let part = 0; part < chunks; part++) best = Math.max(best, top(o, part));
  return Float64Array.from({ length: orientations * translations }, (_, sample) => {
    const o = Math.floor(sample / translations);
    const t = sample % translations;
    const segment = i * chunks + Math.floor(t / chunk);
    const column = (segment % perTile) * chunk + (t % chunk);
    const place = (column & ~15) | ((column & 6) << 1) | ((column & 8) >> 2) | (column & 1);
    const step = steps[(Math.floor(segment / perTile) * orientations + o) * tile + place];
    const own = top(o, Math.floor(t / chunk));
    // Rows 32 nats below the best are not written, and 65535 says that a score is that deep in its row.
    const written = own > -1e29 && own + bound[i * stride + o] >= best - 32 && step < 65535;
    return written ? own - (step + 0.5 - stepOffset(o)) / 2048 : Number.NaN;
  });
}

function stepOffset(o: number): number {
  let x = Math.imul(o ^ (o >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 8) / 2 ** 24;
}
