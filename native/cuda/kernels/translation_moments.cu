// moments_i4 = sums of w (1, x, y, x^2 + y^2) over the samples of a particle. One block a particle, one order.
#include "common/sums.cuh"

constexpr u32 threads = 128;

KERNEL(translation_moments, 128)(
  const real* values, const u32* starts, const u32* first_sample, const real2* shifts_t, real4* moments, u32 children, u32 shifts, u32 translations
) {
  const u32 i = blockIdx.x;
  real4 sum = {0, 0, 0, 0};
  for (u64 at = (u64)starts[i] * children + threadIdx.x; at < (u64)starts[i + 1] * children; at += threads) {
    const real weight = values[at];
    if (weight == 0) continue;
    const u32 coarse = first_sample[at / children] / children;
    const real2 shift = shifts_t[coarse % translations * shifts + (u32)(at % shifts)];
    sum = sum + real4{weight, weight * shift.x, weight * shift.y, weight * power(shift)};
  }
  sum = block_sum<threads>(sum);
  if (threadIdx.x == 0) moments[i] = sum;
}
