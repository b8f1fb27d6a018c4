// The smallest of the weights (0 to 1) that hold `1 - tail` of the sum, at most `cap` of them, per particle. Radix selection over the bits
// of the weights, eight at a time from the top: a histogram with the count and the mass of each bin. Masses are 64-bit integers, 2^40 to
// the power of two below the largest weight, so the result does not depend on any order. One block a particle.
#include "common/segments.cuh"

constexpr u32 threads = 256;
constexpr u32 bins = 256;
constexpr u32 levels = sizeof(real);
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

KERNEL(select_significant, 256)(
  const real* values, const u32* starts, real* threshold, u32* count_i, u32 dense, u32 segment, u32 children, u32 cap, double tail
) {
  __shared__ u32 counts[bins];
  __shared__ u64 masses[bins];
  __shared__ real_bits top;
  __shared__ real_bits prefix;
  __shared__ u32 done;
  const u32 i = blockIdx.x;
  const Segment own = segment_of(i, dense, segment, children, starts);
  // Of thread 0: mass wanted, and mass and count of what lies above the prefix.
  u64 wanted = 0, above = 0;
  u32 above_count = 0;
  if (threadIdx.x == 0) {
    top = 0;
    prefix = 0;
    done = 0;
  }
  __syncthreads();
  real_bits own_top = 0;
  for (u64 at = own.begin + threadIdx.x; at < own.end; at += threads) own_top = most(own_top, bits_of(values[at]));
  atomicMax(&top, own_top);
  __syncthreads();
  const double scale = top == 0 ? 1.0 : ldexp(1.0, 40 - ilogb((double)of_bits(top)));
  for (u32 level = 0; level < levels; level++) {
    const u32 shift = 8 * (levels - 1 - level);
    counts[threadIdx.x] = 0;
    masses[threadIdx.x] = 0;
    __syncthreads();
    if (done == 0)
      for (u64 at = own.begin + threadIdx.x; at < own.end; at += threads) {
        const real weight = values[at];
        const real_bits bits = bits_of(weight);
        if (bits == 0 || (level > 0 && bits >> (shift + 8) != prefix)) continue;
        const u32 bin = (u32)(bits >> shift) & 255;
        atomicAdd(&counts[bin], 1u);
        atomicAdd(&masses[bin], mass_of(weight, scale));
      }
    __syncthreads();
    if (threadIdx.x == 0 && done == 0) {
      u32 rest = 0;
      u64 total = 0;
      for (u32 bin = 0; bin < bins; bin++) {
        rest += counts[bin];
        total += masses[bin];
      }
      if (level == 0) wanted = total - (u64)rint((double)total * tail);
      u32 chosen = bins;
      for (u32 step = 0; step < bins && rest > 0; step++) {
        const u32 bin = bins - 1 - step;
        const u32 count = counts[bin];
        if (count == 0) continue;
        // Where nothing crosses, all are needed: the last bin that has any.
        if (above + masses[bin] > wanted || above_count + count >= cap || count == rest) {
          chosen = bin;
          break;
        }
        above += masses[bin];
        above_count += count;
        rest -= count;
      }
      if (chosen == bins) {
        done = 1;
        threshold[i] = no_weight;
        count_i[i] = 0;
      } else {
        prefix = prefix << 8 | chosen;
        if (level == levels - 1) {
          // All entries of this bin are equal: how many of them are needed?
          const u64 one = mass_of(of_bits(prefix), scale);
          u32 low = 1;
          u32 high = most(least(counts[chosen], cap - above_count), 1u);
          while (low < high) {
            const u32 middle = low + (high - low) / 2;
            if (above + one * middle > wanted) high = middle;
            else low = middle + 1;
          }
          threshold[i] = of_bits(prefix);
          count_i[i] = above_count + low;
        }
      }
    }
    __syncthreads();
  }
}
