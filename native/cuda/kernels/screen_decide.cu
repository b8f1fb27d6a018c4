// The rule of selection on rescored candidates of the screen (common/screen.cuh): weights exp(L - max L), the smallest of those that hold
// 1 - tail of the sum, at most `cap` of them. Screened scores supply the mass of all other samples. One block of threads a particle. Depths
// below the best score are integers of 2^-26 nats and masses integers of 2^-40, so that nothing depends on an order.
// Single precision.
#include "common/screen.cuh"

using namespace screening;

constexpr u32 threads = 1024;
constexpr u32 warps = threads / 32;
constexpr u32 no_key = all_lanes;

__device__ inline u64 mass_of(float nats_down) { return (u64)llrint((double)expf(-nats_down) * 0x1p40); }
__device__ inline u32 key_of(float nats_down) { return nats_down < (float)depth ? (u32)(fmaxf(nats_down, 0) * 0x1p26f) : no_key; }
__device__ inline float nats_of(u32 key) { return (float)key * 0x1p-26f; }

struct Range {
  u32 begin, end;
};
__device__ inline Range candidates_of(const Screen& p, const u32* counts, u32 i) {
  return {least(counts[i * p.blocks], p.capacity), least(counts[(i + 1) * p.blocks], p.capacity)};
}

// Sum over a block, the same in all threads.
template <class T>
__device__ inline T block_total(T value, T* shared) {
  T total;
  sum_before<threads>(value, shared, total);
  return total;
}

// Counts and masses of bins, masses in two words.
struct Bins {
  u32 count[bins];
  u32 low[bins];
  u32 high[bins];

  __device__ void clear() {
    for (u32 b = threadIdx.x; b < bins; b += threads) count[b] = low[b] = high[b] = 0;
  }
  __device__ void add(u32 bin, u32 number, u64 mass) {
    atomicAdd(&count[bin], number);
    const u32 own = (u32)mass;
    const u32 carry = atomicAdd(&low[bin], own) + own < own;
    const u32 above = (u32)(mass >> 32) + carry;
    if (above > 0) atomicAdd(&high[bin], above);
  }
  // Of one key a lane (`valid`): those of a bin together where they are all in one.
  __device__ void add_warp(bool valid, u32 bin, u64 mass) {
    const u32 some = __ballot_sync(all_lanes, valid);
    if (some == 0) return;
    const u32 first = __shfl_sync(all_lanes, bin, __ffs((int)some) - 1);
    if (__ballot_sync(all_lanes, valid && bin != first) != 0) {
      if (valid) add(bin, 1, mass);
      return;
    }
    u64 sum = valid ? mass : 0;
    for (u32 reach = 16; reach > 0; reach /= 2) sum += __shfl_xor_sync(all_lanes, sum, reach);
    if (threadIdx.x % 32 == 0) add(first, __popc(some), sum);
  }
  __device__ u64 mass(u32 bin) const { return (u64)high[bin] << 32 | low[bin]; }
};

// Whether a kept candidate is the first of its orientation.
__device__ inline bool begins_run(const Screen& p, const u32* sample_n, const u32* key_n, u32 threshold, u32 n, u32 begin) {
  const u32 o = sample_n[n] / p.translations;
  while (n-- > begin && sample_n[n] / p.translations == o)
    if (key_n[n] <= threshold) return false;
  return true;
}

// key_n: bits of exact_n, then depths as keys; key_i: the deepest key that is kept. Counts of kept samples and runs go to start_i and
// run_start_i, to be summed up.
KERNEL(screen_decide, 1024)(
  const Screen* screen, const u32* counts, const u32* sample_n, const float* below_n, u32* key_n, const u32* best_i, const float* cut_i,
  const u32* histogram_ib, float* log_max_i, float* sum_i, u32* best_sample_i, float* threshold_i, u32* key_i, u32* count_i, u32* start_i,
  u32* run_start_i, u32* report, double tail
) {
  __shared__ Bins all;
  __shared__ u64 shared_mass[warps];
  __shared__ u32 shared_count[warps];
  __shared__ double shared_sum[warps];
  __shared__ u32 top, first, chosen, last, above_count;
  __shared__ u64 above;
  const Screen p = *screen;
  const u32 i = blockIdx.x;
  const u32 thread = threadIdx.x;
  const Range range = candidates_of(p, counts, i);
  const u32 rounds = (range.end - range.begin + threads - 1) / threads;
  if (thread == 0) {
    top = above_count = 0;
    above = 0;
    first = no_key;
  }
  all.clear();
  __syncthreads();
  u32 own_top = 0;
  for (u32 n = range.begin + thread; n < range.end; n += threads)
    if (__uint_as_float(key_n[n]) > -1e29f) own_top = most(own_top, ordered(__uint_as_float(key_n[n])));
  own_top = warp_most(own_top);
  if (thread % 32 == 0) atomicMax(&top, own_top);
  __syncthreads();
  if (top == 0) {
    if (thread == 0) {
      log_max_i[i] = log_zero;
      sum_i[i] = 0;
      threshold_i[i] = 3.4028234e38f;
      key_i[i] = best_sample_i[i] = count_i[i] = start_i[i] = run_start_i[i] = 0;
    }
    return;
  }
  const float highest = from_ordered(top);
  const float best = from_ordered(best_i[i]);
  // Candidates by their screened depths, and in the nat above the cut their mass before and after rescoring, relative to where that begins.
  const float zone = best - cut_i[i] - 1;
  u64 before = 0;
  u64 after = 0;
  u32 own_first = no_key;
  for (u32 n = range.begin + thread; n < range.end; n += threads) {
    const float exact = __uint_as_float(key_n[n]);
    const float below = below_n[n];
    const u32 bin = bin_of(below);
    if (p.scale == 0 && bin < bins) atomicAdd(&all.count[bin], 1u);
    if (p.scale == 0 && exact > -1e29f && below >= zone) {
      before += mass_of(below - zone);
      after += mass_of(-zone - exact);
    }
    if (exact == highest) own_first = least(own_first, sample_n[n]);
    key_n[n] = exact > -1e29f ? key_of(highest - exact) : no_key;
  }
  if (own_first != no_key) atomicMin(&first, own_first);
  before = block_total(before, shared_mass);
  after = block_total(after, shared_mass);
  __syncthreads();
  // What was not rescored, with the error that what is next to it has in common.
  double rest = 0;
  if (p.scale == 0)
    for (u32 b = thread; b < bins; b += threads) {
      const int left = (int)(histogram_ib[(u64)i * bins + b] - all.count[b]);
      rest += left * exp(-((double)b + 0.5) / bins_a_nat - (double)highest);
    }
  rest = fmax(block_total(rest, shared_sum), 0.0);
  if (before > 0) rest *= (double)after / (double)before;
  u64 total = 0;
  u64 wanted = 0;
  u32 prefix = 0;
  u32 counted = 0;
  for (u32 level = 0; level < 3; level++) {
    const u32 shift = level == 0 ? 20 : level == 1 ? 9 : 0;
    const u32 width = level < 2 ? 11 : 9;
    __syncthreads();
    all.clear();
    if (thread == 0) {
      chosen = no_key;
      last = 0;
    }
    __syncthreads();
    for (u32 r = 0; r < rounds; r++) {
      const u32 n = range.begin + r * threads + thread;
      const u32 key = n < range.end ? key_n[n] : no_key;
      const bool valid = key != no_key && (level == 0 || key >> (shift + width) == prefix);
      all.add_warp(valid, key >> shift & ((1u << width) - 1), valid ? mass_of(nats_of(key)) : 0);
    }
    __syncthreads();
    // Two bins a thread.
    const u32 b = 2 * thread;
    const u64 masses = all.mass(b) + all.mass(b + 1);
    u64 all_mass;
    u32 all_count;
    u64 mass_before = above + sum_before<threads>(masses, shared_mass, all_mass);
    u32 count_before = above_count + sum_before<threads>(all.count[b] + all.count[b + 1], shared_count, all_count);
    if (level == 0) {
      total = all_mass + (u64)llrint(rest * 0x1p40);
      wanted = total - (u64)llrint((double)total * tail);
    }
    // Where nothing crosses, all are needed: the last bin that has any.
    u64 own_mass[2];
    u32 own_count[2];
    for (u32 e = 0; e < 2; e++) {
      own_mass[e] = mass_before;
      own_count[e] = count_before;
      mass_before += all.mass(b + e);
      count_before += all.count[b + e];
      if (all.count[b + e] == 0) continue;
      atomicMax(&last, b + e);
      if (mass_before > wanted || count_before >= p.cap) atomicMin(&chosen, b + e);
    }
    __syncthreads();
    const u32 bin = least(chosen, last);
    if (bin / 2 == thread) {
      above = own_mass[bin % 2];
      above_count = own_count[bin % 2];
    }
    prefix = prefix << width | bin;
    __syncthreads();
    if (level == 2) {
      // All entries of this bin are equal: how many of them are needed?
      const u64 one = mass_of(nats_of(prefix));
      const u64 needed = wanted < above || one == 0 ? 1 : (wanted - above) / one + 1;
      counted = above_count + (u32)least<u64>(needed, least(all.count[bin], most(p.cap, above_count + 1) - above_count));
    }
  }
  u32 own_kept = 0;
  u32 own_runs = 0;
  for (u32 n = range.begin + thread; n < range.end; n += threads)
    if (key_n[n] <= prefix) {
      own_kept++;
      if (begins_run(p, sample_n, key_n, prefix, n, range.begin)) own_runs++;
    }
  const u32 kept = block_total(own_kept, shared_count);
  const u32 runs = block_total(own_runs, shared_count);
  if (thread > 0) return;
  log_max_i[i] = best + highest;
  sum_i[i] = (float)((double)total * 0x1p-40);
  best_sample_i[i] = first;
  threshold_i[i] = expf(-nats_of(prefix));
  key_i[i] = prefix;
  count_i[i] = counted;
  start_i[i] = kept;
  run_start_i[i] = runs;
  atomicAdd(&report[report_candidates], range.end - range.begin);
  atomicAdd(&report[report_kept], kept);
}

// The compressed layout, from the sums of start_i and run_start_i. Where the candidates did not fit, their number stands at the end of start_i.
KERNEL(screen_write, 1024)(
  const Screen* screen, const u32* counts, const u32* sample_n, const u32* key_n, const u32* key_i, const u32* count_i, u32* start_i,
  const u32* run_start_i, u32* first_sample_g, u32* run_group_r
) {
  __shared__ u32 shared[warps];
  const Screen p = *screen;
  const u32 i = blockIdx.x;
  const u32 thread = threadIdx.x;
  const Range range = candidates_of(p, counts, i);
  const u32 threshold = key_i[i];
  const bool any = count_i[i] > 0;
  u32 group = start_i[i];
  u32 run = run_start_i[i];
  for (u32 base = range.begin; base < range.end; base += threads) {
    const u32 n = base + thread;
    const bool keep = any && n < range.end && key_n[n] <= threshold;
    const bool begins = keep && begins_run(p, sample_n, key_n, threshold, n, range.begin);
    u32 total;
    // Both counts in one word: there are no more than 1024 of each.
    const u32 earlier = sum_before<threads>((u32)keep | (u32)begins << 16, shared, total);
    const u32 own_group = group + (earlier & 0xffff);
    const u32 own_run = run + (earlier >> 16);
    if (keep && own_group < p.group_capacity) first_sample_g[own_group] = sample_n[n] * p.children;
    if (begins && own_run < p.run_capacity) run_group_r[own_run] = own_group;
    group += total & 0xffff;
    run += total >> 16;
  }
  if (i + 1 < p.particles || thread > 0) return;
  if (run <= p.run_capacity) run_group_r[run] = group;
  if (counts[p.particles * p.blocks] > p.capacity) start_i[p.particles] = counts[p.particles * p.blocks];
}
