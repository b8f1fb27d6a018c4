#pragma once
#include "centred.cuh"

// The point of a pixel at an inverse orientation (nine numbers), in elements of the padded array.
__device__ inline real3 slice_point(const real* m, real x, real y, real padding) {
  return {padding * (m[0] * x + m[1] * y), padding * (m[3] * x + m[4] * y), padding * (m[6] * x + m[7] * y)};
}

__device__ inline real2 mixed(real2 a, real2 b, real f) { return {a.x + f * (b.x - a.x), a.y + f * (b.y - a.y)}; }

// References as slices are made from them: arrays of class_length, one a class; 0 beyond max_r2 (squared pixels).
struct References {
  const real2* data;
  const real* matrices;
  u32 rows_a_class;
  u64 class_length;
  i32 radius;
  real padding, max_r2;
};

// The slice of a row of the matrices (beyond rows_a_class: of the next class) at a pixel, by trilinear interpolation.
__device__ inline real2 slice_value(const References& from, u32 row, i32 x, i32 y) {
  if ((real)(x * x + y * y) > from.max_r2) return {0, 0};
  const u32 slot = row / from.rows_a_class;
  const real* matrix = from.matrices + 9 * (u64)(row - slot * from.rows_a_class);
  real3 q = slice_point(matrix, (real)x, (real)y, from.padding);
  const bool mirrored = q.x < 0;
  if (mirrored) q = real(-1) * q;
  const real bx = floor(q.x), by = floor(q.y), bz = floor(q.z);
  const i32 radius = from.radius;
  // Rounding may put a point of the outermost shell on the far side of the array's last plane.
  const point corner = {clamped((i32)bx, 0, radius - 1), clamped((i32)by, -radius, radius - 1), clamped((i32)bz, -radius, radius - 1)};
  const u32 columns = (u32)(radius + 1);
  const u64 plane = (u64)columns * (2 * radius + 1);
  const real2* at = from.data + slot * from.class_length + centred_index(radius, corner);
  const real fx = q.x - bx;
  const real2 low = mixed(mixed(at[0], at[1], fx), mixed(at[columns], at[columns + 1], fx), q.y - by);
  at += plane;
  const real2 high = mixed(mixed(at[0], at[1], fx), mixed(at[columns], at[columns + 1], fx), q.y - by);
  const real2 value = mixed(low, high, q.z - bz);
  return mirrored ? conj(value) : value;
}
