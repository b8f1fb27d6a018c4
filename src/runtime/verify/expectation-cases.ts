import {
  type CompressedSamples,
  type DenseSamples,
  logZero,
  type ParticleBatch,
  type Runs,
  scoreStrategies,
} from "../contract.js";
import {
  centredGeometry,
  centredLength,
  coarseScratch,
  fineScratch,
  makePhases,
  makePixels,
  type PixelChoice,
  pixelTable,
  sumsScratch,
} from "../tables.js";
import { compacted } from "./compacted.js";
import type { Case, Random, Workbench } from "./harness.js";

export interface Shape {
  readonly particles: number;
  readonly orientations: number;
  readonly translations: number;
  readonly size: number;
  readonly rotations: number;
  readonly shifts: number;
}

/** References of a problem: orientations are class-major. */
const classes = 2;

/** Random particles and references with the proportions of real ones: unit noise, a signal of similar size. */
export class Problem {
  readonly box: number;
  readonly pixels: number;
  readonly images: Float64Array;
  readonly unmasked: Float64Array;
  readonly ctf: Float64Array;
  readonly viewCtf: Float64Array;
  readonly weights: Float64Array;
  readonly slices: Float64Array;
  readonly projector: Float64Array;
  readonly matrices: Float64Array;
  readonly rows: number;
  readonly childSlices: Float64Array;
  readonly translations: Float64Array;
  readonly childTranslations: Float64Array;
  readonly geometry: ReturnType<typeof centredGeometry>;

  constructor(
    readonly shape: Shape,
    readonly choice: PixelChoice,
    random: Random,
  ) {
    const { particles, orientations, translations, size, rotations, shifts } = shape;
    this.box = size + 6;
    this.pixels = pixelTable(size, choice).length;
    const K = this.pixels;
    this.geometry = centredGeometry(this.box, 2 * this.box, size);
    this.images = random.normals(2 * particles * K);
    this.unmasked = random.normals(2 * particles * K);
    this.ctf = random.uniforms(particles * K, -1, 1);
    this.viewCtf = random.uniforms(particles * K, -1, 1);
    this.weights = random.uniforms(particles * K, 0, 2);
    for (let i = 0; i < particles; i++) this.weights[i * K] = 0;
    this.slices = random.normals(2 * orientations * K);
    this.projector = random.normals(2 * classes * centredLength(this.geometry));
    this.rows = Math.ceil(orientations / classes) * rotations;
    this.matrices = random.rotations(this.rows);
    this.childSlices = random.normals(2 * classes * this.rows * K);
    this.translations = random.uniforms(2 * translations, -4, 4);
    this.childTranslations = random.uniforms(2 * translations * shifts, -4, 4);
  }

  get variant(): string {
    const { particles, orientations, translations, size } = this.shape;
    return `${particles} particles x ${orientations} orientations x ${translations} translations, size ${size}`;
  }

  batch(bench: Workbench): ParticleBatch {
    return {
      count: this.shape.particles,
      pixels: makePixels(bench.runtime, this.shape.size, this.choice),
      images_ik: bench.put("complex", "images", this.images),
      ctf_ik: bench.put("real", "ctf", this.ctf),
      weights_ik: bench.put("real", "weights", this.weights),
    };
  }

  /** All child slices in two parts. */
  madeSlices(bench: Workbench) {
    const K = this.pixels;
    const split = this.shape.rotations * Math.ceil((classes * this.rows) / this.shape.rotations / 3);
    return [
      [0, split],
      [split, classes * this.rows],
    ].map(([firstRow, end]) => ({
      firstRow,
      rows: end - firstRow,
      slices_ok: bench.put("complex", "child slices", this.childSlices.slice(2 * firstRow * K, 2 * end * K)),
    }));
  }

  async coarse(bench: Workbench) {
    const { particles, orientations, translations, size } = this.shape;
    const passShape = { particles, pixels: this.pixels };
    return {
      batch: this.batch(bench),
      slices_ok: bench.put("complex", "slices", this.slices),
      orientations,
      phases: makePhases(bench.runtime, this.translations, size, this.box),
      scratch: await bench.out("real", "scratch", coarseScratch(passShape, orientations, translations)),
    };
  }

  async fine(bench: Workbench, scratchLength: number) {
    const { size, rotations, shifts } = this.shape;
    return {
      batch: this.batch(bench),
      projector: { ...this.geometry, classes, data: bench.put("complex", "projector", this.projector) },
      matrices: bench.put("real", "matrices", this.matrices),
      rows: this.rows,
      rotations,
      phases: makePhases(bench.runtime, this.childTranslations, size, this.box),
      shifts,
      scratch: await bench.out("real", "scratch", scratchLength),
    };
  }
}

/** Kept parents of every particle: random subsets, one particle without any, runs of several translations. */
class Kept {
  readonly start: Uint32Array;
  readonly first: Uint32Array;
  readonly runStart: Uint32Array;
  readonly runGroup: Uint32Array;
  readonly children: number;

  constructor(
    readonly shape: Shape,
    random: Random,
  ) {
    const { particles, orientations, translations, rotations, shifts } = shape;
    this.children = rotations * shifts;
    const [start, first, runStart, runGroup]: number[][] = [[0], [], [0], []];
    for (let i = 0; i < particles; i++) {
      for (let o = 0; o < orientations; o++) {
        if (i === 1 || (o > 0 && random.uniform() > 0.2)) continue;
        runGroup.push(first.length);
        const before = first.length;
        for (let t = 0; t < translations; t++)
          if (random.uniform() < 0.4) first.push((o * translations + t) * this.children);
        if (first.length === before) first.push(o * translations * this.children);
      }
      start.push(first.length);
      runStart.push(runGroup.length);
    }
    runGroup.push(first.length);
    [this.start, this.first, this.runStart, this.runGroup] = [start, first, runStart, runGroup].map((list) =>
      Uint32Array.from(list),
    );
  }

  get groups(): number {
    return this.first.length;
  }

  /** All views: runs with each of their child orientations. */
  views(): { view: number; particle: number; parent: number }[] {
    const { particles, rotations, translations } = this.shape;
    return Array.from({ length: particles }, (_, particle) =>
      Array.from({ length: this.runStart[particle + 1] - this.runStart[particle] }, (_, run) => {
        const own = this.runStart[particle] + run;
        const parent = Math.floor(this.first[this.runGroup[own]] / this.children / translations);
        return Array.from({ length: rotations }, (_, r) => ({ view: own * rotations + r, particle, parent }));
      }),
    ).flat(2);
  }

  samples(bench: Workbench, values: CompressedSamples["values"]): CompressedSamples {
    const { particles, orientations, translations } = this.shape;
    return {
      layout: "compressed",
      particles,
      orientations,
      translations,
      children: this.children,
      capacity: this.groups,
      groups: this.groups,
      start_i: bench.put("index", "starts", this.start),
      firstSample_g: bench.put("index", "first samples", this.first),
      values,
    };
  }

  runs(bench: Workbench): Runs {
    return {
      capacity: this.runGroup.length - 1,
      runStart_i: bench.put("index", "run starts", this.runStart),
      runGroup_r: bench.put("index", "run groups", this.runGroup),
    };
  }
}

function coarseCases(random: Random, shape: Shape): Case[] {
  const problem = new Problem(shape, "shells", random);
  const whole = new Problem(shape, "all", random);
  const samples = shape.particles * shape.orientations * shape.translations;
  return [
    {
      operation: "imageConstants",
      variant: problem.variant,
      async run(bench) {
        const constants = await bench.out("real", "constants", shape.particles);
        await bench.runtime.imageConstants({ batch: problem.batch(bench), constant_i: constants });
        return { constants: await bench.get(constants) };
      },
    },
    ...scoreStrategies.map(
      (strategy): Case => ({
        operation: "diff2Coarse",
        variant: `${strategy}, ${problem.variant}`,
        async run(bench) {
          const pass = await problem.coarse(bench);
          const diff2 = await bench.out("real", "diff2", samples);
          await bench.runtime.diff2Coarse({ ...pass, strategy, diff2_iot: diff2 });
          return { diff2: await bench.get(diff2) };
        },
      }),
    ),
    {
      operation: "crossCorrelation",
      variant: whole.variant,
      async run(bench) {
        const pass = await whole.coarse(bench);
        const score = await bench.out("real", "score", samples);
        await bench.runtime.crossCorrelation({ ...pass, score_iot: score });
        return { score: await bench.get(score) };
      },
    },
  ];
}

function fineCases(random: Random, shape: Shape): Case[] {
  const problem = new Problem(shape, "shells", random);
  const kept = new Kept(shape, random);
  const passShape = { particles: shape.particles, pixels: problem.pixels };
  const length = kept.groups * kept.children;
  const normalised = random.uniforms(length).map((value) => (value < 0.5 ? 0 : Math.fround(value / 20)));
  return [
    ...[
      { correlation: false, made: false },
      { correlation: true, made: false },
      { correlation: false, made: true },
    ].map(
      ({ correlation, made }): Case => ({
        operation: "diff2Fine",
        variant: `${correlation ? "correlation, " : ""}${made ? "all slices, " : ""}${kept.groups} groups of ${kept.children}, ${problem.variant}`,
        async run(bench) {
          const pass = await problem.fine(bench, fineScratch(passShape));
          const values = await bench.out("real", "diff2", length);
          await bench.runtime.diff2Fine({
            ...pass,
            ...(made ? { childSlices: problem.madeSlices(bench) } : {}),
            samples: kept.samples(bench, values),
            correlation,
          });
          return { diff2: await bench.get(values) };
        },
      }),
    ),
    {
      operation: "shellTerms",
      variant: problem.variant,
      async run(bench) {
        const batch = problem.batch(bench);
        const sums = await bench.out("real", "sums", 3 * classes * shape.particles * batch.pixels.shells);
        await bench.runtime.shellTerms({
          batch,
          classes,
          terms_cik: bench.put("complex", "terms", [...problem.unmasked, ...problem.images]),
          sums_cis3: sums,
        });
        return { sums: await bench.get(sums) };
      },
    },
    {
      operation: "translationMoments",
      variant: `${kept.groups} groups of ${kept.children}`,
      async run(bench) {
        const moments = await bench.out("real", "moments", 4 * shape.particles);
        await bench.runtime.translationMoments({
          samples: kept.samples(bench, bench.put("real", "weights", normalised)),
          shifts: shape.shifts,
          translations_t2: bench.put("real", "translations", problem.childTranslations),
          moments_i4: moments,
        });
        return { moments: await bench.get(moments) };
      },
    },
    {
      operation: "viewTotals",
      variant: `${kept.groups} groups of ${kept.children}`,
      async run(bench) {
        const runs = kept.runs(bench);
        const count = runs.capacity * shape.rotations;
        const total_v = await bench.out("real", "totals", count);
        const samples = kept.samples(bench, bench.put("real", "weights", normalised));
        const { rotations, shifts } = shape;
        await bench.runtime.viewTotals({ samples, runs, rotations, shifts, count, total_v });
        return { totals: await bench.get(total_v) };
      },
    },
    ...[false, true].map((made): Case => viewCase(problem, kept, normalised, made)),
  ];
}

/** Views of one row of the matrices together, added to every other row of the results, in falling order. */
function mergedViews(
  views: readonly { view: number; particle: number; parent: number }[],
  rotations: number,
): { merged: number[]; members: number[]; count: number } {
  const byRow = new Map<number, number[]>();
  for (const [at, { view, parent }] of views.entries()) {
    const row = parent * rotations + (view % rotations);
    byRow.set(row, [...(byRow.get(row) ?? []), at]);
  }
  const merged: number[] = [];
  const members: number[] = [];
  const count = byRow.size;
  for (const [index, list] of [...byRow.values()].entries()) {
    merged.push(members.length / 2, 2 * (count - 1 - index));
    for (const at of list) members.push(at, views[at].particle);
  }
  merged.push(members.length / 2, 0);
  return { merged, members, count };
}

/** Sums over two thirds of the views, in two blocks; with slices of all children at hand or not. */
function viewCase(problem: Problem, kept: Kept, normalised: Float64Array, made: boolean): Case {
  const { shape } = problem;
  const { rotations, particles } = shape;
  const views = kept.views().filter((_, at) => at % 3 !== 1);
  return {
    operation: "weightedSums",
    variant: `${made ? "all slices, " : ""}${kept.groups} groups of ${kept.children}, ${problem.variant}`,
    async run(bench) {
      const { runtime } = bench;
      const K = problem.pixels;
      const pass = await problem.fine(bench, sumsScratch({ particles, pixels: K }, views.length, made));
      const terms = await bench.zeros("complex", "terms", classes * particles * K);
      const common = {
        ...pass,
        ...(made
          ? {
              childSlices: {
                firstRow: 0,
                rows: classes * problem.rows,
                slices_ok: bench.put("complex", "child slices", problem.childSlices),
              },
            }
          : {}),
        samples: kept.samples(bench, bench.put("real", "weights", normalised)),
        runs: kept.runs(bench),
        unmasked_ik: bench.put("complex", "unmasked", problem.unmasked),
        viewCtf_ik: bench.put("real", "view ctf", problem.viewCtf),
        sumWeights_ik: bench.put("real", "sum weights", problem.weights),
        terms_cik: terms,
      };
      const outputs: Record<string, Float64Array | Float32Array | Uint32Array> = {};
      const half = views.length >> 1;
      for (const [name, block] of [
        ["first", views.slice(0, half)],
        ["second", views.slice(half)],
      ] as const) {
        const starts = Array.from(
          { length: particles + 1 },
          (_, i) => block.filter(({ particle }) => particle < i).length,
        );
        const { merged, members, count } = mergedViews(block, rotations);
        const numerator_vk = await bench.zeros("complex", "numerators", 2 * count * K);
        const weight_vk = bench.put("real", "weights", new Float64Array(2 * count * K).fill(0.25));
        await runtime.weightedSums({
          ...common,
          views_v2: bench.put(
            "index",
            "views",
            block.flatMap(({ view, particle }) => [view, particle]),
          ),
          viewStart_i: bench.put("index", "view starts", starts),
          viewCount: block.length,
          total_v: bench.put(
            "real",
            "totals",
            block.map((_, at) => (at % 7) / 8),
          ),
          orientation_v: bench.put(
            "index",
            "orientations",
            block.map(({ parent, view }) => parent * rotations + (view % rotations)),
          ),
          merged_m2: bench.put("index", "merged", merged),
          mergedCount: count,
          members_v2: bench.put("index", "members", members),
          numerator_vk,
          weight_vk,
        });
        outputs[`${name} numerators`] = await bench.get(numerator_vk);
        outputs[`${name} weights`] = await bench.get(weight_vk);
      }
      return { ...outputs, terms: await bench.get(terms) };
    },
  };
}

function weightCases(random: Random, shape: Shape): Case[] {
  const { particles, orientations, translations } = shape;
  const count = orientations * translations;
  const kept = new Kept(shape, random);
  const diff2 = random.uniforms(particles * count, 300, 420);
  diff2[5] = Number.NaN;
  diff2[9] = Number.POSITIVE_INFINITY;
  const priors = (rows: number) => random.uniforms(rows, -6, 0);
  const perParticle = priors(particles * orientations);
  const shared = priors(orientations);
  const translation = priors(particles * translations);
  shared[0] = perParticle[0] = translation[1] = logZero;
  const fine = random.uniforms(kept.groups * kept.children, 300, 400);
  const outputs = async (bench: Workbench) => ({
    logMax_i: await bench.out("real", "log max", particles),
    sum_i: await bench.out("real", "sums", particles),
    best_i: await bench.out("index", "best", particles),
  });
  const weightsCase = (layout: "dense" | "compressed", own: boolean): Case => ({
    operation: "weightsFromDiff2",
    variant: `${layout}, ${particles} particles x ${count} samples${own ? ", own priors" : ""}`,
    async run(bench) {
      const values = bench.put("real", "values", layout === "dense" ? diff2 : fine);
      const samples =
        layout === "dense"
          ? { layout, particles, orientations, translations, values }
          : kept.samples(bench, values);
      const out = await outputs(bench);
      await bench.runtime.weightsFromDiff2({
        samples,
        priors: {
          orientation_o: bench.put("real", "orientation priors", own ? perParticle : shared),
          perParticle: own,
          translation_it: bench.put("real", "translation priors", translation),
        },
        scale: own ? 0.5 : 1,
        ...out,
      });
      return {
        weights: await bench.get(values),
        logMax: await bench.get(out.logMax_i),
        sum: await bench.get(out.sum_i),
        best: await bench.get(out.best_i),
      };
    },
  });
  return [
    weightsCase("dense", false),
    weightsCase("dense", true),
    weightsCase("compressed", false),
    weightsCase("compressed", true),
  ];
}

/** Weights of the kinds that particles have: one peak, a broad set, all equal, ties at the end, none. */
function significanceCases(random: Random, shape: Shape): Case[] {
  const { particles, orientations, translations } = shape;
  const count = orientations * translations;
  const sharpness = [40, 4, 0.05, 0, 12];
  const weights = Float64Array.from({ length: particles * count }, (_, at) => {
    const kind = Math.floor(at / count) % (sharpness.length + 2);
    if (kind === sharpness.length) return 0;
    if (kind === sharpness.length + 1) return Math.fround(2 ** -Math.floor(4 * random.uniform()));
    return Math.fround(Math.exp(-sharpness[kind] * random.uniform() ** 0.3 * 2));
  });
  const sums = Float64Array.from({ length: particles }, (_, i) =>
    weights.subarray(i * count, (i + 1) * count).reduce((sum, weight) => sum + weight, 0),
  );
  const dense = (bench: Workbench): DenseSamples => ({
    layout: "dense",
    particles,
    orientations,
    translations,
    values: bench.put("real", "weights", weights),
  });
  const selectCase = (fraction: number, cap: number): Case => ({
    operation: "selectSignificant",
    variant: `${particles} x ${count}, fraction ${fraction}, cap ${cap}`,
    async run(bench) {
      const threshold = await bench.out("real", "thresholds", particles);
      const counts = await bench.out("index", "counts", particles);
      const sum_i = bench.put("real", "sums", sums);
      await bench.runtime.selectSignificant({
        samples: dense(bench),
        sum_i,
        fraction,
        cap,
        threshold_i: threshold,
        count_i: counts,
      });
      // Particles without any weight have a threshold that nothing reaches, whatever its value.
      const thresholds = (await bench.get(threshold)).map((value, i) => (sums[i] > 0 ? value : -1));
      return { thresholds, counts: await bench.get(counts) };
    },
  });
  const compactCase = (level: number, share: number): Case => ({
    operation: "compactWeights",
    variant: `${particles} x ${count}, threshold ${level}, capacity ${share}`,
    async run(bench) {
      const rows = particles * orientations;
      return compacted(bench, dense(bench), shape, rows, Math.ceil(share * particles * count), level);
    },
  });
  const kept = new Kept(shape, random);
  const fine = random.uniforms(kept.groups * kept.children);
  // More weights of nearly one size than a kernel keeps at hand, and the same few values many times.
  const many = 12_000;
  const alike = Float64Array.from({ length: 3 * many }, (_, at) =>
    Math.fround(at < many ? 0.9 + 0.1 * random.uniform() : 1 - Math.floor(50 * random.uniform()) / 1024),
  );
  return [
    {
      operation: "selectSignificant",
      variant: `3 x ${many} weights of one size`,
      async run(bench) {
        const threshold_i = await bench.out("real", "thresholds", 3);
        const count_i = await bench.out("index", "counts", 3);
        const values = bench.put("real", "weights", alike);
        const sums = [0, 1, 2].map((i) =>
          alike.subarray(i * many, (i + 1) * many).reduce((sum, weight) => sum + weight, 0),
        );
        await bench.runtime.selectSignificant({
          samples: { layout: "dense", particles: 3, orientations: many, translations: 1, values },
          sum_i: bench.put("real", "sums", sums),
          fraction: 0.7,
          cap: 2 ** 31,
          threshold_i,
          count_i,
        });
        return { thresholds: await bench.get(threshold_i), counts: await bench.get(count_i) };
      },
    },
    selectCase(0.999, 2 ** 31),
    selectCase(0.5, 2 ** 31),
    selectCase(0.999, 7),
    selectCase(0.97, 2 ** 31),
    compactCase(0.25, 1),
    compactCase(0.6, 0.05),
    {
      operation: "selectSignificant",
      variant: `compressed, ${kept.groups} groups of ${kept.children}`,
      async run(bench) {
        const threshold = await bench.out("real", "thresholds", particles);
        const counts = await bench.out("index", "counts", particles);
        const own = Float64Array.from({ length: particles }, (_, i) =>
          fine
            .subarray(kept.start[i] * kept.children, kept.start[i + 1] * kept.children)
            .reduce((sum, w) => sum + w, 0),
        );
        await bench.runtime.selectSignificant({
          samples: kept.samples(bench, bench.put("real", "weights", fine)),
          sum_i: bench.put("real", "sums", own),
          fraction: 0.9,
          cap: 2 ** 31,
          threshold_i: threshold,
          count_i: counts,
        });
        const thresholds = (await bench.get(threshold)).map((value, i) => (own[i] > 0 ? value : -1));
        return { thresholds, counts: await bench.get(counts) };
      },
    },
    {
      operation: "normaliseWeights",
      variant: `${kept.groups} groups of ${kept.children}`,
      async run(bench) {
        const values = bench.put("real", "weights", fine);
        await bench.runtime.normaliseWeights({
          samples: kept.samples(bench, values),
          threshold_i: bench.put("real", "thresholds", new Float64Array(particles).fill(0.3)),
          sum_i: bench.put("real", "sums", new Float64Array(particles).fill(7.5)),
        });
        return { weights: await bench.get(values) };
      },
    },
  ];
}

export function expectationCases(random: Random): Case[] {
  const small: Shape = { particles: 3, orientations: 37, translations: 5, size: 10, rotations: 8, shifts: 4 };
  const tiles: Shape = {
    particles: 9,
    orientations: 150,
    translations: 21,
    size: 16,
    rotations: 8,
    shifts: 4,
  };
  const single: Shape = {
    particles: 5,
    orientations: 11,
    translations: 3,
    size: 14,
    rotations: 1,
    shifts: 1,
  };
  const deep: Shape = { particles: 3, orientations: 4, translations: 2, size: 12, rotations: 64, shifts: 16 };
  return [
    ...coarseCases(random, small),
    ...coarseCases(random, tiles),
    ...coarseCases(random, single),
    ...fineCases(random, { ...small, orientations: 12 }),
    ...fineCases(random, single),
    ...fineCases(random, deep),
    ...weightCases(random, small),
    ...weightCases(random, { ...tiles, orientations: 300 }),
    ...significanceCases(random, { ...small, particles: 7 }),
    ...significanceCases(random, tiles),
    ...significanceCases(random, { ...small, particles: 8, orientations: 700 }),
  ];
}
