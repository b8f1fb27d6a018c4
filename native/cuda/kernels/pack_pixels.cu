// packed_ik = spectra at the pixels of a set, times (-1)^(x + y): cropped, phase origin at the centre pixel.
#include "common/pixels.cuh"

KERNEL(pack_pixels, 256)(const real2* spectra, const u32* xy, real2* packed, u64 count, u32 box, u32 pixels) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, pixels);
  const i32 x = pixel_x(xy[place.column]);
  const i32 y = pixel_y(xy[place.column]);
  const u32 row = (u32)(y < 0 ? y + (i32)box : y);
  const real2 value = spectra[(place.row * box + row) * (box / 2 + 1) + x];
  packed[id] = ((x + y) & 1) != 0 ? real2{-value.x, -value.y} : value;
}
