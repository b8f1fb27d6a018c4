import { type LogPriors, logZero, type Samples } from "../contract.js";
import type { Operations, WeightOperation } from "../operations.js";
import type { HostMemory } from "./memory.js";

/** Where the samples of a particle are, and the coarse sample of each. */
function segmentOf(
  memory: HostMemory,
  samples: Samples,
  i: number,
): { from: number; to: number; coarse: (at: number) => number } {
  if (samples.layout === "dense") {
    const count = samples.orientations * samples.translations;
    return { from: i * count, to: (i + 1) * count, coarse: (at) => at - i * count };
  }
  const start = memory.index(samples.start_i);
  if (samples.layout === "listed") {
    const each = samples.ownTranslation ? 1 : samples.translations;
    const own = start[i + 1] - start[i];
    const from = samples.classes * start[i] * each;
    return {
      from,
      to: from + samples.classes * own * each,
      coarse(at) {
        const row = Math.floor((at - from) / each);
        const o = Math.floor(row / own) * samples.candidates + start[i] + (row % own);
        return o * samples.translations + (samples.ownTranslation ? i : (at - from) % each);
      },
    };
  }
  const first = memory.index(samples.firstSample_g);
  const { children } = samples;
  return {
    from: start[i] * children,
    to: start[i + 1] * children,
    coarse: (at) => first[Math.floor(at / children)] / children,
  };
}

/** Log prior of a coarse sample; `logZero` where either part forbids it. */
function logPrior(
  memory: HostMemory,
  samples: Samples,
  priors: LogPriors,
  i: number,
  coarse: number,
): number {
  const o = Math.floor(coarse / samples.translations);
  const t = coarse % samples.translations;
  const orientation = memory.real(priors.orientation_o)[
    (priors.perParticle && samples.layout !== "listed" ? i * samples.orientations : 0) + o
  ];
  const translation = memory.real(priors.translation_it)[i * samples.translations + t];
  return orientation <= logZero || translation <= logZero ? logZero : orientation + translation;
}

export const weightOperations: Operations<HostMemory, WeightOperation> = {
  listCandidates(
    memory,
    { list, classes, classPrior_c, translations, ownTranslation, prior_o, firstSample_g },
  ) {
    const start = memory.index(list.start_i);
    const [firstDirection, firstPsi] = [memory.index(list.directionStart_i), memory.index(list.psiStart_i)];
    const [direction, psi] = [memory.real(list.directionPrior_d), memory.real(list.psiPrior_a)];
    let row = 0;
    for (let i = 0; i < list.particles; i++) {
      const psis = firstPsi[i + 1] - firstPsi[i];
      for (let k = 0; k < classes; k++)
        for (let c = start[i]; c < start[i + 1]; c++) {
          const n = c - start[i];
          const own = memory.real(classPrior_c)[k];
          const o = k * list.candidates + c;
          memory.real(prior_o)[o] =
            own <= logZero
              ? logZero
              : own + direction[firstDirection[i] + Math.floor(n / psis)] + psi[firstPsi[i] + (n % psis)];
          memory.index(firstSample_g)[row++] = o * translations + (ownTranslation ? i : 0);
        }
    }
  },

  weightsFromDiff2(memory, { samples, priors, scale, logMax_i, sum_i, best_i }) {
    const values = memory.real(samples.values);
    for (let i = 0; i < samples.particles; i++) {
      const { from, to, coarse } = segmentOf(memory, samples, i);
      let most = logZero;
      let best = 0;
      for (let at = from; at < to; at++) {
        const prior = logPrior(memory, samples, priors, i, coarse(at));
        values[at] = Number.isFinite(values[at]) && prior > logZero ? prior - scale * values[at] : logZero;
        if (values[at] > most) {
          most = values[at];
          best = at - from;
        }
      }
      let sum = 0;
      for (let at = from; at < to; at++) {
        values[at] = values[at] <= logZero ? 0 : Math.exp(values[at] - most);
        sum += values[at];
      }
      memory.real(logMax_i)[i] = most;
      memory.real(sum_i)[i] = sum;
      memory.index(best_i)[i] = best;
    }
  },

  selectSignificant(memory, { samples, sum_i, fraction, cap, threshold_i, count_i }) {
    const values = memory.real(samples.values);
    for (let i = 0; i < samples.particles; i++) {
      const { from, to } = segmentOf(memory, samples, i);
      const sorted = values
        .slice(from, to)
        .filter((weight) => weight > 0)
        .sort()
        .reverse();
      const wanted = fraction * memory.real(sum_i)[i];
      let mass = 0;
      let count = 0;
      while (count < sorted.length && count < cap && mass <= wanted) mass += sorted[count++];
      memory.real(threshold_i)[i] = count > 0 ? sorted[count - 1] : Number.POSITIVE_INFINITY;
      memory.index(count_i)[i] = count;
    }
  },

  compactWeights(memory, { samples, threshold_i, compressed, runs }) {
    const values = memory.real(samples.values);
    const start = memory.index(compressed.start_i);
    const first = memory.index(compressed.firstSample_g);
    const runStart = memory.index(runs.runStart_i);
    const runGroup = memory.index(runs.runGroup_r);
    let group = 0;
    let run = 0;
    start[0] = 0;
    runStart[0] = 0;
    for (let i = 0; i < samples.particles; i++) {
      const threshold = memory.real(threshold_i)[i];
      const { from, to, coarse } = segmentOf(memory, samples, i);
      let before = -1;
      for (let at = from; at < to; at++) {
        if (values[at] < threshold || values[at] === 0) continue;
        const orientation = Math.floor(coarse(at) / samples.translations);
        if (orientation !== before) {
          if (run < runs.capacity) runGroup[run] = group;
          run++;
        }
        before = orientation;
        if (group < compressed.capacity) first[group] = coarse(at) * compressed.children;
        group++;
      }
      start[i + 1] = group;
      runStart[i + 1] = run;
    }
    if (run <= runs.capacity) runGroup[run] = group;
  },

  normaliseWeights(memory, { samples, threshold_i, sum_i }) {
    const values = memory.real(samples.values);
    for (let i = 0; i < samples.particles; i++) {
      const { from, to } = segmentOf(memory, samples, i);
      const threshold = memory.real(threshold_i)[i];
      const sum = memory.real(sum_i)[i];
      for (let at = from; at < to; at++) values[at] = values[at] < threshold ? 0 : values[at] / sum;
    }
  },

  translationMoments(memory, { samples, shifts, translations_t2, moments_i4 }) {
    const values = memory.real(samples.values);
    const translations = memory.real(translations_t2);
    const moments = memory.real(moments_i4);
    for (let i = 0; i < samples.particles; i++) {
      const { from, to, coarse } = segmentOf(memory, samples, i);
      const sums = [0, 0, 0, 0];
      for (let at = from; at < to; at++) {
        const t = (coarse(at) % samples.translations) * shifts + (at % shifts);
        const [x, y] = [translations[2 * t], translations[2 * t + 1]];
        [1, x, y, x * x + y * y].forEach((factor, m) => {
          sums[m] += values[at] * factor;
        });
      }
      moments.set(sums, 4 * i);
    }
  },
};
