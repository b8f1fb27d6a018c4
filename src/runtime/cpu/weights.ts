import type { DenseSamples, ListedSamples, Samples } from "../contract.js";
import type { Operations, WeightOperation } from "../operations.js";
import type { CpuDevice } from "./device.js";

/** How a kernel finds the values of a particle, and how many they are. */
function segments(samples: Samples) {
  if (samples.layout === "dense") {
    const segment = samples.orientations * samples.translations;
    return { params: { starts: undefined, segment, children: 1 }, count: segment };
  }
  const { particles, start_i } = samples;
  const listed = samples.layout === "listed";
  const children = listed ? samples.classes * rowsOf(samples).each : samples.children;
  const groups = listed ? samples.candidates : samples.groups;
  return { params: { starts: start_i, segment: 0, children }, count: 1 + (groups * children) / particles };
}

/** The rows of dense and of listed samples. */
const rowsOf = (samples: DenseSamples | ListedSamples) =>
  samples.layout === "dense"
    ? { orientations: samples.orientations, classes: 0, candidates: 0, each: samples.translations }
    : {
        orientations: 0,
        classes: samples.classes,
        candidates: samples.candidates,
        each: samples.ownTranslation ? 1 : samples.translations,
      };

export const weightOperations: Operations<CpuDevice, WeightOperation> = {
  weightsFromDiff2(cpu, { samples, priors, scale, logMax_i, sum_i, best_i }) {
    const { params, count } = segments(samples);
    cpu.run("weights", samples.particles, 3 * count, {
      values: samples.values,
      ...params,
      first_sample: samples.layout === "compressed" ? samples.firstSample_g : undefined,
      prior_o: priors.orientation_o,
      prior_t: priors.translation_it,
      log_max: logMax_i,
      sums: sum_i,
      best: best_i,
      ...(samples.layout === "compressed"
        ? { orientations: samples.orientations, classes: 0, candidates: 0, each: 0 }
        : rowsOf(samples)),
      translations: samples.translations,
      per_particle: Number(priors.perParticle),
      scale,
    });
  },

  selectSignificant(cpu, { samples, fraction, cap, threshold_i, count_i }) {
    const { params, count } = segments(samples);
    cpu.run("select_significant", samples.particles, 2 * count, {
      values: samples.values,
      ...params,
      threshold: threshold_i,
      count_i,
      cap: Math.min(cap, 0xffffffff),
      tail: 1 - fraction,
    });
  },

  compactWeights(cpu, { samples, threshold_i, compressed, runs, scratch }) {
    const { params, count } = segments(samples);
    const { values, particles, translations } = samples;
    const input = { values, threshold: threshold_i, ...params, ...rowsOf(samples) };
    cpu.run("compact_count", particles, count, { ...input, counts: scratch });
    cpu.run("compact_scan", 1, 1, {
      counts: scratch,
      starts: compressed.start_i,
      run_starts: runs.runStart_i,
      run_groups: runs.runGroup_r,
      particles,
      run_capacity: runs.capacity,
    });
    cpu.run("compact_write", particles, count, {
      ...input,
      group_starts: compressed.start_i,
      run_starts: runs.runStart_i,
      first_sample: compressed.firstSample_g,
      run_groups: runs.runGroup_r,
      translations,
      fine_children: compressed.children,
      capacity: compressed.capacity,
      run_capacity: runs.capacity,
    });
  },

  listCandidates(cpu, { list, classes, classPrior_c, translations, ownTranslation, prior_o, firstSample_g }) {
    const { particles, candidates } = list;
    cpu.run("list_candidates", particles, (5 * classes * candidates) / particles, {
      starts: list.start_i,
      direction_starts: list.directionStart_i,
      direction_prior: list.directionPrior_d,
      psi_starts: list.psiStart_i,
      psi_prior: list.psiPrior_a,
      class_prior: classPrior_c,
      prior_o,
      first_sample: firstSample_g,
      classes,
      candidates,
      translations,
      own: Number(ownTranslation),
    });
  },

  normaliseWeights(cpu, { samples, threshold_i, sum_i }) {
    const { params, count } = segments(samples);
    const own = { values: samples.values, ...params, threshold: threshold_i, sums: sum_i };
    cpu.run("normalise_weights", samples.particles, count, own);
  },

  translationMoments(cpu, { samples, shifts, translations_t2, moments_i4 }) {
    const { count } = segments(samples);
    cpu.run("translation_moments", samples.particles, 3 * count, {
      values: samples.values,
      starts: samples.start_i,
      first_sample: samples.firstSample_g,
      translations_t2,
      moments: moments_i4,
      children: samples.children,
      shifts,
      translations: samples.translations,
    });
  },
};
