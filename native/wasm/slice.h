// Central slices by trilinear interpolation in centred half arrays.
#ifndef CRYOTILE_SLICE_H
#define CRYOTILE_SLICE_H
#include "common.h"

typedef struct {
  const complex *data;
  i32 radius;
  u32 rows_a_class, class_length;
  float padding, max_r2;
} projector;

static inline f4 floor4(f4 v) { return (f4)wasm_f32x4_floor((v128_t)v); }
static inline i4 clamp4(i4 v, i32 low, i32 high) {
  v128_t least = wasm_i32x4_splat(low), most = wasm_i32x4_splat(high);
  return (i4)wasm_i32x4_min(wasm_i32x4_max((v128_t)v, least), most);
}

// Slice values at pixels xy[0 .. count) of row `row` (classes follow each other), four at a time.
static void slice_values(const projector *from, const float *matrices, u32 row, const u32 *xy, u32 count, complex *out) {
  const float *m = matrices + 9 * (row % from->rows_a_class);
  const float *data = (const float *)(from->data + row / from->rows_a_class * from->class_length);
  i32 radius = from->radius, columns = radius + 1, plane = columns * (2 * radius + 1);
  f4 ax = splat(m[0] * from->padding), bx = splat(m[1] * from->padding);
  f4 ay = splat(m[3] * from->padding), by = splat(m[4] * from->padding);
  f4 az = splat(m[6] * from->padding), bz = splat(m[7] * from->padding);
  for (u32 k = 0; k < count; k += 4) {
    u32 some[4] = {0};
    u32 own = min_u(4, count - k);
    for (u32 lane = 0; lane < own; lane++) some[lane] = xy[k + lane];
    v128_t packed = wasm_v128_load(some);
    f4 x = (f4)wasm_f32x4_convert_i32x4(wasm_v128_and(packed, wasm_i32x4_splat(0xffff)));
    f4 y = (f4)wasm_f32x4_convert_i32x4(wasm_i32x4_shr(packed, 16));
    f4 qx = ax * x + bx * y;
    v128_t flip = wasm_v128_and((v128_t)(qx < splat(0)), wasm_i32x4_splat((i32)0x80000000));
    qx = (f4)wasm_v128_xor((v128_t)qx, flip);
    f4 qy = (f4)wasm_v128_xor((v128_t)(ay * x + by * y), flip);
    f4 qz = (f4)wasm_v128_xor((v128_t)(az * x + bz * y), flip);
    v128_t inside = (v128_t)(x * x + y * y <= splat(from->max_r2));
    f4 x0 = floor4(qx), y0 = floor4(qy), z0 = floor4(qz);
    // Rounding may put a point of the outermost shell on the far side of the array's last plane.
    i4 ix = clamp4((i4)wasm_i32x4_trunc_sat_f32x4((v128_t)x0), 0, radius - 1);
    i4 iy = clamp4((i4)wasm_i32x4_trunc_sat_f32x4((v128_t)y0), -radius, radius - 1);
    i4 iz = clamp4((i4)wasm_i32x4_trunc_sat_f32x4((v128_t)z0), -radius, radius - 1);
    i4 index = ((iz + radius) * (2 * radius + 1) + iy + radius) * columns + ix;
    f4 fx = qx - x0, fy = qy - y0, fz = qz - z0;
    f4 value[4];
#pragma clang loop unroll(full)
    for (u32 lane = 0; lane < 4; lane++) {
      const float *at = data + 2 * (u32)index[lane];
      f4 near = load4(at), far = load4(at + 2 * plane);
      near += splat(fy[lane]) * (load4(at + 2 * columns) - near);
      far += splat(fy[lane]) * (load4(at + 2 * (plane + columns)) - far);
      value[lane] = near + splat(fz[lane]) * (far - near);
    }
    complex result[4];
#pragma clang loop unroll(full)
    for (u32 pair = 0; pair < 2; pair++) {
      f4 a = value[2 * pair], b = value[2 * pair + 1];
      f4 low = __builtin_shufflevector(a, b, 0, 1, 4, 5), high = __builtin_shufflevector(a, b, 2, 3, 6, 7);
      f4 f = pair == 0 ? __builtin_shufflevector(fx, fx, 0, 0, 1, 1) : __builtin_shufflevector(fx, fx, 2, 2, 3, 3);
      i4 sign = (i4)flip, keep = (i4)inside, none = {0};
      sign = pair == 0 ? __builtin_shufflevector(none, sign, 0, 4, 0, 5) : __builtin_shufflevector(none, sign, 0, 6, 0, 7);
      keep = pair == 0 ? __builtin_shufflevector(keep, keep, 0, 0, 1, 1) : __builtin_shufflevector(keep, keep, 2, 2, 3, 3);
      store4((float *)(result + 2 * pair), (f4)(((i4)(low + f * (high - low)) ^ sign) & keep));
    }
    for (u32 lane = 0; lane < own; lane++) out[k + lane] = result[lane];
  }
}

#endif
