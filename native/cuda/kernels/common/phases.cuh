#pragma once
#include "base.cuh"

// Phase of translation t at a pixel: tables [t][size / 2 + 1] for x, then from y_at [t][size] for y.
__device__ inline real2 phase_at(const real2* phases, u32 y_at, u32 size, u32 t, i32 x, i32 y) {
  return cmul(phases[t * (size / 2 + 1) + x], phases[y_at + t * size + (u32)(y + (i32)(size / 2) - 1)]);
}
