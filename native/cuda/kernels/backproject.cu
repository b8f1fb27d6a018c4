// Views spread into an accumulator with trilinear weights: three 64-bit integers an element (real, imaginary, weight) in units of `unit`.
// Integer sums do not depend on their order. status[0] = 1 where a contribution is not finite or does not fit.
#include "common/pixels.cuh"
#include "common/slice.cuh"

constexpr real largest = real(1.152921504606847e18);

__device__ inline void add_fixed(u64* sum, real value, real per_unit, u32* status) {
  const real scaled = rint(value * per_unit);
  if (!(fabs(scaled) < largest)) {
    atomicMax(status, 1u);
    return;
  }
  if (scaled != 0) atomicAdd(sum, (u64)(i64)scaled);
}

KERNEL(backproject, 256)(
  const real2* numerator, const real* weight, const real* matrices, const u32* orientation, const u32* xy, u64* accumulator, u32* status,
  u64 count, u32 pixels, i32 radius, u32 rows_a_class, u64 class_length, real padding, real limit, real per_unit
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, pixels);
  const i32 x = pixel_x(xy[place.column]);
  const i32 y = pixel_y(xy[place.column]);
  if (x == 0 && y < 0) return;
  const real share = weight[id];
  if (!isfinite(share)) atomicMax(status, 1u);
  if (!(share > 0)) return;
  const u32 row = orientation[place.row];
  const u32 slot = row / rows_a_class;
  real3 q = slice_point(matrices + 9 * (u64)(row - slot * rows_a_class), (real)x, (real)y, padding);
  if (q.x * q.x + q.y * q.y + q.z * q.z > limit) return;
  real2 value = numerator[id];
  if (q.x < 0) {
    q = real(-1) * q;
    value.y = -value.y;
  }
  const point base = {clamped((i32)floor(q.x), 0, radius - 1), clamped((i32)floor(q.y), -radius, radius - 1), clamped((i32)floor(q.z), -radius, radius - 1)};
  const real3 f = {q.x - base.x, q.y - base.y, q.z - base.z};
  u64* const first = accumulator + 3 * (slot * class_length + centred_index(radius, base));
  const u64 row_step = 3 * (u64)(radius + 1);
  const u64 plane_step = row_step * (2 * radius + 1);
  for (u32 corner = 0; corner < 8; corner++) {
    const bool right = corner & 1, up = corner & 2, far = corner & 4;
    const real factor = (right ? f.x : 1 - f.x) * (up ? f.y : 1 - f.y) * (far ? f.z : 1 - f.z);
    if (factor == 0) continue;
    u64* const at = first + (right ? 3 : 0) + (up ? row_step : 0) + (far ? plane_step : 0);
    add_fixed(at, factor * value.x, per_unit, status);
    add_fixed(at + 1, factor * value.y, per_unit, status);
    add_fixed(at + 2, factor * share, per_unit, status);
  }
}
