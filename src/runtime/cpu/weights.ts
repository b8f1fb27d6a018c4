import type { Samples } from "../contract.js";
import type { Operations, WeightOperation } from "../operations.js";
import type { CpuDevice } from "./device.js";

/** How a kernel finds the values of a particle, and how many they are. */
function segments(samples: Samples) {
  if (samples.layout === "dense") {
    const segment = samples.orientations * samples.translations;
    return { params: { starts: undefined, segment, children: 1 }, count: segment };
  }
  const { children, groups, particles, start_i } = samples;
  return { params: { starts: start_i, segment: 0, children }, count: 1 + (groups * children) / particles };
}

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
      orientations: samples.orientations,
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
    const { values, particles, orientations, translations } = samples;
    const input = { values, threshold: threshold_i, orientations, translations };
    const cost = orientations * translations;
    cpu.run("compact_count", particles, cost, { ...input, counts: scratch });
    cpu.run("compact_scan", 1, 1, {
      counts: scratch,
      starts: compressed.start_i,
      run_starts: runs.runStart_i,
      run_groups: runs.runGroup_r,
      particles,
      run_capacity: runs.capacity,
    });
    cpu.run("compact_write", particles, cost, {
      ...input,
      starts: compressed.start_i,
      run_starts: runs.runStart_i,
      first_sample: compressed.firstSample_g,
      run_groups: runs.runGroup_r,
      children: compressed.children,
      capacity: compressed.capacity,
      run_capacity: runs.capacity,
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
