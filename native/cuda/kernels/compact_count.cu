// Kept samples of each row (i, o): counts[row] how many, counts[rows + row] whether any.
#include "common/base.cuh"

KERNEL(compact_count, 128)(const real* values, const real* threshold, u32* counts, u64 rows, u32 orientations, u32 translations) {
  const u64 row = thread_index();
  if (row >= rows) return;
  const real wanted = threshold[row / orientations];
  u32 count = 0;
  for (u32 t = 0; t < translations; t++) {
    const real value = values[row * translations + t];
    if (value >= wanted && value > 0) count++;
  }
  counts[row] = count;
  counts[rows + row] = least(count, 1u);
}
