#pragma once
#include "base.cuh"

// Centred half arrays: x = 0 .. radius, y and z = -radius .. radius.
__device__ inline u64 centred_index(i32 radius, point q) {
  return ((u64)(q.z + radius) * (2 * radius + 1) + (q.y + radius)) * (radius + 1) + q.x;
}

__device__ inline point centred_point(u32 radius, u64 index) {
  const Place row = place_of(index, radius + 1);
  const Place plane = place_of(row.row, 2 * radius + 1);
  return {(i32)row.column, (i32)plane.column - (i32)radius, (i32)plane.row - (i32)radius};
}

__device__ inline u32 length2(point q) { return (u32)(q.x * q.x + q.y * q.y + q.z * q.z); }

// sqrt(r2) / padding, rounded (halves up) and cut.
__device__ inline u32 padded_shell(u32 r2, double padding) { return (u32)(sqrt((double)r2) / padding + 0.5); }
__device__ inline u32 padded_floor(u32 r2, double padding) { return (u32)(sqrt((double)r2) / padding); }
