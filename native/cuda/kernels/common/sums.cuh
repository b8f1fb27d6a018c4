#pragma once
#include "base.cuh"

// Sums over the threads of a block in one order: a tree in each warp, then the warps one after the other. All threads take part; the
// result is that of thread 0.
constexpr u32 whole_warp = 0xffffffffu;

__device__ inline real below(real value, u32 by) { return __shfl_down_sync(whole_warp, value, by); }
__device__ inline real2 below(real2 v, u32 by) { return {below(v.x, by), below(v.y, by)}; }
__device__ inline real3 below(real3 v, u32 by) { return {below(v.x, by), below(v.y, by), below(v.z, by)}; }
__device__ inline real4 below(real4 v, u32 by) {
  return {below(v.x, by), below(v.y, by), below(v.z, by), below(v.w, by)};
}

template <class T>
__device__ inline T warp_sum(T value) {
  for (u32 by = 16; by > 0; by /= 2) value = value + below(value, by);
  return value;
}

template <u32 threads, class T>
__device__ inline T block_sum(T value) {
  constexpr u32 warps = threads / 32;
  __shared__ T parts[warps];
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x == 0)
    for (u32 warp = 1; warp < warps; warp++) value = value + parts[warp];
  __syncthreads();
  return value;
}
