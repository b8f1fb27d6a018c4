// The compressed layout from the prefix sums: starts, first samples, starts of runs and their first groups. What is beyond a capacity is
// not written.
#include "common/base.cuh"

KERNEL(compact_write, 128)(
  const real* values, const real* threshold, const u32* counts, u32* starts, u32* first_sample, u32* run_starts, u32* run_groups, u64 rows,
  u32 orientations, u32 translations, u32 children, u32 capacity, u32 run_capacity
) {
  const u64 row = thread_index();
  if (row >= rows) return;
  const u32 i = (u32)(row / orientations);
  const u32 o = (u32)(row % orientations);
  const u32* const block = counts + 2 * rows + 2 * (row / 1024);
  const u32 first = counts[row] + block[0];
  const u32 run = counts[rows + row] + block[1];
  if (o == 0) {
    starts[i] = first;
    run_starts[i] = run;
  }
  const real wanted = threshold[i];
  u32 group = first;
  for (u32 t = 0; t < translations; t++) {
    const real value = values[row * translations + t];
    if (value >= wanted && value > 0) {
      if (group < capacity) first_sample[group] = (o * translations + t) * children;
      group++;
    }
  }
  if (group > first && run < run_capacity) run_groups[run] = first;
  if (row == rows - 1) {
    const u32 runs = run + (group > first ? 1 : 0);
    starts[i + 1] = group;
    run_starts[i + 1] = runs;
    if (runs <= run_capacity) run_groups[runs] = group;
  }
}
