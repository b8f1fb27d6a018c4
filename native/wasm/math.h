// Elementary functions. Doubles: relative errors below 1e-9 where they are used; exp4: below 2e-7.
#ifndef CRYOTILE_MATH_H
#define CRYOTILE_MATH_H
#include "common.h"

typedef struct {
  f64 cos, sin;
} angle;

// (cos, sin) of 2 pi turns: the argument within an eighth of a turn of a quarter, then Taylor series.
static inline angle cis_turns(f64 turns) {
  f64 part = turns - __builtin_rint(turns);
  f64 quarter = __builtin_rint(4 * part);
  f64 a = (part - 0.25 * quarter) * 6.283185307179586;
  f64 a2 = a * a;
  f64 s = a * (1 + a2 * (-1.0 / 6 + a2 * (1.0 / 120 + a2 * (-1.0 / 5040 + a2 * (1.0 / 362880 - a2 / 39916800)))));
  f64 c = 1 + a2 * (-0.5 + a2 * (1.0 / 24 + a2 * (-1.0 / 720 + a2 * (1.0 / 40320 - a2 / 3628800))));
  switch ((i32)quarter & 3) {
    case 0: return (angle){c, s};
    case 1: return (angle){-s, c};
    case 2: return (angle){-c, -s};
    default: return (angle){s, -c};
  }
}

// sin(pi x) / (pi x)
static inline f64 sinc(f64 x) {
  return __builtin_fabs(x) < 1e-9 ? 1 : cis_turns(0.5 * x).sin / (3.141592653589793 * x);
}

// exp(x) = 2^n exp(r), |r| <= ln 2 / 2. 0 below -700, infinite above 700.
static inline f64 exp_f64(f64 x) {
  if (!(x > -700)) return x == x ? 0 : x;
  if (x > 700) return __builtin_inf();
  f64 n = __builtin_rint(x * 1.4426950408889634);
  f64 r = x - n * 0.6931471805599453;
  f64 sum = 1;
  for (i32 k = 11; k > 0; k--) sum = 1 + sum * r / k;
  union {
    u64 bits;
    f64 value;
  } power = {.bits = (u64)((i64)n + 1023) << 52};
  return sum * power.value;
}

// exp of numbers <= 0; 0 below -87, where float32 would turn subnormal.
static inline f4 exp4(f4 x) {
  f4 n = (f4)wasm_f32x4_nearest((v128_t)(x * splat(1.44269504f)));
  f4 r = x - n * splat(0.693359375f) + n * splat(2.12194440e-4f);
  f4 sum = splat(1.9875691500e-4f);
  sum = sum * r + splat(1.3981999507e-3f);
  sum = sum * r + splat(8.3334519073e-3f);
  sum = sum * r + splat(4.1665795894e-2f);
  sum = sum * r + splat(1.6666665459e-1f);
  sum = sum * r + splat(5.0000001201e-1f);
  sum = sum * r * r + r + splat(1.0f);
  i4 bits = ((i4)wasm_i32x4_trunc_sat_f32x4((v128_t)n) + 127) << 23;
  return (f4)((i4)(sum * (f4)bits) & (x > splat(-87.0f)));
}

// Raised cosine: 1 inside radius, 0 beyond radius + width.
static inline f64 soft_edge(f64 distance, f64 radius, f64 width) {
  if (distance < radius) return 1;
  if (distance > radius + width) return 0;
  return 0.5 - 0.5 * cis_turns((radius + width - distance) / (2 * width)).cos;
}

#endif
