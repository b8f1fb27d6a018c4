// Candidates of the screen (common/screen.cuh) once more, in fp32 from the operands of coarse_operands:
//   L_n = log prior - sum_k |S|^2 energy + Re sum_k conj(S) shifted        (correlations: scale times the quotient)
// less the particle's best screened score. Every lane sums its pixels of that difference, from its share of the score and the priors on: what
// is summed is small where it counts. A warp takes 32 candidates; those of one row read their slice together.
// Single precision.
#include "common/screen.cuh"

using namespace screening;

struct Operands {
  const real2* slices;
  const real2* shifted;
  const float* energy;
};

__device__ inline float log_prior(const Screen& p, const float* orientation_o, const float* translation_it, u32 i, u32 o, u32 t) {
  const float orientation = orientation_o[p.prior_per_particle * (u64)i * p.orientations + o];
  const float translation = translation_it[(u64)i * p.translations + t];
  return orientation > log_zero && translation > log_zero ? orientation + translation : log_zero;
}

__device__ inline float whole_warp_sum(float x) {
  for (u32 reach = 16; reach > 0; reach /= 2) x += __shfl_xor_sync(all_lanes, x, reach);
  return x;
}

// Sums of a row of samples t[..] of a particle, the same in all lanes: cross terms less energies plus 32 times `begin` (likelihoods), or
// cross terms and the energy (correlations).
template <u32 M>
__device__ inline void row_scores(
  const Screen& p, const Operands& from, u32 i, u32 o, const u32 (&t)[4], const float (&begin)[4], float (&sums)[4], float& energy_sum
) {
  const real2* slice = from.slices + (u64)o * p.pixels;
  const float* energy = from.energy + (u64)i * p.pixels;
  const real2* images[M];
  float own[M];
#pragma unroll
  for (u32 m = 0; m < M; m++) {
    images[m] = from.shifted + ((u64)i * p.translations + t[m]) * p.pixels;
    own[m] = begin[m];
  }
  float shared = 0;
#pragma unroll 4
  for (u32 k = threadIdx.x % 32; k < p.pixels; k += 32) {
    const real2 s = slice[k];
    shared += power(s) * energy[k];
#pragma unroll
    for (u32 m = 0; m < M; m++) own[m] += dot(s, images[m][k]);
  }
  const bool correlation = p.scale != 0;
#pragma unroll
  for (u32 m = 0; m < M; m++) sums[m] = whole_warp_sum(correlation ? own[m] : own[m] - shared);
  energy_sum = correlation ? whole_warp_sum(shared) : 0;
}

// Score of a sample less `origin`, from the sums.
__device__ inline float correlation_score(const Screen& p, float cross, float energy, float norm, float prior, float origin) {
  const float product = energy * norm;
  return (product > 0 ? p.scale * (cross / sqrtf(product)) : 0 * product) - origin + prior;
}

// |L - L'| / bound.
__device__ inline u32 ratio_bits(float exact, float screened, float bound) {
  const float ratio = fabsf(exact - screened) / bound;
  return __float_as_uint(finite(ratio) ? ratio : INFINITY);
}

// exact_n = L_n less the particle's best screened score; log_zero where that is no number.
KERNEL(screen_rescore, 256)(
  const Screen* screen, const real2* slices, const real2* shifted, const float* energy, const float* norm_i, const float* orientation_o,
  const float* translation_it, const float* bound_io, const u32* best_i, const u32* counts, const u32* sample_n, const u32* particle_n,
  const float* below_n, const u32* state_i, const u32* redo, float* exact_n, u32* ratio_i, u32 round
) {
  if (idle(redo, round)) return;
  const Screen p = *screen;
  const Operands from = {slices, shifted, energy};
  const u32 count = least(counts[p.particles * p.blocks], p.capacity);
  const u32 lane = threadIdx.x % 32;
  const u32 warps = gridDim.x * 8;
  for (u32 chunk = blockIdx.x * 8 + threadIdx.x / 32; chunk < (count + 31) / 32; chunk += warps) {
    const u32 n = chunk * 32 + lane;
    const u32 here = least(count - chunk * 32, 32u);
    const u32 sample = n < count ? sample_n[n] : 0;
    const u32 i = n < count ? particle_n[n] : 0;
    const u32 o = sample / p.translations;
    const u32 t = sample % p.translations;
    const float best = from_ordered(best_i[i]);
    const float prior = n < count ? log_prior(p, orientation_o, translation_it, i, o, t) : 0;
    const float share = (prior - best) / 32;
    float exact = 0;
    for (u32 at = 0; at < here;) {
      const u32 row_i = __shfl_sync(all_lanes, i, at);
      const u32 row_o = __shfl_sync(all_lanes, o, at);
      const u32 same = __popc(__ballot_sync(all_lanes, n < count && i == row_i && o == row_o && lane >= at));
      const u32 m = least(same, 4u);
      u32 t_m[4];
      float begin_m[4];
#pragma unroll
      for (u32 e = 0; e < 4; e++) {
        const u32 source = at + least(e, m - 1);
        t_m[e] = __shfl_sync(all_lanes, t, source);
        begin_m[e] = p.scale == 0 ? __shfl_sync(all_lanes, share, source) : 0;
      }
      float sums[4];
      float energies;
      if (m == 1) row_scores<1>(p, from, row_i, row_o, t_m, begin_m, sums, energies);
      else if (m == 2) row_scores<2>(p, from, row_i, row_o, t_m, begin_m, sums, energies);
      else row_scores<4>(p, from, row_i, row_o, t_m, begin_m, sums, energies);
#pragma unroll
      for (u32 e = 0; e < 4; e++)
        if (e < m && lane == at + e)
          exact = p.scale == 0 ? sums[e] : correlation_score(p, sums[e], energies, norm_i[row_i], prior, best);
      at += m;
    }
    if (n < count) exact_n[n] = finite(exact) && prior > log_zero ? exact : log_zero;
    if (round == broken_bound || p.scale != 0) continue;
    const bool compared = n < count && state_i[i] == kept_fp16;
    const u32 ratio = compared ? ratio_bits(exact, -below_n[n], bound_io[(u64)i * p.stride + o]) : 0;
    const u32 first_i = __shfl_sync(all_lanes, i, 0);
    if (__ballot_sync(all_lanes, n < count && i != first_i) == 0) {
      const u32 top = warp_most(ratio);
      if (lane == 0 && top > 0) atomicMax(&ratio_i[i], top);
    } else if (ratio > 0) atomicMax(&ratio_i[i], ratio);
  }
}

// The guard of what is not rescored: one sample of an audited row, a warp each.
KERNEL(screen_audit, 256)(
  const Screen* screen, const real2* slices, const real2* shifted, const float* energy, const float* orientation_o, const float* translation_it,
  const float* bound_io, const float* row_max, const u32* best_i, const u16* scores, const u32* state_i, u32* ratio_i, u32* report
) {
  const Screen p = *screen;
  const Operands from = {slices, shifted, energy};
  const u32 n = blockIdx.x * 8 + threadIdx.x / 32;
  const u32 i = n / p.audits;
  if (i >= p.particles || state_i[i] != kept_fp16) return;
  const u32 o = audited_orientation(p, i, n % p.audits);
  if (o >= p.orientations) return;
  const u32 t = hash(p.seed + o + i) % p.translations;
  const u32 segment = i * p.chunks + t / p.chunk;
  const float top = row_max[row_of(p, segment, o)];
  const u32 at = scores[score_row(p, segment, o) + position(first_column(p, segment) + t % p.chunk)];
  const float prior = log_prior(p, orientation_o, translation_it, i, o, t);
  if (!(top > -1e29f) || at == lowest || prior <= log_zero) return;
  const float best = from_ordered(best_i[i]);
  const float share = (prior - best) / 32;
  float sums[4];
  float unused;
  row_scores<1>(p, from, i, o, {t, t, t, t}, {share, share, share, share}, sums, unused);
  if (threadIdx.x % 32 > 0) return;
  atomicAdd(&report[report_audited], 1u);
  atomicMax(&ratio_i[i], ratio_bits(sums[0], top - best - nats_below(at, offset_of(o)), bound_io[(u64)i * p.stride + o]));
}

// Particles that broke their bound go to the list of those that are computed in fp32, with what they counted so far cleared.
KERNEL(screen_guard, 256)(const u32* ratio_i, u32* state_i, u32* redo, u32* histogram_ib, u32* largest_i, u32* best_i, u32* report) {
  const u32 i = blockIdx.x;
  const float ratio = __uint_as_float(ratio_i[i]);
  const u32 state = state_i[i];
  if (threadIdx.x == 0) atomicMax(&report[report_ratio], ratio_i[i]);
  if (state != kept_fp16 || ratio <= 1) return;
  __syncthreads();
  for (u32 b = threadIdx.x; b < bins; b += blockDim.x) histogram_ib[(u64)i * bins + b] = 0;
  if (threadIdx.x > 0) return;
  state_i[i] = broken_bound;
  largest_i[i] = best_i[i] = 0;
  atomicAdd(&report[report_broken], 1u);
  redo[1 + atomicAdd(redo, 1u)] = i;
}
