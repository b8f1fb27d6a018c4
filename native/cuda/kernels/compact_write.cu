// The compressed layout from the prefix sums: starts, first samples, starts of runs and their first groups. What is beyond a capacity is
// not written. Listed samples (`classes` is not 0): rows by particle, class and candidate.
#include "common/listed.cuh"

KERNEL(compact_write, 128)(
  const real* values, const real* threshold, const u32* counts, const u32* starts, u32* group_starts, u32* first_sample, u32* run_starts,
  u32* run_groups, u64 rows, u32 orientations, u32 translations, u32 each, u32 classes, u32 particles, u32 children, u32 capacity, u32 run_capacity
) {
  const u64 row = thread_index();
  if (row >= rows) return;
  u32 i = (u32)(row / orientations);
  u32 o = (u32)(row % orientations);
  // Particles whose rows begin here, and those before them that have none.
  u32 begins = i;
  u32 ends = o == 0 ? i + 1 : i;
  if (classes > 0) {
    i = particle_of(starts, (u32)(row / classes), particles);
    const u32 first = starts[i];
    const u32 own = (u32)(row - (u64)classes * first);
    o = listed_orientation(own, first, starts[i + 1] - first, (u32)(rows / classes));
    begins = i;
    ends = own == 0 ? i + 1 : 0;
    while (begins > 0 && starts[begins - 1] == first) begins--;
  }
  const u32* const block = counts + 2 * rows + 2 * (row / 1024);
  const u32 first = counts[row] + block[0];
  const u32 run = counts[rows + row] + block[1];
  for (u32 j = begins; j < ends; j++) {
    group_starts[j] = first;
    run_starts[j] = run;
  }
  const real wanted = threshold[i];
  u32 group = first;
  for (u32 t = 0; t < each; t++) {
    const real value = values[row * each + t];
    if (value >= wanted && value > 0) {
      const u32 translation = each < translations ? i : t;
      if (group < capacity) first_sample[group] = (o * translations + translation) * children;
      group++;
    }
  }
  if (group > first && run < run_capacity) run_groups[run] = first;
  if (row == rows - 1) {
    const u32 runs = run + (group > first ? 1 : 0);
    for (u32 j = i + 1; j <= particles; j++) {
      group_starts[j] = group;
      run_starts[j] = runs;
    }
    if (runs <= run_capacity) run_groups[runs] = group;
  }
}
