// slices_ok: central slices of the centred half array, trilinear, at pixels k of inverse orientations o: rows of `matrices` in order, or as
// `rows` lists them.
#include "common/pixels.cuh"
#include "common/slice.cuh"

KERNEL(project_slices, 256)(
  const real2* projector, const real* matrices, const u32* xy, const u32* rows, real2* slices, u64 count, u32 pixels, u32 listed, u32 first_row,
  u32 rows_a_class, u64 class_length, i32 radius, real padding, real max_r2
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, pixels);
  const u32 packed = xy[place.column];
  const u32 row = listed != 0 ? rows[place.row] : first_row + (u32)place.row;
  const References references = {projector, matrices, rows_a_class, class_length, radius, padding, max_r2};
  slices[id] = slice_value(references, row, pixel_x(packed), pixel_y(packed));
}
