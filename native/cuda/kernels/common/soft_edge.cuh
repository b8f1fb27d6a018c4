#pragma once
#include "trig.cuh"

// Raised cosine: 1 inside radius, 0 beyond radius + width.
__device__ inline real soft_edge(real distance, real radius, real width) {
  if (distance < radius) return 1;
  if (distance > radius + width) return 0;
  return real(0.5) - real(0.5) * cis_turns((radius + width - distance) / (2 * width)).x;
}

// Distance of an element of a square or cube of `box` to its centre element.
__device__ inline real centre_distance(u64 at, u32 box, u32 depth) {
  const Place row = place_of(at, box);
  const Place plane = place_of(row.row, box);
  const i32 c = (i32)(box / 2);
  const real x = (real)((i32)row.column - c);
  const real y = (real)((i32)plane.column - c);
  const real z = depth == 1 ? real(0) : (real)((i32)plane.row - c);
  return sqrt(x * x + y * y + z * z);
}
