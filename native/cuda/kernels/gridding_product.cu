// grid = estimate x weight, from the centred order to that of an odd FFT of side 2 radius + 1.
#include "common/centred.cuh"

KERNEL(gridding_product, 256)(const real* estimate, const real* weight, real2* grid, u64 count, u32 radius) {
  const u64 id = thread_index();
  if (id >= count) return;
  const u32 side = 2 * radius + 1;
  const point q = centred_point(radius, id);
  const u32 y = (u32)(q.y < 0 ? q.y + (i32)side : q.y);
  const u32 z = (u32)(q.z < 0 ? q.z + (i32)side : q.z);
  grid[((u64)z * side + y) * (radius + 1) + q.x] = {estimate[id] * weight[id], 0};
}
