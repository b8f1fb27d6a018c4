// out_iyx = factor_i images_i(y - dy)(x - dx); what moves in is 0.
#include "common/base.cuh"

KERNEL(shift_images, 256)(const real* images, real* moved, const u32* shift, const real* factor, u64 count, i32 box) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place row = place_of(id, (u32)box);
  const Place image = place_of(row.row, (u32)box);
  const i32 x = (i32)row.column - (i32)shift[2 * image.row];
  const i32 y = (i32)image.column - (i32)shift[2 * image.row + 1];
  const bool inside = x >= 0 && x < box && y >= 0 && y < box;
  moved[id] = inside ? factor[image.row] * images[(image.row * box + y) * box + x] : real(0);
}
