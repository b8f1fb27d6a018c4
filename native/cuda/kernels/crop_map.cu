// The middle of a padded cube, times `scale`.
#include "common/base.cuh"

KERNEL(crop_map, 256)(const real* padded, real* map, u64 count, u32 box, u32 padded_box, real scale) {
  const u64 id = thread_index();
  if (id >= count) return;
  const u32 margin = padded_box / 2 - box / 2;
  const Place row = place_of(id, box);
  const Place plane = place_of(row.row, box);
  map[id] = scale * padded[((plane.row + margin) * padded_box + plane.column + margin) * padded_box + row.column + margin];
}
