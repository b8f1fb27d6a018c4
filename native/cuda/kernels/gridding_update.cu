// estimate /= max(1e-6, |grid|) inside r^2 < limit; grid in the order of an odd FFT.
#include "common/centred.cuh"

KERNEL(gridding_update, 256)(real* estimate, const real2* grid, u64 count, u32 radius, u32 limit) {
  const u64 id = thread_index();
  if (id >= count) return;
  const point q = centred_point(radius, id);
  if (length2(q) >= limit) return;
  const u32 side = 2 * radius + 1;
  const u32 y = (u32)(q.y < 0 ? q.y + (i32)side : q.y);
  const u32 z = (u32)(q.z < 0 ? q.z + (i32)side : q.z);
  estimate[id] /= most(real(1e-6), sqrt(power(grid[((u64)z * side + y) * (radius + 1) + q.x])));
}
