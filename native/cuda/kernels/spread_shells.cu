// out_ik = table[group_i][shell of pixel k]; 0 at the origin on request.
#include "common/pixels.cuh"

KERNEL(spread_shells, 256)(
  const real* table, const u32* group_of, const u32* xy, real* values, u64 count, u32 pixels, u32 shells, u32 zero_origin
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, pixels);
  const i32 x = pixel_x(xy[place.column]);
  const i32 y = pixel_y(xy[place.column]);
  const u32 shell = shell_of((u32)(x * x + y * y));
  const bool inside = shell < shells && !(zero_origin != 0 && shell == 0);
  values[id] = inside ? table[(u64)group_of[place.row] * shells + shell] : real(0);
}
