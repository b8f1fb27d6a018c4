// estimate = 1 / max(weight, floor_s) by integer shell, the last one reused beyond; 1 where that is 0, 0 outside the sphere.
#include "common/centred.cuh"

KERNEL(inverse_weight, 256)(const real* weight, const real* floors, real* estimate, u64 count, u32 radius, u32 limit, u32 shells, double padding) {
  const u64 id = thread_index();
  if (id >= count) return;
  const u32 r2 = length2(centred_point(radius, id));
  const real divisor = most(weight[id], floors[least(padded_floor(r2, padding), shells - 1)]);
  estimate[id] = r2 > limit ? real(0) : divisor > 0 ? 1 / divisor : real(1);
}
