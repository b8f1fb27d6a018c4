#pragma once
#include "base.cuh"

// (cos, sin) of 2 pi turns.
__device__ inline real2 cis_turns(real turns) {
  real2 value;
#ifdef CRYOTILE_DOUBLE
  sincospi(2 * turns, &value.y, &value.x);
#else
  sincospif(2 * turns, &value.y, &value.x);
#endif
  return value;
}

// sin(pi x) / (pi x)
__device__ inline real sinc(real x) {
  return fabs(x) < real(1e-6) ? real(1) : cis_turns(x / 2).y / (real(3.141592653589793) * x);
}
