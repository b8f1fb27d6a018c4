#pragma once
#include "segments.cuh"

// The orientation of row `row` of a particle whose candidates, `own` of a class, begin at `first`: rows by class and candidate.
__device__ inline u32 listed_orientation(u32 row, u32 first, u32 own, u32 candidates) {
  return row / own * candidates + first + row % own;
}
