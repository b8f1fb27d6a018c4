// Kept samples of each row (i, o): counts[row] how many, counts[rows + row] whether any. Listed samples (`classes` is not 0) have rows (i, class,
// candidate).
#include "common/segments.cuh"

KERNEL(compact_count, 128)(
  const real* values, const real* threshold, u32* counts, const u32* starts, u64 rows, u32 orientations, u32 each, u32 classes, u32 particles
) {
  const u64 row = thread_index();
  if (row >= rows) return;
  const u32 i = classes > 0 ? particle_of(starts, (u32)(row / classes), particles) : (u32)(row / orientations);
  const real wanted = threshold[i];
  u32 count = 0;
  for (u32 t = 0; t < each; t++) {
    const real value = values[row * each + t];
    if (value >= wanted && value > 0) count++;
  }
  counts[row] = count;
  counts[rows + row] = least(count, 1u);
}
