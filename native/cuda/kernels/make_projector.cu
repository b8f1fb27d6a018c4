// The centred half array of a padded half transform: elements with least <= r^2 <= limit, times scale (-1)^(x + y + z).
#include "common/centred.cuh"

KERNEL(make_projector, 256)(
  const real2* spectrum, real2* projector, u64 count, u32 radius, u32 padded_box, double least, u32 limit, u64 at, real scale
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const point q = centred_point(radius, id);
  const u32 columns = padded_box / 2 + 1;
  const u32 r2 = length2(q);
  real2 value = {0, 0};
  if ((double)r2 >= least && r2 <= limit && (u32)q.x < columns) {
    const u32 y = (u32)(q.y < 0 ? q.y + (i32)padded_box : q.y);
    const u32 z = (u32)(q.z < 0 ? q.z + (i32)padded_box : q.z);
    value = (((q.x + q.y + q.z) & 1) != 0 ? -scale : scale) * spectrum[((u64)z * padded_box + y) * columns + q.x];
  }
  projector[at + id] = value;
}
