// out(r) = in(r) + sum over operators of in(R r), trilinear, inside r^2 <= limit.
#include "common/centred.cuh"

KERNEL(symmetrise, 256)(
  const real2* data, const real* weight, const real* operators, real2* out_data, real* out_weight, u64 count, i32 radius, u32 limit, u32 operator_count
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const point own = centred_point((u32)radius, id);
  real3 sum = {data[id].x, data[id].y, weight[id]};
  if (length2(own) <= limit) {
    for (u32 n = 0; n < operator_count; n++) {
      const real* m = operators + 9 * n;
      real3 q = {m[0] * own.x + m[1] * own.y + m[2] * own.z, m[3] * own.x + m[4] * own.y + m[5] * own.z, m[6] * own.x + m[7] * own.y + m[8] * own.z};
      const bool mirrored = q.x < 0;
      if (mirrored) q = real(-1) * q;
      const point base = {clamped((i32)floor(q.x), 0, radius - 1), clamped((i32)floor(q.y), -radius, radius - 1), clamped((i32)floor(q.z), -radius, radius - 1)};
      const real3 f = {q.x - base.x, q.y - base.y, q.z - base.z};
      real3 value = {0, 0, 0};
      for (i32 corner = 0; corner < 8; corner++) {
        const i32 right = corner & 1, up = (corner >> 1) & 1, far = corner >> 2;
        const u64 at = centred_index(radius, {base.x + right, base.y + up, base.z + far});
        const real factor = (right ? f.x : 1 - f.x) * (up ? f.y : 1 - f.y) * (far ? f.z : 1 - f.z);
        value = value + factor * real3{data[at].x, data[at].y, weight[at]};
      }
      sum = sum + real3{value.x, mirrored ? -value.y : value.y, value.z};
    }
  }
  out_data[id] = {sum.x, sum.y};
  out_weight[id] = sum.z;
}
