// What every kernel shares. A kernel works on the items first .. end - 1 of its operation; an item writes what no other item reads or
// writes, and the order of its arithmetic depends on the problem alone, so results are the same for any number of threads.
#ifndef CRYOTILE_COMMON_H
#define CRYOTILE_COMMON_H
#include <wasm_simd128.h>

typedef unsigned char u8;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;
typedef double f64;
typedef float f4 __attribute__((vector_size(16)));
typedef i32 i4 __attribute__((vector_size(16)));
typedef f64 d2 __attribute__((vector_size(16)));
typedef i64 l2 __attribute__((vector_size(16)));
typedef struct {
  float re, im;
} complex;

// A kernel and its parameters: fields of the types u32, i32, float, f64 or pointers. scripts/build-wasm.mjs reads them from here.
#define KERNEL(name, ...)                 \
  struct name##_params {                  \
    __VA_ARGS__                           \
  };                                      \
  __attribute__((export_name(#name))) void name(const struct name##_params *p, u32 first, u32 end)

static inline u32 min_u(u32 a, u32 b) { return a < b ? a : b; }
static inline i32 min_i(i32 a, i32 b) { return a < b ? a : b; }
static inline i32 max_i(i32 a, i32 b) { return a > b ? a : b; }

static inline f4 load4(const float *at) { return (f4)wasm_v128_load(at); }
static inline f4 load2(const float *at) { return (f4)wasm_v128_load64_zero(at); }
static inline void store4(float *at, f4 value) { wasm_v128_store(at, (v128_t)value); }
static inline f4 splat(float value) { return (f4){value, value, value, value}; }
static inline float lanes_sum(f4 v) { return (v[0] + v[2]) + (v[1] + v[3]); }

static inline complex cmul(complex a, complex b) {
  return (complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

// Pixels of a half transform, packed as x | y << 16.
static inline i32 pixel_x(u32 packed) { return (i32)(packed & 0xffff); }
static inline i32 pixel_y(u32 packed) { return (i32)packed >> 16; }

// Frequency of index i of an axis of n in FFT order: n / 2 is positive.
static inline i32 frequency(u32 i, u32 n) { return 2 * i <= n ? (i32)i : (i32)i - (i32)n; }

// The nearest integer, halves away from zero.
static inline i32 rounded(f64 v) {
  return v > 0 ? (i32)__builtin_floor(v + 0.5) : (i32)__builtin_ceil(v - 0.5);
}
static inline u32 shell_of(u32 r2) { return (u32)(__builtin_sqrt((f64)r2) + 0.5); }

// Centred half arrays: x = 0 .. radius, y and z = -radius .. radius.
static inline u32 centred_index(i32 radius, i32 x, i32 y, i32 z) {
  return (u32)(((z + radius) * (2 * radius + 1) + y + radius) * (radius + 1) + x);
}
static inline u32 length2(i32 x, i32 y, i32 z) { return (u32)(x * x + y * y + z * z); }
static inline u32 padded_shell(u32 r2, f64 padding) { return (u32)rounded(__builtin_sqrt((f64)r2) / padding); }
static inline u32 wrapped(i32 k, u32 n) { return (u32)(k < 0 ? k + (i32)n : k); }

// Phase of translation t at a pixel: tables [t][size / 2 + 1] for x, then from y_at [t][size] for y.
static inline complex phase_at(const complex *table, u32 y_at, u32 size, u32 t, i32 x, i32 y) {
  return cmul(table[t * (size / 2 + 1) + (u32)x], table[y_at + t * size + (u32)(y + (i32)(size / 2) - 1)]);
}

#endif
