import { logZero } from "../contract.js";
import { screenReport } from "../screen-tables.js";
import { selectCoarse } from "../select-coarse.js";
import { type PixelChoice, pixelTable, pixelX, pixelY } from "../tables.js";
import { Problem, type Shape } from "./expectation-cases.js";
import type { Case, Random } from "./harness.js";

const children = 32;
const everything = 2 ** 31;

/** A problem with priors; signals of `strength` make sets of few samples or of many. One particle may go nowhere. */
class Selection {
  readonly problem: Problem;
  readonly orientationPrior: Float64Array;
  readonly translationPrior: Float64Array;

  constructor(
    readonly shape: Shape,
    readonly choice: PixelChoice,
    readonly strength: number,
    readonly own: boolean,
    random: Random,
  ) {
    const { particles, orientations, translations } = shape;
    this.problem = new Problem(shape, choice, random);
    this.problem.slices.set(this.problem.slices.map((value) => Math.fround(strength * value)));
    this.orientationPrior = random.uniforms((own ? particles : 1) * orientations, -6, 0);
    this.translationPrior = random.uniforms(particles * translations, -6, 0);
    for (let at = 0; at < this.orientationPrior.length; at += 7) this.orientationPrior[at] = logZero;
    this.translationPrior.fill(logZero, (particles - 1) * translations);
  }

  /** L of the samples of particle i that have one, falling: the definition, in float64. */
  falling(i: number): Float64Array {
    const { orientations, translations, size } = this.shape;
    const { images, ctf, weights, slices, box, pixels: K, translations: shifts } = this.problem;
    const xy = pixelTable(size, this.choice);
    const found: number[] = [];
    for (let t = 0; t < translations; t++) {
      const prior = this.translationPrior[i * translations + t];
      if (prior <= logZero) continue;
      const moved = new Float64Array(2 * K);
      for (let k = 0; k < K; k++) {
        const angle =
          (-2 * Math.PI * (pixelX(xy[k]) * shifts[2 * t] + pixelY(xy[k]) * shifts[2 * t + 1])) / box;
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        const [x, y] = images.subarray(2 * (i * K + k), 2 * (i * K + k) + 2);
        const factor = weights[i * K + k] * ctf[i * K + k];
        moved[2 * k] = factor * (x * c - y * s);
        moved[2 * k + 1] = factor * (x * s + y * c);
      }
      for (let o = 0; o < orientations; o++) {
        const own = this.orientationPrior[(this.own ? i * orientations : 0) + o];
        if (own <= logZero) continue;
        let score = own + prior;
        for (let k = 0; k < K; k++) {
          const [x, y] = slices.subarray(2 * (o * K + k), 2 * (o * K + k) + 2);
          const energy = weights[i * K + k] * ctf[i * K + k] ** 2;
          score += x * moved[2 * k] + y * moved[2 * k + 1] - 0.5 * energy * (x * x + y * y);
        }
        found.push(score);
      }
    }
    return Float64Array.from(found).sort().reverse();
  }

  /** A fraction that no particle's set leaves in doubt: far from the shares that its members hold, with a gap behind the last. */
  clearFraction(): number {
    const all = Array.from({ length: this.shape.particles - 1 }, (_, i) => this.falling(i));
    let [best, clearest] = [0, 0];
    for (let step = 1; step < 400; step++) {
      const fraction = 1 - 0.1 * 0.98 ** step;
      const clear = Math.min(...all.map((scores) => margin(scores, fraction)));
      if (clear > clearest) [best, clearest] = [fraction, clear];
    }
    return best;
  }

  case(name: string, fraction: number, cap: number, room = 1): Case {
    const { shape, problem, own } = this;
    const { particles, orientations, translations } = shape;
    const correlation = this.choice === "all";
    const samples = particles * orientations * translations;
    return {
      operation: "selectCoarse",
      variant: `${name}, ${problem.variant}, strength ${this.strength}`,
      run: async (bench) => {
        const { scratch: _, ...pass } = await problem.coarse(bench);
        const real = (what: string, length: number) => bench.out("real", what, length);
        const index = (what: string, length: number) => bench.out("index", what, length);
        const capacity = Math.ceil(room * samples);
        const compressed = {
          layout: "compressed",
          ...{ particles, orientations, translations, children, capacity, groups: 0 },
          start_i: await index("starts", particles + 1),
          firstSample_g: await index("first samples", capacity),
          values: await real("fine weights", 1),
        } as const;
        const runs = {
          capacity,
          runStart_i: await index("run starts", particles + 1),
          runGroup_r: await index("run groups", capacity + 1),
        };
        const statistics = {
          logMax_i: await real("log max", particles),
          sum_i: await real("sums", particles),
          best_i: await index("best", particles),
          threshold_i: await real("thresholds", particles),
          count_i: await index("counts", particles),
        };
        await selectCoarse(bench.runtime, {
          ...pass,
          ...statistics,
          strategy: "screen",
          correlation,
          scale: correlation ? 2 ** 22 : 1,
          priors: {
            orientation_o: bench.put("real", "orientation priors", this.orientationPrior),
            perParticle: own,
            translation_it: bench.put("real", "translation priors", this.translationPrior),
          },
          fraction,
          cap,
          compressed,
          runs,
          report: await index("report", screenReport.length),
        });
        const start = (await bench.get(compressed.start_i)) as Uint32Array;
        const runStart = (await bench.get(runs.runStart_i)) as Uint32Array;
        const groups = start[particles];
        if (groups > capacity) return { overflow: Uint32Array.of(1) };
        const sums = await bench.get(statistics.sum_i);
        const logMax = await bench.get(statistics.logMax_i);
        const thresholds = await bench.get(statistics.threshold_i);
        return {
          start,
          runStart,
          first: await bench.get(compressed.firstSample_g, groups),
          runGroup: await bench.get(runs.runGroup_r, runStart[particles] + 1),
          count: await bench.get(statistics.count_i),
          best: await bench.get(statistics.best_i),
          // The last particle goes nowhere; of correlations the largest alone says something.
          logMax: logMax.subarray(0, particles - 1),
          failed: sums.subarray(particles - 1),
          ...(correlation || cap < everything
            ? {}
            : { sums: sums.subarray(0, particles - 1), thresholds: thresholds.subarray(0, particles - 1) }),
        };
      },
    };
  }
}

/** How far a fraction is from the shares on both sides of it, relative to what is left out, and the nats behind the last member. */
function margin(falling: Float64Array, fraction: number): number {
  const weights = falling.map((score) => Math.exp(score - falling[0]));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let before = 0;
  for (let at = 0; at < weights.length; at++) {
    const held = before + weights[at] / total;
    if (held > fraction) {
      const gap = at + 1 < falling.length ? falling[at] - falling[at + 1] : 1;
      return Math.min((fraction - before) / (1 - fraction), (held - fraction) / (1 - fraction), gap);
    }
    before = held;
  }
  return 0;
}

/** The coarse pass as a whole, screened where the runtime can. */
export function selectionCases(random: Random): Case[] {
  const small: Shape = { particles: 4, orientations: 37, translations: 5, size: 10, rotations: 8, shifts: 4 };
  const tiles: Shape = { ...small, particles: 9, orientations: 150, translations: 21, size: 16 };
  const many: Shape = { ...small, orientations: 130, translations: 140 };
  const cases: Case[] = [];
  for (const [shape, strength, own] of [
    [small, 1, false],
    [tiles, 0.3, true],
    [tiles, 0.1, false],
    [many, 0.3, false],
  ] as const) {
    const selection = new Selection(shape, "shells", strength, own, random);
    cases.push(selection.case("likelihood", selection.clearFraction(), everything));
    if (shape !== tiles) continue;
    cases.push(selection.case("no room", 0.99, everything, 1e-3), selection.case("one each", 0.999, 1));
  }
  for (const [shape, own] of [
    [small, true],
    [tiles, false],
  ] as const)
    cases.push(new Selection(shape, "all", 1, own, random).case("correlation", 0.999, 1));
  return cases;
}
