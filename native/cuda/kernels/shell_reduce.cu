// sums_s4 = sum over planes of partial_zs4, in order.
#include "common/base.cuh"

KERNEL(shell_reduce, 64)(const real4* partials, real4* sums, u32 shells, u32 planes) {
  const u32 shell = blockIdx.x * 64 + threadIdx.x;
  if (shell >= shells) return;
  real4 sum = {0, 0, 0, 0};
  for (u32 plane = 0; plane < planes; plane++) sum = sum + partials[(u64)plane * shells + shell];
  sums[shell] = sum;
}
