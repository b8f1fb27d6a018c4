// The map in the middle of a zero cube, divided by sinc^2(r / padded box) on request.
#include "common/soft_edge.cuh"

KERNEL(pad_map, 256)(const real* map, real* padded, u64 count, u32 box, u32 padded_box, u32 correct) {
  const u64 id = thread_index();
  if (id >= count) return;
  const u32 margin = padded_box / 2 - box / 2;
  const Place row = place_of(id, padded_box);
  const Place plane = place_of(row.row, padded_box);
  const u32 x = row.column - margin, y = plane.column - margin, z = (u32)plane.row - margin;
  if (x >= box || y >= box || z >= box) {
    padded[id] = 0;
    return;
  }
  const u64 at = ((u64)z * box + y) * box + x;
  real value = map[at];
  if (correct != 0) {
    const real s = sinc(centre_distance(at, box, box) / (real)padded_box);
    value /= s * s;
  }
  padded[id] = value;
}
