#pragma once
#include "base.cuh"

// Sums over a warp of n values (a power of two up to 32) a thread: lane l gets the sum of value l % n. Each step halves what a lane holds.
template <u32 n>
__device__ inline real spread_sum(real (&values)[n]) {
  const u32 lane = threadIdx.x % 32;
#pragma unroll
  for (u32 width = 16; width >= n; width /= 2)
#pragma unroll
    for (u32 v = 0; v < n; v++) values[v] += __shfl_xor_sync(0xffffffffu, values[v], width);
#pragma unroll
  for (u32 width = n / 2; width > 0; width /= 2) {
    const bool upper = (lane & width) != 0;
#pragma unroll
    for (u32 v = 0; v < width; v++) {
      const real sent = upper ? values[v] : values[v + width];
      const real kept = upper ? values[v + width] : values[v];
      values[v] = kept + __shfl_xor_sync(0xffffffffu, sent, width);
    }
  }
  return values[0];
}
