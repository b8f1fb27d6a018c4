// The rule of selection on rescored candidates of the screen (common/screen.cuh): weights exp(L - max L), the smallest of those that hold
// 1 - tail of the sum, at most `cap` of them. Screened scores supply the mass of all other samples. One block of threads a particle. Masses are
// integers in units of 2^-40: they do not depend on any order.
#include "common/screen.cuh"

__device__ inline u64 mass_of(float weight) { return (u64)llrint((double)weight * 0x1p40); }

struct Range {
  u32 begin, end;
};
__device__ inline Range candidates_of(const Screen& p, const u32* counts, u32 i) {
  return {least(counts[i * p.blocks], p.capacity), least(counts[(i + 1) * p.blocks], p.capacity)};
}

__device__ inline bool kept(float weight, float threshold) { return weight >= threshold && weight > 0; }

// Whether a kept candidate is the first of its orientation.
__device__ inline bool begins_run(const Screen& p, const u32* sample_n, const float* weight_n, float threshold, u32 n, u32 begin) {
  const u32 o = sample_n[n] / p.translations;
  while (n-- > begin && sample_n[n] / p.translations == o)
    if (kept(weight_n[n], threshold)) return false;
  return true;
}

// exact_n become weights. Counts of kept samples and runs go to start_i and run_start_i, to be summed up.
KERNEL(screen_decide, 256)(
  const Screen* screen, const u32* counts, const u32* sample_n, const float* below_n, float* exact_n, const u32* best_i, const float* cut_i,
  const double* rest_ib, float* log_max_i, float* sum_i, u32* best_sample_i, float* threshold_i, u32* count_i, u32* start_i, u32* run_start_i,
  u32* report, float tail
) {
  __shared__ u32 bin_count[256];
  __shared__ u64 bin_mass[256];
  __shared__ double warp_sums[3][8];
  __shared__ u32 top, first, prefix, above_count, counted, kept_count, run_count;
  __shared__ u64 total, wanted, above;
  const Screen p = *screen;
  const u32 i = blockIdx.x;
  const u32 thread = threadIdx.x;
  const Range range = candidates_of(p, counts, i);
  if (thread == 0) {
    top = above_count = counted = kept_count = run_count = prefix = 0;
    total = above = 0;
    first = ~0u;
  }
  __syncthreads();
  u32 own_top = 0;
  for (u32 n = range.begin + thread; n < range.end; n += 256)
    if (finite(exact_n[n]) && exact_n[n] > -1e29f) own_top = most(own_top, ordered(exact_n[n]));
  atomicMax(&top, warp_most(own_top));
  __syncthreads();
  if (top == 0) {
    if (thread == 0) {
      log_max_i[i] = log_zero;
      sum_i[i] = 0;
      threshold_i[i] = 3.4028234e38f;
      best_sample_i[i] = count_i[i] = start_i[i] = run_start_i[i] = 0;
    }
    return;
  }
  const float highest = from_ordered(top);
  // What is below the first bin that the cut touches, less the candidates in it.
  const u32 touched = bin_of(from_ordered(best_i[i]) - cut_i[i]);
  // The last nat above the cut: mass before and after rescoring.
  const float zone = from_ordered(best_i[i]) - cut_i[i] - 1;
  double rest = 0;
  double before = 0;
  double after = 0;
  u64 mass = 0;
  u32 own_first = ~0u;
  for (u32 n = range.begin + thread; n < range.end; n += 256) {
    const float exact = exact_n[n];
    const u32 bin = bin_of(below_n[n]);
    if (bin >= touched && bin < bins) rest -= exp(-((double)bin + 0.5) / bins_a_nat);
    if (exact == highest) own_first = least(own_first, sample_n[n]);
    const float weight = finite(exact) && exact > -1e29f ? expf(exact - highest) : 0;
    if (below_n[n] >= zone && weight > 0) {
      before += exp(-(double)below_n[n]);
      after += exp((double)exact);
    }
    exact_n[n] = weight;
    mass += mass_of(weight);
  }
  atomicMin(&first, own_first);
  atomicAdd(&total, mass);
  rest = warp_sum(rest);
  before = warp_sum(before);
  after = warp_sum(after);
  if (thread % 32 == 0) {
    warp_sums[0][thread / 32] = rest;
    warp_sums[1][thread / 32] = before;
    warp_sums[2][thread / 32] = after;
  }
  __syncthreads();
  if (thread == 0) {
    for (u32 w = 1; w < 8; w++) {
      rest += warp_sums[0][w];
      before += warp_sums[1][w];
      after += warp_sums[2][w];
    }
    double left = rest + (touched < bins ? rest_ib[(u64)i * bins + touched] : 0);
    // Where errors have a sign in common, the rest shares it.
    if (before > 0) left *= after / before;
    total += (u64)llrint(fmax(left, 0.0) * exp(-(double)highest) * 0x1p40);
    wanted = total - (u64)llrint((double)total * tail);
  }
  for (u32 shift = 32; shift > 0;) {
    shift -= 8;
    bin_count[thread] = 0;
    bin_mass[thread] = 0;
    __syncthreads();
    for (u32 n = range.begin + thread; n < range.end; n += 256) {
      const u32 bits = __float_as_uint(exact_n[n]);
      if (bits == 0 || (shift < 24 && bits >> (shift + 8) != prefix)) continue;
      atomicAdd(&bin_count[bits >> shift & 255], 1);
      atomicAdd(&bin_mass[bits >> shift & 255], mass_of(exact_n[n]));
    }
    __syncthreads();
    if (thread == 0) {
      u32 rest_count = 0;
      for (u32 b = 0; b < 256; b++) rest_count += bin_count[b];
      u32 chosen = 255;
      for (;; chosen--) {
        // Where nothing crosses, all are needed: the last bin that has any.
        if (bin_count[chosen] == 0) continue;
        if (above + bin_mass[chosen] > wanted || above_count + bin_count[chosen] >= p.cap || bin_count[chosen] == rest_count) break;
        above += bin_mass[chosen];
        above_count += bin_count[chosen];
        rest_count -= bin_count[chosen];
      }
      prefix = prefix << 8 | chosen;
      if (shift == 0) {
        // All entries of this bin are equal: how many of them are needed?
        const u64 one = mass_of(__uint_as_float(prefix));
        const u64 needed = wanted < above || one == 0 ? 1 : (wanted - above) / one + 1;
        counted = above_count + (u32)least<u64>(needed, least(bin_count[chosen], p.cap - above_count));
      }
    }
    __syncthreads();
  }
  const float threshold = __uint_as_float(prefix);
  u32 own_kept = 0;
  u32 own_runs = 0;
  for (u32 n = range.begin + thread; n < range.end; n += 256)
    if (kept(exact_n[n], threshold)) {
      own_kept++;
      if (begins_run(p, sample_n, exact_n, threshold, n, range.begin)) own_runs++;
    }
  atomicAdd(&kept_count, own_kept);
  atomicAdd(&run_count, own_runs);
  __syncthreads();
  if (thread > 0) return;
  log_max_i[i] = from_ordered(best_i[i]) + highest;
  sum_i[i] = (float)((double)total * 0x1p-40);
  best_sample_i[i] = first;
  threshold_i[i] = threshold;
  count_i[i] = counted;
  start_i[i] = kept_count;
  run_start_i[i] = run_count;
  atomicAdd(&report[report_candidates], range.end - range.begin);
  atomicAdd(&report[report_kept], kept_count);
}

// The compressed layout, from the sums of start_i and run_start_i. Where the candidates did not fit, their number stands at the end of start_i.
KERNEL(screen_write, 256)(
  const Screen* screen, const u32* counts, const u32* sample_n, const float* weight_n, const float* threshold_i, u32* start_i,
  const u32* run_start_i, u32* first_sample_g, u32* run_group_r
) {
  __shared__ u32 shared[16];
  const Screen p = *screen;
  const u32 i = blockIdx.x;
  const u32 thread = threadIdx.x;
  const u32 lane = thread % 32;
  const Range range = candidates_of(p, counts, i);
  const float threshold = threshold_i[i];
  u32 group = start_i[i];
  u32 run = run_start_i[i];
  for (u32 base = range.begin; base < range.end; base += 256) {
    const u32 n = base + thread;
    const bool keep = n < range.end && kept(weight_n[n], threshold);
    const bool begins = keep && begins_run(p, sample_n, weight_n, threshold, n, range.begin);
    const u32 keeps = __ballot_sync(0xffffffffu, keep);
    const u32 runs = __ballot_sync(0xffffffffu, begins);
    __syncthreads();
    if (lane == 0) {
      shared[thread / 32] = __popc(keeps);
      shared[8 + thread / 32] = __popc(runs);
    }
    __syncthreads();
    u32 own_group = group + __popc(keeps & ((1u << lane) - 1));
    u32 own_run = run + __popc(runs & ((1u << lane) - 1));
    for (u32 w = 0; w < 8; w++) {
      if (w < thread / 32) {
        own_group += shared[w];
        own_run += shared[8 + w];
      }
      group += shared[w];
      run += shared[8 + w];
    }
    if (keep && own_group < p.group_capacity) first_sample_g[own_group] = sample_n[n] * p.children;
    if (begins && own_run < p.run_capacity) run_group_r[own_run] = own_group;
  }
  if (i + 1 < p.particles || thread > 0) return;
  if (run <= p.run_capacity) run_group_r[run] = group;
  if (counts[p.particles * p.blocks] > p.capacity) start_i[p.particles] = counts[p.particles * p.blocks];
}
