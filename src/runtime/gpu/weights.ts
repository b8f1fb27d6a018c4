import type { DeviceBuffer, ListedSamples, Samples } from "../contract.js";
import type { Operations, WeightOperation } from "../operations.js";
import { scanBlock } from "../tables.js";
import type { KernelDevice } from "./device.js";
import { threads } from "./launch.js";

/** Values of a candidate. */
const eachOf = ({ ownTranslation, translations }: ListedSamples) => (ownTranslation ? 1 : translations);

/** How a kernel finds the values of a particle. */
function segments(samples: Samples): {
  params: { dense: number; segment: number; children: number };
  starts: DeviceBuffer | undefined;
  cost: number;
} {
  if (samples.layout === "dense") {
    const segment = samples.orientations * samples.translations;
    return { params: { dense: 1, segment, children: 1 }, starts: undefined, cost: segment / 256 };
  }
  if (samples.layout === "listed") {
    const children = samples.classes * eachOf(samples);
    const cost = Math.ceil((samples.candidates * children) / samples.particles / 256);
    return { params: { dense: 0, segment: 0, children }, starts: samples.start_i, cost };
  }
  const { children, groups, particles } = samples;
  return {
    params: { dense: 0, segment: 0, children },
    starts: samples.start_i,
    cost: Math.ceil((groups * children) / particles / 256),
  };
}

export const weightOperations: Operations<KernelDevice, WeightOperation> = {
  weightsFromDiff2(gpu, { samples, priors, scale, logMax_i, sum_i, best_i }) {
    const { params, starts, cost } = segments(samples);
    return gpu.run("weights", {
      over: { groups: samples.particles },
      cost: cost * 4,
      params: {
        ...params,
        orientations: samples.layout === "listed" ? 0 : samples.orientations,
        translations: samples.translations,
        per_particle: Number(priors.perParticle),
        each: samples.layout === "listed" ? eachOf(samples) : 0,
        candidates: samples.layout === "listed" ? samples.candidates : 0,
        scale,
      },
      buffers: {
        values: samples.values,
        starts,
        first_sample: samples.layout === "compressed" ? samples.firstSample_g : undefined,
        prior_o: priors.orientation_o,
        prior_t: priors.translation_it,
        log_max: logMax_i,
        sum_i,
        best: best_i,
      },
    });
  },

  selectSignificant(gpu, { samples, fraction, cap, threshold_i, count_i }) {
    const { params, starts, cost } = segments(samples);
    return gpu.run("select_significant", {
      over: { groups: samples.particles },
      cost: cost * 8,
      params: { ...params, cap: Math.min(cap, 0xffffffff), tail: 1 - fraction },
      buffers: { values: samples.values, starts, threshold: threshold_i, count_i },
    });
  },

  listCandidates(gpu, { list, classes, classPrior_c, translations, ownTranslation, prior_o, firstSample_g }) {
    const { particles, candidates } = list;
    return threads(
      gpu,
      "list_candidates",
      classes * candidates,
      { particles, classes, translations, own_translation: Number(ownTranslation) },
      {
        starts: list.start_i,
        direction_starts: list.directionStart_i,
        direction_prior: list.directionPrior_d,
        psi_starts: list.psiStart_i,
        psi_prior: list.psiPrior_a,
        class_prior: classPrior_c,
        prior: prior_o,
        first_sample: firstSample_g,
      },
    );
  },

  async compactWeights(gpu, { samples, threshold_i, compressed, runs, scratch }) {
    const { values, particles, translations } = samples;
    const listed = samples.layout === "listed";
    const rows = listed ? samples.classes * samples.candidates : particles * samples.orientations;
    const blocks = Math.ceil(rows / scanBlock);
    const inputs = {
      values,
      threshold: threshold_i,
      counts: scratch,
      starts: listed ? samples.start_i : undefined,
    };
    const params = {
      rows,
      orientations: listed ? 1 : samples.orientations,
      each: listed ? eachOf(samples) : translations,
      classes: listed ? samples.classes : 0,
      particles,
    };
    await gpu.run("compact_count", {
      over: { items: rows },
      cost: translations,
      params,
      buffers: inputs,
    });
    for (const stage of [0, 1])
      await gpu.run("compact_scan", {
        over: { groups: stage === 0 ? blocks : 1 },
        cost: stage === 0 ? 32 : blocks,
        params: { rows, blocks, stage },
        buffers: { counts: scratch },
      });
    await gpu.run("compact_write", {
      over: { items: rows },
      cost: translations,
      params: {
        ...params,
        translations,
        children: compressed.children,
        capacity: compressed.capacity,
        run_capacity: runs.capacity,
      },
      buffers: {
        ...inputs,
        group_starts: compressed.start_i,
        first_sample: compressed.firstSample_g,
        run_starts: runs.runStart_i,
        run_groups: runs.runGroup_r,
      },
    });
  },

  normaliseWeights: (gpu, { samples, threshold_i, sum_i }) =>
    threads(
      gpu,
      "normalise_weights",
      samples.groups * samples.children,
      { children: samples.children, particles: samples.particles },
      { values: samples.values, starts: samples.start_i, threshold: threshold_i, sum_i },
    ),

  translationMoments: (gpu, { samples, shifts, translations_t2, moments_i4 }) =>
    gpu.run("translation_moments", {
      over: { groups: samples.particles },
      cost: Math.ceil((samples.groups * samples.children) / samples.particles / 64),
      params: { children: samples.children, shifts, translations: samples.translations },
      buffers: {
        values: samples.values,
        starts: samples.start_i,
        first_sample: samples.firstSample_g,
        shifts_t: translations_t2,
        moments: moments_i4,
      },
    }),
};
