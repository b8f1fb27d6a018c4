// What the screen keeps (common/screen.cuh). With e the largest bound of the particle's active rows and h the width of a bin, every sample that
// exact arithmetic would select has  L' + bound >= cut,
//   cut = (lower edge of the last bin at or below which the tail is at least tail') - e,
//   tail' / (1 - tail') = exp(-2 e - h) tail / (1 - tail),
// where the tail counts all that is deeper than the histogram as if it were at its end. Rescoring goes on below the cut while there is more than
// `least_rest` of the mass there, for as many samples again as are above it (at least `least_more`): the mass of what is not rescored enters the
// rule of selection with the errors of the screen. One block of threads a particle unless it says otherwise.
#include "common/screen.cuh"

static const double least_rest = 1e-5;
static const u32 least_more = 128;

__device__ inline bool takes_part(u32 round, u32 state) { return round == 0 || state == round; }

// histogram_ib += samples of active rows, largest_i = bits of their largest bound. Blocks of 4096 rows of a particle.
KERNEL(screen_histogram, 256)(
  const Screen* screen, const float* row_max, const float* bound_io, const u16* scores, const u32* best_i, const u32* state_i, u32* histogram_ib,
  u32* largest_i, u32 round, u32 blocks
) {
  __shared__ u32 counts[bins];
  const Screen p = *screen;
  const u32 i = blockIdx.x / blocks;
  if (!takes_part(round, state_i[i])) return;
  const u32 rows = p.orientations * p.chunks;
  const u32 lane = threadIdx.x % 32;
  const float best = from_ordered(best_i[i]);
  const float level = best - (float)depth;
  for (u32 b = threadIdx.x; b < bins; b += 256) counts[b] = 0;
  __syncthreads();
  u32 largest = 0;
  for (u32 base = blockIdx.x % blocks * 4096 + threadIdx.x / 32 * 32; base < least(rows, (blockIdx.x % blocks + 1) * 4096); base += 256) {
    const u32 row = base + lane;
    float top = log_zero;
    bool counts_row = false;
    if (row < rows) {
      top = row_max[(u64)i * p.stride * p.chunks + row];
      const float bound = bound_io[(u64)i * p.stride + row / p.chunks];
      counts_row = active(top, bound, level);
      if (counts_row || !(bound < INFINITY)) largest = most(largest, __float_as_uint(fminf(bound, INFINITY)));
    }
    for (u32 left = __ballot_sync(0xffffffffu, counts_row); left != 0; left &= left - 1) {
      const u32 from = __ffs((int)left) - 1;
      const float below = best - __shfl_sync(0xffffffffu, top, from);
      const u32 o = (base + from) / p.chunks;
      const u32 segment = i * p.chunks + (base + from) % p.chunks;
      const u16* steps = scores + score_row(p, segment, o);
      for (u32 t = lane; t < segment_length(p, segment); t += 32) {
        const u32 at = steps[score_column(p, segment, t)];
        const u32 bin = bin_of(below + nats_below(at, offset_of(o)));
        if (at < lowest && bin < bins) atomicAdd(&counts[bin], 1);
      }
    }
  }
  largest = warp_most(largest);
  if (lane == 0 && largest > 0) atomicMax(&largest_i[i], largest);
  __syncthreads();
  for (u32 b = threadIdx.x; b < bins; b += 256)
    if (counts[b] > 0) atomicAdd(&histogram_ib[(u64)i * bins + b], counts[b]);
}

// cut_i, and rest_ib: mass at or below each bin, in units of exp(best). A particle whose bound is wider than `limit` goes to the list of those
// that are computed in fp32 (redo: their number, then the particles).
KERNEL(screen_cut, 256)(
  const Screen* screen, u32* histogram_ib, u32* largest_i, u32* best_i, u32* state_i, u32* redo, float* cut_i, double* rest_ib, u32* report,
  float tail, float limit, u32 round
) {
  __shared__ double sums[256];
  __shared__ u32 counts[256];
  __shared__ u32 last, more, count_above;
  const Screen p = *screen;
  const u32 i = blockIdx.x;
  if (!takes_part(round, state_i[i])) return;
  const u32 thread = threadIdx.x;
  const float bound = __uint_as_float(largest_i[i]);
  u32* histogram = histogram_ib + (u64)i * bins;
  if (round == 0) {
    if (thread == 0) {
      atomicMax(&report[report_bound], largest_i[i]);
      state_i[i] = bound <= limit ? kept_fp16 : wide_bound;
      if (!(bound <= limit)) {
        atomicAdd(&report[report_wide], 1);
        redo[1 + atomicAdd(redo, 1)] = i;
      }
    }
    if (!(bound <= limit)) {
      __syncthreads();
      for (u32 b = thread; b < bins; b += 256) histogram[b] = 0;
      if (thread == 0) largest_i[i] = best_i[i] = 0;
      return;
    }
  }
  // Masses of 8 bins a thread, then of all deeper ones.
  const u32 each = bins / 256;
  double own[each];
  double sum = 0;
  u32 count = 0;
  for (u32 n = each; n-- > 0;) {
    const u32 b = thread * each + n;
    count += histogram[b];
    sum += histogram[b] * exp(-((double)b + 0.5) / bins_a_nat);
    own[n] = sum;
  }
  sums[thread] = sum;
  counts[thread] = count;
  if (thread == 0) last = more = 0;
  __syncthreads();
  if (thread == 0)
    for (u32 n = 1; n < 256; n++) {
      sums[255 - n] += sums[256 - n];
      counts[n] += counts[n - 1];
    }
  __syncthreads();
  const double deeper = thread < 255 ? sums[thread + 1] : 0;
  const double uncounted = (double)p.orientations * p.translations * exp(-(double)depth + (double)bound);
  const double odds = exp(-2.0 * bound - 1.0 / bins_a_nat) * tail / (1 - tail);
  const double wanted = sums[0] * odds / (1 + odds);
  u32 deepest = 0;
  for (u32 n = 0; n < each; n++) {
    const u32 b = thread * each + n;
    const double mass = own[n] + deeper;
    rest_ib[(u64)i * bins + b] = mass;
    if (mass + uncounted >= wanted) deepest = b;
  }
  atomicMax(&last, deepest);
  __syncthreads();
  const float edge = fminf((float)(last + 1) / bins_a_nat + bound, (float)depth);
  const u32 cut_bin = (u32)(edge * bins_a_nat);
  // Samples down to the end of each of the own bins.
  u32 down_to[each];
  u32 before = thread > 0 ? counts[thread - 1] : 0;
  for (u32 n = 0; n < each; n++) down_to[n] = before += histogram[thread * each + n];
  if (cut_bin / each == thread) count_above = down_to[cut_bin % each];
  if (cut_bin >= bins && thread == 0) count_above = counts[255];
  __syncthreads();
  const u32 room = count_above + most(count_above, least_more);
  u32 furthest = 0;
  for (u32 n = 0; n < each; n++)
    if (own[n] + deeper > least_rest * sums[0] && down_to[n] <= room) furthest = thread * each + n + 1;
  atomicMax(&more, furthest);
  __syncthreads();
  if (thread == 0) cut_i[i] = from_ordered(best_i[i]) - fmaxf(edge, (float)more / bins_a_nat);
}

// Candidates of a block of 1024 rows of a particle: their number, or where they go. Four rows a thread, in order.
template <class Visit>
__device__ inline void candidates(
  const Screen& p, const float* row_max, const float* bound_io, const u16* scores, u32 i, u32 block, float best, float cut, Visit visit
) {
  const u32 rows = p.orientations * p.chunks;
  const u32 first = block * rows_a_block + threadIdx.x * 4;
  for (u32 row = first; row < least(first + 4, rows); row++) {
    const float top = row_max[(u64)i * p.stride * p.chunks + row];
    const float bound = bound_io[(u64)i * p.stride + row / p.chunks];
    if (!active(top, bound, cut)) continue;
    const u32 segment = i * p.chunks + row % p.chunks;
    const u32 o = row / p.chunks;
    const u16* steps = scores + score_row(p, segment, o);
    for (u32 t = 0; t < segment_length(p, segment); t++) {
      const u32 at = steps[score_column(p, segment, t)];
      const float below = best - top + nats_below(at, offset_of(o));
      if (at < lowest && best - below + bound >= cut) visit(o, segment_first(p, segment) + t, below);
    }
  }
}

// Sum of the values of all threads before this one (256 threads); `total` that of all.
__device__ inline u32 before(u32 value, u32* shared, u32& total) {
  const u32 lane = threadIdx.x % 32;
  u32 sum = value;
  for (u32 reach = 1; reach < 32; reach *= 2) {
    const u32 other = __shfl_up_sync(0xffffffffu, sum, reach);
    if (lane >= reach) sum += other;
  }
  __syncthreads();
  if (lane == 31) shared[threadIdx.x / 32] = sum;
  __syncthreads();
  u32 earlier = 0;
  total = 0;
  for (u32 w = 0; w < 8; w++) {
    if (w < threadIdx.x / 32) earlier += shared[w];
    total += shared[w];
  }
  return earlier + sum - value;
}

// Nothing to do in the second round where no particle broke its bound.
__device__ inline bool idle(const u32* redo, u32 round) { return round == broken_bound && *redo == 0; }

// counts: number of candidates of each block of rows.
KERNEL(screen_count, 256)(
  const Screen* screen, const float* row_max, const float* bound_io, const u16* scores, const u32* best_i, const float* cut_i, const u32* redo, u32* counts,
  u32 round
) {
  __shared__ u32 shared[8];
  if (idle(redo, round)) return;
  const Screen p = *screen;
  const u32 i = blockIdx.x / p.blocks;
  u32 own = 0;
  candidates(p, row_max, bound_io, scores, i, blockIdx.x % p.blocks, from_ordered(best_i[i]), cut_i[i], [&](u32, u32, float) { own++; });
  u32 total;
  before(own, shared, total);
  if (threadIdx.x == 0) counts[blockIdx.x] = total;
}

// Exclusive prefix sums in place, the total behind them. One block of 1024 threads.
KERNEL(screen_scan, 1024)(u32* counts, const u32* redo, u32 count, u32 round) {
  __shared__ u32 shared[32];
  if (idle(redo, round)) return;
  const u32 lane = threadIdx.x % 32;
  u32 sum_before = 0;
  for (u32 base = 0; base < count; base += 1024) {
    const u32 at = base + threadIdx.x;
    const u32 value = at < count ? counts[at] : 0;
    u32 sum = value;
    for (u32 reach = 1; reach < 32; reach *= 2) {
      const u32 other = __shfl_up_sync(0xffffffffu, sum, reach);
      if (lane >= reach) sum += other;
    }
    if (lane == 31) shared[threadIdx.x / 32] = sum;
    __syncthreads();
    u32 earlier = 0;
    u32 total = 0;
    for (u32 w = 0; w < 32; w++) {
      if (w < threadIdx.x / 32) earlier += shared[w];
      total += shared[w];
    }
    if (at < count) counts[at] = sum_before + earlier + sum - value;
    sum_before += total;
    __syncthreads();
  }
  if (threadIdx.x == 0) counts[count] = sum_before;
}

// Samples (o T + t) and particles of the candidates, in order, and how far their screened scores are below the best.
KERNEL(screen_collect, 256)(
  const Screen* screen, const float* row_max, const float* bound_io, const u16* scores, const u32* best_i, const float* cut_i, const u32* redo,
  const u32* counts, u32* sample_n, u32* particle_n, float* below_n, u32 round
) {
  __shared__ u32 shared[8];
  if (idle(redo, round)) return;
  const Screen p = *screen;
  const u32 i = blockIdx.x / p.blocks;
  if (counts[blockIdx.x] == counts[blockIdx.x + 1]) return;
  u32 own = 0;
  candidates(p, row_max, bound_io, scores, i, blockIdx.x % p.blocks, from_ordered(best_i[i]), cut_i[i], [&](u32, u32, float) { own++; });
  u32 total;
  u32 at = counts[blockIdx.x] + before(own, shared, total);
  candidates(p, row_max, bound_io, scores, i, blockIdx.x % p.blocks, from_ordered(best_i[i]), cut_i[i], [&](u32 o, u32 t, float below) {
    if (at < p.capacity) {
      sample_n[at] = o * p.translations + t;
      particle_n[at] = i;
      below_n[at] = below;
    }
    at++;
  });
}
