// ctf_ik = -sin(gamma) exp(b r^2) scale, gamma / 2 pi = xx x^2 + xy x y + yy y^2 + fourth r^4 - offset (Mindell & Grigorieff 2003).
// Eight numbers a particle: xx, xy, yy, fourth, offset, b, scale, flags (1 intact first peak, 2 absolute, 4 sign, 8 squared).
#include "common/pixels.cuh"
#include "common/trig.cuh"

constexpr real smallest = real(1e-8);

KERNEL(ctf, 256)(const real* parameters, const u32* xy, real* values, u64 count, u32 pixels) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, pixels);
  const real* row = parameters + 8 * place.row;
  const double x = pixel_x(xy[place.column]);
  const double y = pixel_y(xy[place.column]);
  const double r2 = x * x + y * y;
  const u32 flags = (u32)row[7];
  const double turns = row[0] * x * x + row[1] * x * y + row[2] * y * y + row[3] * r2 * r2 - row[4];
  real value = -cis_turns((real)(turns - rint(turns))).y;
  if ((flags & 1) != 0 && fabs(turns) < 0.25) value = 1;
  value *= exp(row[5] * (real)r2);
  if ((flags & 2) != 0) value = fabs(value);
  else if ((flags & 4) != 0) value = value < 0 ? real(-1) : real(1);
  value *= row[6];
  if (fabs(value) < smallest) value = value < 0 ? -smallest : smallest;
  values[id] = (flags & 8) != 0 ? value * value : value;
}
