// The smallest of the weights (0 to 1) that hold `1 - tail` of the sum, at most `cap` of them, per particle. Radix selection over the bits of the
// weights, eleven at a time from the top: a histogram with the count and the mass of each bin, and the bin in which the sum from the largest weight
// downwards crosses what is wanted. Masses are 64-bit integers, 2^40 to the power of two below the largest weight, so the result does not depend on
// any order. The weights of the first bin are kept in shared memory where it holds them. One block a particle.
#include "common/segments.cuh"

constexpr u32 threads = 512;
constexpr u32 warps = threads / 32;
constexpr u32 level_bits = 11;
constexpr u32 bins = 1 << level_bits;
constexpr u32 bins_a_thread = bins / threads;
constexpr u32 real_width = 8 * sizeof(real);
constexpr u32 list_length = 20 * 1024 / sizeof(real);
constexpr u32 loads = 8;
constexpr real no_weight = real(3.4028234e38);

__device__ inline real_bits bits_of(real value) {
  union {
    real value;
    real_bits bits;
  } both = {value};
  return both.bits;
}
__device__ inline real of_bits(real_bits bits) {
  union {
    real_bits bits;
    real value;
  } both = {bits};
  return both.value;
}
__device__ inline u64 mass_of(real weight, double scale) { return (u64)rint((double)weight * scale); }
__device__ inline double scale_below(real_bits top) { return ldexp(1.0, 40 - ilogb((double)of_bits(top))); }

struct Histogram {
  u32 counts[bins];
  u32 low[bins], high[bins];
};
// Weights of one prefix.
struct Tally {
  u32 count;
  u64 mass;
};
__device__ inline Tally operator+(Tally a, Tally b) { return {a.count + b.count, a.mass + b.mass}; }
__device__ inline Tally bin_of(const Histogram& from, u32 bin) { return {from.counts[bin], (u64)from.high[bin] << 32 | from.low[bin]}; }

// 64-bit sums from 32-bit additions, which shared memory does by itself.
__device__ inline void enter(Histogram& into, u32 bin, u64 mass) {
  const u32 low = (u32)mass;
  atomicAdd(&into.counts[bin], 1u);
  const u32 before = atomicAdd(&into.low[bin], low);
  const u32 high = (u32)(mass >> 32) + (before + low < before ? 1 : 0);
  if (high != 0) atomicAdd(&into.high[bin], high);
}

// Values begin .. end, `loads` of a thread at a time.
template <class Visit>
__device__ inline void visit_all(const real* values, Segment own, Visit visit) {
  u64 at = own.begin + threadIdx.x;
  for (; at + (loads - 1) * threads < own.end; at += loads * threads) {
    real some[loads];
#pragma unroll
    for (u32 n = 0; n < loads; n++) some[n] = values[at + n * threads];
#pragma unroll
    for (u32 n = 0; n < loads; n++) visit(some[n]);
  }
  for (; at < own.end; at += threads) visit(values[at]);
}

// The tallies of all threads behind this one.
__device__ inline Tally behind(Tally own, Tally (&totals)[warps]) {
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  Tally sum = own;
  for (u32 by = 1; by < 32; by *= 2) {
    const Tally other = {__shfl_down_sync(0xffffffffu, sum.count, by), __shfl_down_sync(0xffffffffu, sum.mass, by)};
    if (lane + by < 32) sum = sum + other;
  }
  if (lane == 0) totals[warp] = sum;
  __syncthreads();
  sum = {sum.count - own.count, sum.mass - own.mass};
  for (u32 later = warp + 1; later < warps; later++) sum = sum + totals[later];
  __syncthreads();
  return sum;
}

KERNEL(select_significant, 512)(
  const real* values, const u32* starts, real* threshold, u32* count_i, u32 dense, u32 segment, u32 children, u32 cap, double tail
) {
  __shared__ Histogram histogram;
  __shared__ real list[list_length];
  __shared__ Tally totals[warps];
  // What lies above the prefix, and what has the prefix.
  __shared__ Tally above, chosen;
  __shared__ u64 wanted;
  __shared__ real_bits top, prefix;
  __shared__ u32 listed;
  const u32 i = blockIdx.x;
  const Segment own = segment_of(i, dense, segment, children, starts);
  if (threadIdx.x == 0) {
    top = prefix = 0;
    listed = 0;
    above = {0, 0};
  }
  // The largest weight is expected to be 1, and looked at on the way.
  double scale = scale_below(bits_of(1));
  bool expecting = true;
  u32 kept = 0;
  u32 width = level_bits, shift = real_width - width;
  for (u32 level = 0;;) {
    for (u32 bin = threadIdx.x; bin < bins; bin += threads) histogram.counts[bin] = histogram.low[bin] = histogram.high[bin] = 0;
    __syncthreads();
    const bool keep = level == 1 && chosen.count <= list_length;
    const real_bits wanted_prefix = prefix;
    real_bits own_top = 0;
    const auto visit = [&](real weight) {
      const real_bits bits = bits_of(weight);
      own_top = most(own_top, bits);
      if (bits == 0 || (expecting && weight >= 2) || (level > 0 && bits >> (shift + width) != wanted_prefix)) return;
      if (keep) list[atomicAdd(&listed, 1u)] = weight;
      enter(histogram, (u32)(bits >> shift) & ((1u << width) - 1), mass_of(weight, scale));
    };
    if (kept > 0)
      for (u32 at = threadIdx.x; at < kept; at += threads) visit(list[at]);
    else visit_all(values, own, visit);
    if (level == 0) atomicMax(&top, own_top);
    __syncthreads();
    if (expecting) {
      expecting = false;
      if (top == 0) {
        if (threadIdx.x == 0) {
          threshold[i] = no_weight;
          count_i[i] = 0;
        }
        return;
      }
      const double expected = scale;
      scale = scale_below(top);
      if (scale != expected) continue;
    }
    // Each thread has neighbouring bins. Exactly one bin crosses; where none does all are needed, and the last that holds any is taken.
    const u32 first = threadIdx.x * bins_a_thread;
    Tally own_bins = {0, 0};
    for (u32 n = 0; n < bins_a_thread; n++) own_bins = own_bins + bin_of(histogram, first + n);
    const Tally before = above;
    Tally upto = before + behind(own_bins, totals);
    if (threadIdx.x == 0 && level == 0) {
      chosen = upto + own_bins;
      wanted = chosen.mass - (u64)rint((double)chosen.mass * tail);
    }
    __syncthreads();
    const u32 rest = before.count + chosen.count;
    __syncthreads();
    for (u32 n = bins_a_thread; n-- > 0;) {
      const Tally bin = bin_of(histogram, first + n);
      const Tally with = upto + bin;
      const bool open = upto.mass <= wanted && upto.count < most(cap, 1u);
      if (bin.count > 0 && open && (with.mass > wanted || with.count >= cap || with.count == rest)) {
        above = upto;
        chosen = bin;
        prefix = prefix << width | (first + n);
      }
      upto = with;
    }
    __syncthreads();
    if (shift == 0) break;
    if (keep) kept = listed;
    width = least(level_bits, shift);
    shift -= width;
    level++;
  }
  if (threadIdx.x != 0) return;
  // All that have the prefix are equal: how many of them are needed?
  const u64 one = mass_of(of_bits(prefix), scale);
  u32 low = 1;
  u32 high = most(least(chosen.count, cap - above.count), 1u);
  while (low < high) {
    const u32 middle = low + (high - low) / 2;
    if (above.mass + one * middle > wanted) high = middle;
    else low = middle + 1;
  }
  threshold[i] = of_bits(prefix);
  count_i[i] = above.count + low;
}
