// out_iyx = factor_i images_m(y - dy)(x - dx) with m, dx, dy = moves_i; what moves in is 0.
#include "common/base.cuh"

KERNEL(shift_images, 256)(const real* images, real* moved, const u32* moves, const real* factor, u64 count, i32 box) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place row = place_of(id, (u32)box);
  const Place image = place_of(row.row, (u32)box);
  const u32* move = moves + 3 * image.row;
  const i32 x = (i32)row.column - (i32)move[1];
  const i32 y = (i32)image.column - (i32)move[2];
  const bool inside = x >= 0 && x < box && y >= 0 && y < box;
  moved[id] = inside ? factor[image.row] * images[((u64)move[0] * box + y) * box + x] : real(0);
}
