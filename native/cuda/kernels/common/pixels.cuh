#pragma once
#include "base.cuh"

// Pixels of a half transform, packed as x | y << 16.
__device__ inline i32 pixel_x(u32 packed) { return (i32)(packed & 0xffffu); }
__device__ inline i32 pixel_y(u32 packed) { return (i32)packed >> 16; }

// Frequency of index i of an axis of n in FFT order: n / 2 is positive.
__device__ inline i32 frequency(u32 i, u32 n) { return 2 * i <= n ? (i32)i : (i32)i - (i32)n; }

// round(sqrt(r2)), exact: halves never occur.
__device__ inline u32 shell_of(u32 r2) {
  u32 s = (u32)(sqrtf((float)r2) + 0.5f);
  if (r2 > s * s + s) s++;
  if (s > 0 && r2 <= s * s - s) s--;
  return s;
}
