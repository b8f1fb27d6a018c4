// total_v = sum of the weights of every view (run, child orientation).
#include "common/base.cuh"

KERNEL(view_totals, 128)(const real* values, const u32* run_groups, real* totals, u64 count, u32 rotations, u32 shifts) {
  const u64 view = thread_index();
  if (view >= count) return;
  const u32 run = (u32)(view / rotations);
  const u32 r = (u32)(view % rotations);
  real total = 0;
  for (u32 g = run_groups[run]; g < run_groups[run + 1]; g++)
    for (u32 s = 0; s < shifts; s++) total += values[((u64)g * rotations + r) * shifts + s];
  totals[view] = total;
}
