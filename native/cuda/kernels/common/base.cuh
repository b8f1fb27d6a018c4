#pragma once
// What every kernel shares. A kernel is `KERNEL(name, threads of a block)(buffers, parameters)`, with the blocks that a multiprocessor must hold
// as a third word where that matters: the host reads names, order and types from there. `real` is float, or double where the whole expectation
// is computed in it; offsets are 64 bits wide. A file whose header says so has its kernels in single precision alone.
#ifdef CRYOTILE_EMULATED
#include "emulated.h"
#define KERNEL(name, ...) void name
#define DYNAMIC_SHARED(name) static char* const name = emulated::dynamic_shared
#elif defined(CRYOTILE_DOUBLE)
#define KERNEL(name, ...) extern "C" __global__ void __launch_bounds__(__VA_ARGS__) name##_double
#else
#define KERNEL(name, ...) extern "C" __global__ void __launch_bounds__(__VA_ARGS__) name
#endif
#ifndef CRYOTILE_EMULATED
#define DYNAMIC_SHARED(name) extern __shared__ __align__(1024) char name[]
#endif

typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;
#ifdef CRYOTILE_DOUBLE
typedef double real;
typedef u64 real_bits;
#else
typedef float real;
typedef u32 real_bits;
#endif

// Pairs and quadruples, read and written in one access of up to 16 bytes.
struct alignas(2 * sizeof(real)) real2 {
  real x, y;
};
struct alignas(16) real4 {
  real x, y, z, w;
};
struct real3 {
  real x, y, z;
};
struct point {
  i32 x, y, z;
};

__device__ inline real2 operator+(real2 a, real2 b) { return {a.x + b.x, a.y + b.y}; }
__device__ inline real2 operator-(real2 a, real2 b) { return {a.x - b.x, a.y - b.y}; }
__device__ inline real2 operator*(real f, real2 a) { return {f * a.x, f * a.y}; }
__device__ inline real4 operator+(real4 a, real4 b) { return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w}; }
__device__ inline real3 operator+(real3 a, real3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
__device__ inline real3 operator*(real f, real3 a) { return {f * a.x, f * a.y, f * a.z}; }

__device__ inline real2 cmul(real2 a, real2 b) { return {a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x}; }
__device__ inline real2 conj(real2 a) { return {a.x, -a.y}; }
__device__ inline real dot(real2 a, real2 b) { return a.x * b.x + a.y * b.y; }
__device__ inline real power(real2 a) { return dot(a, a); }

template <class T>
__device__ inline T least(T a, T b) {
  return b < a ? b : a;
}
template <class T>
__device__ inline T most(T a, T b) {
  return a < b ? b : a;
}
template <class T>
__device__ inline T clamped(T value, T low, T high) {
  return least(most(value, low), high);
}

// Number of a thread among all of a launch.
__device__ inline u64 thread_index() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }

// Row and column of an element of an array of rows of n.
struct Place {
  u64 row;
  u32 column;
};
__device__ inline Place place_of(u64 at, u32 n) {
  if (at >> 32 == 0) return {(u32)at / n, (u32)at % n};
  return {at / n, (u32)(at % n)};
}
