#pragma once
// Half precision of CUDA on the host: conversions, rounded to nearest, ties to even.
#include "emulated.h"

struct __half {
  unsigned short bits;
};
struct alignas(4) __half2 {
  __half x, y;
};

inline float __half2float(__half half) {
  const unsigned exponent = half.bits >> 10 & 31;
  const unsigned fraction = half.bits & 1023;
  const float size = exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                     : exponent == 0 ? ldexpf((float)fraction, -24)
                                     : ldexpf((float)(fraction + 1024), (int)exponent - 25);
  return half.bits >> 15 ? -size : size;
}

inline __half __float2half_rn(float x) {
  const unsigned short sign = signbit(x) ? 0x8000 : 0;
  const float size = fabsf(x);
  if (isnan(x)) return {0x7fff};
  // Halfway between the largest half and the next power of two.
  if (size >= 65520) return {(unsigned short)(sign | 0x7c00)};
  int exponent = -14;
  if (size >= ldexpf(1, -14)) exponent = ilogbf(size);
  // Units in the last place; what rounds up to the next power of two carries into the exponent.
  const float scaled = ldexpf(size, 10 - exponent);
  const unsigned units = (unsigned)(emulated::truncating ? truncf(scaled) : rintf(scaled));
  const unsigned bits = units < 1024 ? units : (unsigned)((exponent + 14) << 10) + units;
  return {(unsigned short)(sign | bits)};
}

inline __half2 __floats2half2_rn(float x, float y) { return {__float2half_rn(x), __float2half_rn(y)}; }
