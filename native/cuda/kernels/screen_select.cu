// What the screen keeps (common/screen.cuh). With e the largest bound of the particle's active rows and h the width of a bin, every sample that
// exact arithmetic would select has  L' + bound >= cut,
//   cut = (lower edge of the last bin at or below which the tail is at least tail') - e,
//   tail' / (1 - tail') = exp(-2 e - h) tail / (1 - tail),
// where the tail counts all that is deeper than the histogram as if it were at its end. Where at most `cap` samples count, those above the
// bin that holds the last of them are enough. Rescoring goes on below the cut while there is more than `least_rest` of the mass there, for as
// many samples again as are above it (between `least_more` and `most_more`): the mass of what is not rescored enters the rule of selection
// with the errors of the screen. Of correlations the best sample alone counts: cut = largest (L' - bound) of a row.
// Single precision.
#include "common/screen.cuh"

using namespace screening;

constexpr double least_rest = 1e-5;
constexpr u32 least_more = 128;
constexpr u32 most_more = 4096;

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
  const u32 end = least(rows, (blockIdx.x % blocks + 1) * 4096);
  for (u32 base = blockIdx.x % blocks * 4096 + threadIdx.x / 32 * 32; base < end; base += 256) {
    const WarpRows own = rows_at(p, row_max, bound_io, i, base + lane);
    const bool counts_row = active(own.top, own.bound, level);
    if (counts_row || !(own.bound < INFINITY)) largest = most(largest, __float_as_uint(fminf(own.bound, INFINITY)));
    visit_scores(p, scores, own, __ballot_sync(all_lanes, counts_row), [&](u32, float top, float, u32, float below) {
      const u32 bin = bin_of(best - top + below);
      if (below >= 0 - step && bin < bins) atomicAdd(&counts[bin], 1u);
    });
  }
  largest = warp_most(largest);
  if (lane == 0 && largest > 0) atomicMax(&largest_i[i], largest);
  __syncthreads();
  for (u32 b = threadIdx.x; b < bins; b += 256)
    if (counts[b] > 0) atomicAdd(&histogram_ib[(u64)i * bins + b], counts[b]);
}

// cut_i. A particle whose bound is wider than `limit` goes to the list of those that are computed in fp32 (redo: their number, then the
// particles), with what it counted so far cleared.
KERNEL(screen_cut, 256)(
  const Screen* screen, u32* histogram_ib, u32* largest_i, u32* best_i, u32* state_i, u32* redo, float* cut_i, u32* report, double tail,
  float limit, u32 round
) {
  __shared__ double sums[256];
  __shared__ u32 counts[256];
  __shared__ u32 last, last_counted, more, count_above;
  const Screen p = *screen;
  const u32 i = blockIdx.x;
  if (!takes_part(round, state_i[i])) return;
  const u32 thread = threadIdx.x;
  const float bound = __uint_as_float(largest_i[i]);
  u32* histogram = histogram_ib + (u64)i * bins;
  if (round == 0) {
    __syncthreads();
    if (thread == 0) {
      atomicMax(&report[report_bound], largest_i[i]);
      state_i[i] = bound <= limit ? kept_fp16 : wide_bound;
      if (!(bound <= limit)) {
        atomicAdd(&report[report_wide], 1u);
        redo[1 + atomicAdd(redo, 1u)] = i;
      }
    }
    if (!(bound <= limit)) {
      for (u32 b = thread; b < bins; b += 256) histogram[b] = 0;
      __syncthreads();
      if (thread == 0) largest_i[i] = best_i[i] = 0;
      return;
    }
  }
  // Masses of 8 bins a thread, then of all deeper ones.
  constexpr u32 each = bins / 256;
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
  if (thread == 0) {
    last = more = 0;
    last_counted = bins - 1;
  }
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
  // Samples down to the end of each of the own bins.
  u32 down_to[each];
  u32 before = thread > 0 ? counts[thread - 1] : 0;
  u32 deepest = 0;
  for (u32 n = 0; n < each; n++) {
    const u32 b = thread * each + n;
    down_to[n] = before += histogram[b];
    if (own[n] + deeper + uncounted >= wanted) deepest = b;
    if (before >= p.cap) atomicMin(&last_counted, b);
  }
  atomicMax(&last, deepest);
  __syncthreads();
  const float edge = fminf((float)(least(last, last_counted) + 1) / bins_a_nat + bound, (float)depth);
  const u32 cut_bin = least((u32)(edge * bins_a_nat), bins - 1);
  if (cut_bin / each == thread) count_above = down_to[cut_bin % each];
  __syncthreads();
  const u32 room = count_above + clamped(count_above, least_more, most_more);
  u32 furthest = 0;
  for (u32 n = 0; n < each; n++)
    if (own[n] + deeper > least_rest * sums[0] && down_to[n] <= room) furthest = thread * each + n + 1;
  atomicMax(&more, furthest);
  __syncthreads();
  if (thread == 0) cut_i[i] = from_ordered(best_i[i]) - fmaxf(edge, (float)more / bins_a_nat);
}

// largest_i = largest (L' - bound) of a row, as an ordered integer; the largest bound of a row near it. Blocks of 4096 rows of a particle.
KERNEL(screen_peak, 256)(const Screen* screen, const float* row_max, const float* bound_io, u32* largest_i, u32* report, u32 blocks) {
  const Screen p = *screen;
  const u32 i = blockIdx.x / blocks;
  const u32 rows = p.orientations * p.chunks;
  const u32 end = least(rows, (blockIdx.x % blocks + 1) * 4096);
  u32 top = 0;
  u32 bound = 0;
  for (u32 row = blockIdx.x % blocks * 4096 + threadIdx.x; row < end; row += 256) {
    const float own = row_max[first_row(p, i) + row];
    const float own_bound = bound_io[(u64)i * p.stride + row / p.chunks];
    if (!(own > -1e29f)) continue;
    top = most(top, ordered(own - own_bound));
    bound = most(bound, __float_as_uint(fminf(own_bound, INFINITY)));
  }
  top = warp_most(top);
  bound = warp_most(bound);
  if (threadIdx.x % 32 > 0) return;
  atomicMax(&largest_i[i], top);
  atomicMax(&report[report_bound], bound);
}

// cut_i of correlations.
KERNEL(screen_peak_cut, 256)(const u32* largest_i, float* cut_i, u32 count) {
  const u32 i = (u32)thread_index();
  if (i < count) cut_i[i] = largest_i[i] == 0 ? INFINITY : from_ordered(largest_i[i]);
}

// masks: candidates of each row, a bit a translation; counts: candidates of each block of 1024 rows of a particle.
KERNEL(screen_mark, 256)(
  const Screen* screen, const float* row_max, const float* bound_io, const u16* scores, const float* cut_i, const u32* redo, u32* masks,
  u32* counts, u32 round
) {
  __shared__ u32 total;
  if (idle(redo, round)) return;
  const Screen p = *screen;
  const u32 i = blockIdx.x / p.blocks;
  const u32 lane = threadIdx.x % 32;
  const float cut = cut_i[i];
  if (threadIdx.x == 0) total = 0;
  __syncthreads();
  u32 found = 0;
  for (u32 n = 0; n < rows_a_block / 256; n++) {
    const u32 base = blockIdx.x % p.blocks * rows_a_block + n * 256 + threadIdx.x / 32 * 32;
    const WarpRows own = rows_at(p, row_max, bound_io, i, base + lane);
    const bool counts_row = own.length > 0 && active(own.top, own.bound, cut);
    u32* mask = masks + (first_row(p, i) + base + lane) * p.words;
    if (own.length > 0)
      for (u32 w = 0; w < p.words; w++) {
        const u32 left = own.length - least(own.length, 32 * w);
        mask[w] = p.scale != 0 && counts_row ? (left < 32 ? (1u << left) - 1 : all_lanes) : 0;
        found += __popc(mask[w]);
      }
    if (p.scale != 0) continue;
    visit_scores(p, scores, own, __ballot_sync(all_lanes, counts_row), [&](u32 from, float top, float bound, u32 t, float below) {
      const u32 word = __ballot_sync(all_lanes, top - below + bound >= cut);
      if (lane != from) return;
      mask[t / 32] = word;
      found += __popc(word);
    });
  }
  atomicAdd(&total, found);
  __syncthreads();
  if (threadIdx.x == 0) counts[blockIdx.x] = total;
}

// Exclusive prefix sums in place, the total behind them. One block.
KERNEL(screen_scan, 1024)(u32* counts, const u32* redo, u32 count, u32 round) {
  __shared__ u32 shared[32];
  if (idle(redo, round)) return;
  constexpr u32 each = 4;
  u32 start = 0;
  for (u32 base = 0; base < count; base += 1024 * each) {
    u32 own[each];
    u32 sum = 0;
    for (u32 n = 0; n < each; n++) {
      const u32 at = base + threadIdx.x * each + n;
      own[n] = sum;
      sum += at < count ? counts[at] : 0;
    }
    u32 total;
    const u32 earlier = start + sum_before<1024>(sum, shared, total);
    for (u32 n = 0; n < each; n++) {
      const u32 at = base + threadIdx.x * each + n;
      if (at < count) counts[at] = earlier + own[n];
    }
    start += total;
  }
  if (threadIdx.x == 0) counts[count] = start;
}

// Samples (o T + t) and particles of the candidates, in order, and how far their screened scores are below the best. Four rows a thread.
KERNEL(screen_list, 256)(
  const Screen* screen, const float* row_max, const u16* scores, const u32* best_i, const u32* redo, const u32* masks, const u32* counts,
  u32* sample_n, u32* particle_n, float* below_n, u32 round
) {
  __shared__ u32 shared[8];
  if (idle(redo, round)) return;
  const Screen p = *screen;
  if (counts[blockIdx.x] == counts[blockIdx.x + 1]) return;
  const u32 i = blockIdx.x / p.blocks;
  const u32 first = blockIdx.x % p.blocks * rows_a_block + threadIdx.x * 4;
  const u32 end = least(first + 4, p.orientations * p.chunks);
  const u32* own = masks + first_row(p, i) * p.words;
  u32 found = 0;
  for (u32 row = first; row < end; row++)
    for (u32 w = 0; w < p.words; w++) found += __popc(own[(u64)row * p.words + w]);
  u32 total;
  u32 at = counts[blockIdx.x] + sum_before<256>(found, shared, total);
  const float best = from_ordered(best_i[i]);
  for (u32 row = first; row < end; row++) {
    const u32 o = row / p.chunks;
    const u32 segment = i * p.chunks + row % p.chunks;
    for (u32 w = 0; w < p.words; w++)
      for (u32 bits = own[(u64)row * p.words + w]; bits != 0; bits &= bits - 1, at++) {
        if (at >= p.capacity) return;
        const u32 t = 32 * w + (u32)__ffs((int)bits) - 1;
        float below = best - row_max[first_row(p, i) + row];
        if (p.scale == 0)
          below += nats_below(scores[score_row(p, segment, o) + position(first_column(p, segment) + t)], offset_of(o));
        sample_n[at] = o * p.translations + segment_first(p, segment) + t;
        particle_n[at] = i;
        below_n[at] = below;
      }
  }
}
