// The half transform of a padded cube from data x estimate inside r^2 <= radius^2, times (-1)^(x + y + z), 0 elsewhere.
#include "common/centred.cuh"
#include "common/pixels.cuh"

KERNEL(insert_data, 256)(const real2* data, const real* estimate, real2* spectrum, u64 count, u32 radius, u32 padded_box) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place row = place_of(id, padded_box / 2 + 1);
  const Place plane = place_of(row.row, padded_box);
  const point q = {(i32)row.column, frequency(plane.column, padded_box), frequency((u32)plane.row, padded_box)};
  real2 value = {0, 0};
  if (length2(q) <= radius * radius) {
    const u64 at = centred_index((i32)radius, q);
    value = (((q.x + q.y + q.z) & 1) != 0 ? -estimate[at] : estimate[at]) * data[at];
  }
  spectrum[id] = value;
}
