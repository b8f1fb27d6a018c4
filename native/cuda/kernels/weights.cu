// Scores to weights, in place: exp(L - max L), L = log priors - scale x score; not finite or forbidden: 0. One block a particle; every sum in
// one order. Dense samples: `segment` values a particle; compressed: groups starts[i] .. starts[i + 1] of `children`; listed (`each` is not 0):
// candidates starts[i] .. starts[i + 1] of every class, `each` values a row, for all `translations` or the one whose number is the particle's.
#include "common/listed.cuh"
#include "common/sums.cuh"

constexpr u32 threads = 512;
constexpr real log_zero = real(-1e30);

struct Best {
  real value;
  u64 at;
};

// The larger one, of equal ones the first.
__device__ inline Best better(Best a, Best b) { return b.value > a.value || (b.value == a.value && b.at < a.at) ? b : a; }

KERNEL(weights, 512)(
  real* values, const u32* starts, const u32* first_sample, const real* prior_o, const real* prior_t, real* log_max, real* sum_i, u32* best,
  u32 dense, u32 segment, u32 children, u32 orientations, u32 translations, u32 per_particle, u32 each,
  u32 candidates, real scale
) {
  __shared__ Best tops[threads];
  const u32 i = blockIdx.x;
  const Segment own = segment_of(i, dense, segment, children, starts);
  const real* const own_o = prior_o + (per_particle != 0 ? (u64)i * orientations : 0);
  const real* const own_t = prior_t + (u64)i * translations;
  Best top = {log_zero, own.begin};
  for (u64 at = own.begin + threadIdx.x; at < own.end; at += threads) {
    u32 coarse = (u32)(at - own.begin);
    if (each > 0) {
      const u32 translation = each < translations ? i : coarse % each;
      coarse = listed_orientation(coarse / each, starts[i], starts[i + 1] - starts[i], candidates) * translations + translation;
    } else if (dense == 0) coarse = first_sample[at / children] / children;
    const real prior = own_o[coarse / translations];
    const real shift_prior = own_t[coarse % translations];
    const bool counts = isfinite(values[at]) && prior > log_zero && shift_prior > log_zero;
    const real value = counts ? prior + shift_prior - scale * values[at] : log_zero;
    values[at] = value;
    if (value > top.value) top = {value, at};
  }
  tops[threadIdx.x] = top;
  for (u32 half = threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) tops[threadIdx.x] = better(tops[threadIdx.x], tops[threadIdx.x + half]);
  }
  __syncthreads();
  top = tops[0];
  real sum = 0;
  for (u64 at = own.begin + threadIdx.x; at < own.end; at += threads) {
    const real weight = values[at] > log_zero ? exp(values[at] - top.value) : real(0);
    values[at] = weight;
    sum += weight;
  }
  sum = block_sum<threads>(sum);
  if (threadIdx.x == 0) {
    log_max[i] = top.value;
    sum_i[i] = sum;
    best[i] = (u32)(top.at - own.begin);
  }
}
