// out = data / weight on the grid without padding: elements that round to the same frequency are added; 0 where the weight is 0.
#include "common/centred.cuh"

// round(k / padding), halves away from zero
__device__ inline i32 rounded(i32 k, double padding) {
  const i32 size = (i32)floor((double)(k < 0 ? -k : k) / padding + 0.5);
  return k < 0 ? -size : size;
}

KERNEL(downsample, 256)(const real2* data, const real* weight, real2* result, u64 count, i32 radius, u32 out_radius, double padding) {
  const u64 id = thread_index();
  if (id >= count) return;
  const point wanted = centred_point(out_radius, id);
  const i32 reach = (i32)ceil(0.5 * padding) + 1;
  const point middle = {(i32)rint(wanted.x * padding), (i32)rint(wanted.y * padding), (i32)rint(wanted.z * padding)};
  real3 sum = {0, 0, 0};
  for (i32 z = most(middle.z - reach, -radius); z <= least(middle.z + reach, radius); z++) {
    if (rounded(z, padding) != wanted.z) continue;
    for (i32 y = most(middle.y - reach, -radius); y <= least(middle.y + reach, radius); y++) {
      if (rounded(y, padding) != wanted.y) continue;
      for (i32 x = most(middle.x - reach, 0); x <= least(middle.x + reach, radius); x++) {
        if (rounded(x, padding) != wanted.x) continue;
        const u64 at = centred_index(radius, {x, y, z});
        sum = sum + real3{data[at].x, data[at].y, weight[at]};
      }
    }
  }
  result[id] = sum.z > 0 ? real2{sum.x / sum.z, sum.y / sum.z} : real2{0, 0};
}
