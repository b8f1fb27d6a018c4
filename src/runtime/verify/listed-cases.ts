import { type CandidateList, type ListedSamples, logZero } from "../contract.js";
import { compacted } from "./compacted.js";
import type { Case, Random, Workbench } from "./harness.js";

/** Classes of a problem; the last one is forbidden. */
const classes = 3;

interface Shape {
  readonly particles: number;
  readonly translations: number;
  /** Entries of the tables. */
  readonly directions: number;
  readonly psis: number;
  readonly directionChildren: number;
  readonly psiChildren: number;
}

/** Particles with candidates of their own: any number of directions and angles, none for the second particle. */
class Lists {
  readonly start: number[] = [0];
  readonly directionStart: number[] = [0];
  readonly psiStart: number[] = [0];
  readonly direction: number[] = [];
  readonly psi: number[] = [];
  readonly directionPrior: Float64Array;
  readonly psiPrior: Float64Array;

  constructor(
    readonly shape: Shape,
    random: Random,
  ) {
    const pick = (most: number) => Math.floor(most * random.uniform());
    for (let i = 0; i < shape.particles; i++) {
      const [directions, psis] = i === 1 ? [0, 0] : [1 + pick(7), 1 + pick(5)];
      for (let n = 0; n < directions; n++) this.direction.push(pick(shape.directions));
      for (let n = 0; n < psis; n++) this.psi.push(pick(shape.psis));
      this.directionStart.push(this.direction.length);
      this.psiStart.push(this.psi.length);
      this.start.push(this.start[i] + directions * psis);
    }
    this.directionPrior = random.uniforms(this.direction.length, -4, 0);
    this.psiPrior = random.uniforms(this.psi.length, -4, 0);
  }

  get candidates(): number {
    return this.start[this.shape.particles];
  }

  put(bench: Workbench): CandidateList {
    return {
      particles: this.shape.particles,
      candidates: this.candidates,
      start_i: bench.put("index", "candidate starts", this.start),
      directionStart_i: bench.put("index", "direction starts", this.directionStart),
      direction_d: bench.put("index", "directions", this.direction),
      directionPrior_d: bench.put("real", "direction priors", this.directionPrior),
      psiStart_i: bench.put("index", "angle starts", this.psiStart),
      psi_a: bench.put("index", "angles", this.psi),
      psiPrior_a: bench.put("real", "angle priors", this.psiPrior),
    };
  }

  samples(bench: Workbench, ownTranslation: boolean, values: Float64Array): ListedSamples {
    const { particles, translations } = this.shape;
    return {
      layout: "listed",
      particles,
      classes,
      candidates: this.candidates,
      translations: ownTranslation ? particles : translations,
      ownTranslation,
      start_i: bench.put("index", "candidate starts", this.start),
      values: bench.put("real", "values", values),
    };
  }
}

function shapeCases(random: Random, shape: Shape): Case[] {
  const { particles, translations, directionChildren, psiChildren } = shape;
  const lists = new Lists(shape, random);
  const { candidates } = lists;
  const about = `${particles} particles with ${candidates} candidates`;
  const directions = random.rotations(shape.directions * directionChildren);
  const turns = random.uniforms(shape.psis * psiChildren, 0, 2 * Math.PI);
  const psis = Float64Array.from({ length: 2 * turns.length }, (_, at) =>
    at % 2 === 0 ? Math.cos(turns[at >> 1]) : Math.sin(turns[at >> 1]),
  );
  const classPrior = [-0.5, 0.25, logZero];
  const priors = random.uniforms(classes * candidates, -6, 0);
  priors[candidates - 1] = logZero;
  const totals = (values: Float64Array, each: number) =>
    Float64Array.from({ length: particles }, (_, i) =>
      values
        .subarray(classes * each * lists.start[i], classes * each * lists.start[i + 1])
        .reduce((sum, value) => sum + value, 0),
    );

  const cases: Case[] = [
    {
      operation: "listOrientations",
      variant: `${about}, ${directionChildren} x ${psiChildren} children`,
      async run(bench) {
        const matrices = await bench.out(
          "real",
          "matrices",
          9 * candidates * directionChildren * psiChildren,
        );
        await bench.runtime.listOrientations({
          list: lists.put(bench),
          directions: bench.put("real", "table of directions", directions),
          directionChildren,
          psis: bench.put("real", "table of angles", psis),
          psiChildren,
          matrices,
        });
        return { matrices: await bench.get(matrices) };
      },
    },
  ];
  for (const ownTranslation of [false, true]) {
    const each = ownTranslation ? 1 : translations;
    const count = classes * candidates * each;
    const own = ownTranslation ? ", own translations" : "";
    const scores = random.uniforms(count, 300, 420);
    if (count > 3) scores[3] = Number.NaN;
    const weights = Float64Array.from(random.uniforms(count), Math.fround);
    const translationPrior = random.uniforms(particles * (ownTranslation ? particles : translations), -3, 0);
    cases.push(
      {
        operation: "listCandidates",
        variant: `${about}${own}`,
        async run(bench) {
          const prior_o = await bench.out("real", "priors", classes * candidates);
          const firstSample_g = await bench.out("index", "first samples", classes * candidates);
          await bench.runtime.listCandidates({
            list: lists.put(bench),
            classes,
            classPrior_c: bench.put("real", "class priors", classPrior),
            translations: ownTranslation ? particles : translations,
            ownTranslation,
            prior_o,
            firstSample_g,
          });
          const found = await bench.get(prior_o);
          return {
            priors: found.subarray(0, 2 * candidates),
            forbidden: Uint32Array.from(found.subarray(2 * candidates), (value) => Number(value <= logZero)),
            first: await bench.get(firstSample_g),
          };
        },
      },
      {
        operation: "weightsFromDiff2",
        variant: `listed, ${about}${own}`,
        async run(bench) {
          const samples = lists.samples(bench, ownTranslation, scores);
          const logMax_i = await bench.out("real", "log max", particles);
          const sum_i = await bench.out("real", "sums", particles);
          const best_i = await bench.out("index", "best", particles);
          await bench.runtime.weightsFromDiff2({
            samples,
            priors: {
              orientation_o: bench.put("real", "orientation priors", priors),
              perParticle: false,
              translation_it: bench.put("real", "translation priors", translationPrior),
            },
            scale: 0.5,
            logMax_i,
            sum_i,
            best_i,
          });
          return {
            weights: await bench.get(samples.values),
            logMax: await bench.get(logMax_i),
            sum: await bench.get(sum_i),
            best: await bench.get(best_i),
          };
        },
      },
      {
        operation: "selectSignificant",
        variant: `listed, ${about}${own}`,
        async run(bench) {
          const threshold_i = await bench.out("real", "thresholds", particles);
          const count_i = await bench.out("index", "counts", particles);
          const sums = totals(weights, each);
          await bench.runtime.selectSignificant({
            samples: lists.samples(bench, ownTranslation, weights),
            sum_i: bench.put("real", "sums", sums),
            fraction: 0.9,
            cap: 2 ** 31,
            threshold_i,
            count_i,
          });
          const thresholds = (await bench.get(threshold_i)).map((value, i) => (sums[i] > 0 ? value : -1));
          return { thresholds, counts: await bench.get(count_i) };
        },
      },
      {
        operation: "compactWeights",
        variant: `listed, ${about}${own}`,
        async run(bench) {
          const rows = classes * candidates;
          const shape = {
            particles,
            orientations: rows,
            translations: ownTranslation ? particles : translations,
          };
          return compacted(bench, lists.samples(bench, ownTranslation, weights), shape, rows, count, 0.7);
        },
      },
    );
  }
  return cases;
}

/** Operations on particles that have orientations of their own. */
export function listedCases(random: Random): Case[] {
  return [
    ...shapeCases(random, {
      particles: 5,
      translations: 3,
      directions: 11,
      psis: 7,
      directionChildren: 4,
      psiChildren: 2,
    }),
    ...shapeCases(random, {
      particles: 40,
      translations: 21,
      directions: 50,
      psis: 20,
      directionChildren: 1,
      psiChildren: 1,
    }),
  ];
}
