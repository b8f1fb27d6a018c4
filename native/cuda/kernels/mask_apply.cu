// values = m v + (1 - m) background; the background is a noise image or the weighted mean from the partial sums of mask_background.
#include "common/soft_edge.cuh"

KERNEL(mask_apply, 256)(
  real* values, const real2* partials, const real* noise, u64 count, u64 size, u32 box, u32 depth, u32 parts, u32 noise_fill, real radius, real width
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const u64 i = id / size;
  const real mask = soft_edge(centre_distance(id - i * size, box, depth), radius, width);
  if (mask == 1) return;
  real background = 0;
  if (noise_fill != 0) {
    background = noise[id];
  } else {
    real2 sum = {0, 0};
    for (u32 part = 0; part < parts; part++) sum = sum + partials[i * parts + part];
    if (sum.y > 0) background = sum.x / sum.y;
  }
  values[id] = mask * values[id] + (1 - mask) * background;
}
