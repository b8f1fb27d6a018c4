// map /= sinc^2(r / padded box): the transform of the trilinear kernel.
#include "common/soft_edge.cuh"

KERNEL(correct_gridding, 256)(real* map, u64 count, u32 box, u32 padded_box) {
  const u64 id = thread_index();
  if (id >= count) return;
  const real s = sinc(centre_distance(id, box, box) / (real)padded_box);
  map[id] /= s * s;
}
