import type { DeviceBuffer, Samples } from "../contract.js";
import type { Operations, WeightOperation } from "../operations.js";
import { scanBlock } from "../tables.js";
import type { KernelDevice } from "./device.js";
import { threads } from "./launch.js";

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
        orientations: samples.orientations,
        translations: samples.translations,
        per_particle: Number(priors.perParticle),
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

  async compactWeights(gpu, { samples, threshold_i, compressed, runs, scratch }) {
    const { values, orientations, translations } = samples;
    const rows = samples.particles * orientations;
    const blocks = Math.ceil(rows / scanBlock);
    const inputs = { values, threshold: threshold_i, counts: scratch };
    await gpu.run("compact_count", {
      over: { items: rows },
      cost: translations,
      params: { rows, orientations, translations },
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
        rows,
        orientations,
        translations,
        children: compressed.children,
        capacity: compressed.capacity,
        run_capacity: runs.capacity,
      },
      buffers: {
        ...inputs,
        starts: compressed.start_i,
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
