// sums_cis3 = sums over shell s of both terms and of |X|^2. One block a class, particle and shell; threads stride through the shell's pixels.
#include "common/sums.cuh"

constexpr u32 threads = 64;

KERNEL(shell_terms, 64)(
  const real2* terms, const real2* images, const u32* by_shell, real* results, u32 pixels, u32 shells, u32 particles
) {
  const u32 i = blockIdx.x / shells;
  const u32 shell = blockIdx.x % shells;
  real3 sum = {0, 0, 0};
  for (u32 at = by_shell[shell] + threadIdx.x; at < by_shell[shell + 1]; at += threads) {
    const u32 k = by_shell[shells + 1 + at];
    const real2 term = terms[(u64)i * pixels + k];
    sum = sum + real3{term.x, term.y, power(images[(u64)(i % particles) * pixels + k])};
  }
  sum = block_sum<threads>(sum);
  if (threadIdx.x == 0) {
    results[3 * (u64)blockIdx.x] = sum.x;
    results[3 * (u64)blockIdx.x + 1] = sum.y;
    results[3 * (u64)blockIdx.x + 2] = sum.z;
  }
}
