// constant_i = 1/2 sum_k w_ik |X_ik|^2, or sum_k |X_ik|^2 (`plain`). One block a particle, one order.
#include "common/sums.cuh"

constexpr u32 threads = 256;

KERNEL(image_constants, 256)(const real2* images, const real* weights, real* constants, u32 pixels, u32 plain) {
  const u64 first = (u64)blockIdx.x * pixels;
  real sum = 0;
  for (u32 k = threadIdx.x; k < pixels; k += threads) {
    const real size = power(images[first + k]);
    sum += plain != 0 ? size : real(0.5) * weights[first + k] * size;
  }
  sum = block_sum<threads>(sum);
  if (threadIdx.x == 0) constants[blockIdx.x] = sum;
}
