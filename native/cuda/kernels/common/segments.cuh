#pragma once
#include "base.cuh"

// The particle of entry `at`: the last i with starts[i] <= at, for `count` particles (empty ones share a start).
__device__ inline u32 particle_of(const u32* starts, u32 at, u32 count) {
  u32 low = 0;
  u32 high = count;
  while (high - low > 1) {
    const u32 middle = (low + high) / 2;
    if (starts[middle] <= at) low = middle;
    else high = middle;
  }
  return low;
}

// Values of particle i: `segment` each, or groups starts[i] .. starts[i + 1] of `children`.
struct Segment {
  u64 begin, end;
};
__device__ inline Segment segment_of(u32 i, u32 dense, u32 segment, u32 children, const u32* starts) {
  if (dense != 0) return {(u64)i * segment, (u64)(i + 1) * segment};
  return {(u64)starts[i] * children, (u64)starts[i + 1] * children};
}
