// Candidates of the screen (common/screen.cuh) with sums in double, and the rule of selection on those scores: a warp a candidate.
//   L_n = log prior - sum_k w (1/2 |C S|^2 - Re conj(C S) X e)
#include "common/pixels.cuh"
#include "common/screen.cuh"

struct Images {
  const real2* slices;
  const real2* images;
  const real* ctf;
  const real* weights;
  const real2* phases;
  const u32* xy;
};

// Score of a sample less its priors, the same in all lanes.
__device__ inline double warp_score(const Screen& p, const Images& from, u32 i, u32 o, u32 t) {
  double sum = 0;
  const u64 row = (u64)i * p.pixels;
  for (u32 k = threadIdx.x % 32; k < p.pixels; k += 32) {
    const real2 s = from.slices[(u64)o * p.pixels + k];
    const real2 x = from.images[row + k];
    const double c = from.ctf[row + k];
    const real2 e1 = from.phases[t * (p.size / 2 + 1) + pixel_x(from.xy[k])];
    const real2 e2 = from.phases[p.y_at + t * p.size + (u32)(pixel_y(from.xy[k]) + (i32)(p.size / 2) - 1)];
    const double er = (double)e1.x * e2.x - (double)e1.y * e2.y;
    const double ei = (double)e1.x * e2.y + (double)e1.y * e2.x;
    const double xr = x.x * er - x.y * ei;
    const double xi = x.x * ei + x.y * er;
    const double sr = c * s.x;
    const double si = c * s.y;
    sum += from.weights[row + k] * (0.5 * (sr * sr + si * si) - (sr * xr + si * xi));
  }
  return -__shfl_sync(0xffffffffu, warp_sum(sum), 0);
}

__device__ inline float log_prior(const Screen& p, const float* orientation_o, const float* translation_it, u32 i, u32 o, u32 t) {
  const float orientation = orientation_o[p.prior_per_particle * (u64)i * p.orientations + o];
  const float translation = translation_it[(u64)i * p.translations + t];
  return orientation > log_zero && translation > log_zero ? orientation + translation : log_zero;
}

// |L - L'| / bound, to the largest of the particle.
__device__ inline void compare(double exact, float screened, float bound, u32* ratio_i, u32 i) {
  const float ratio = (float)(fabs(exact - screened) / bound);
  atomicMax(&ratio_i[i], __float_as_uint(finite(ratio) ? ratio : INFINITY));
}

__device__ inline bool skipped(const u32* redo, u32 round) { return round == broken_bound && *redo == 0; }

// exact_n = L_n less the particle's best screened score, which keeps its digits.
KERNEL(screen_rescore, 256)(
  const Screen* screen, const real2* slices, const real2* images, const real* ctf, const real* weights, const real2* phases, const u32* xy,
  const float* orientation_o, const float* translation_it, const float* bound_io, const u32* best_i, const u32* counts, const u32* sample_n,
  const u32* particle_n, const float* below_n, const u32* state_i, const u32* redo, float* exact_n, u32* ratio_i, u32 round
) {
  if (skipped(redo, round)) return;
  const Screen p = *screen;
  const Images from = {slices, images, ctf, weights, phases, xy};
  const u32 count = least(counts[p.particles * p.blocks], p.capacity);
  const u32 warps = gridDim.x * 8;
  for (u32 n = blockIdx.x * 8 + threadIdx.x / 32; n < count; n += warps) {
    const u32 i = particle_n[n];
    const u32 o = sample_n[n] / p.translations;
    const u32 t = sample_n[n] % p.translations;
    const double exact = warp_score(p, from, i, o, t) + log_prior(p, orientation_o, translation_it, i, o, t);
    if (threadIdx.x % 32 > 0) continue;
    exact_n[n] = (float)(exact - from_ordered(best_i[i]));
    if (round != broken_bound && state_i[i] == kept_fp16) compare(exact - from_ordered(best_i[i]), -below_n[n], bound_io[(u64)i * p.stride + o], ratio_i, i);
  }
}

// The guard of what is not rescored: one sample of an audited row.
KERNEL(screen_audit, 256)(
  const Screen* screen, const real2* slices, const real2* images, const real* ctf, const real* weights, const real2* phases, const u32* xy,
  const float* orientation_o, const float* translation_it, const float* bound_io, const float* row_max, const u16* scores, const u32* state_i,
  u32* ratio_i, u32* report
) {
  const Screen p = *screen;
  const Images from = {slices, images, ctf, weights, phases, xy};
  const u32 n = blockIdx.x * 8 + threadIdx.x / 32;
  const u32 i = n / p.audits;
  if (i >= p.particles || state_i[i] != kept_fp16) return;
  const u32 o = audited_orientation(p, i, n % p.audits);
  if (o >= p.orientations) return;
  const u32 t = hash(p.seed + o + i) % p.translations;
  const u32 segment = i * p.chunks + t / p.chunk;
  const float top = row_max[row_of(p, segment, o)];
  const u32 at = scores[score_row(p, segment, o) + score_column(p, segment, t % p.chunk)];
  const float prior = log_prior(p, orientation_o, translation_it, i, o, t);
  if (!(top > -1e29f) || at == lowest || prior <= log_zero) return;
  const double exact = warp_score(p, from, i, o, t) + prior;
  if (threadIdx.x % 32 > 0) return;
  atomicAdd(&report[report_audited], 1);
  compare(exact, top - nats_below(at, offset_of(o)), bound_io[(u64)i * p.stride + o], ratio_i, i);
}

// Particles that broke their bound go to the list of those that are computed in fp32, with what they counted so far cleared.
KERNEL(screen_guard, 256)(const u32* ratio_i, u32* state_i, u32* redo, u32* histogram_ib, u32* largest_i, u32* best_i, u32* report) {
  const u32 i = blockIdx.x;
  const float ratio = __uint_as_float(ratio_i[i]);
  if (threadIdx.x == 0) atomicMax(&report[report_ratio], ratio_i[i]);
  if (state_i[i] != kept_fp16 || ratio <= 1) return;
  __syncthreads();
  for (u32 b = threadIdx.x; b < bins; b += blockDim.x) histogram_ib[(u64)i * bins + b] = 0;
  if (threadIdx.x > 0) return;
  state_i[i] = broken_bound;
  largest_i[i] = best_i[i] = 0;
  atomicAdd(&report[report_broken], 1);
  redo[1 + atomicAdd(redo, 1)] = i;
}
