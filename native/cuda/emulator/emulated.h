#pragma once
// CUDA C++ for the host: kernels are compiled as they are, the threads of a block run one after the other up to each barrier (fibers.h).
#include <math.h>
#include <string.h>

#include <cmath>

using std::isfinite;
using std::isnan;

#define __device__
#define __global__
#define __shared__ static
#define __align__(bytes) __attribute__((aligned(bytes)))

struct Index {
  unsigned x, y, z;
};
extern Index threadIdx, blockIdx, blockDim, gridDim;

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(2) uchar2 {
  unsigned char x, y;
};
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }

namespace emulated {
// Wait for the other threads of the block.
void block_barrier();
// Conversions to half precision cut off instead of rounding: what tests of rounding must notice.
inline bool truncating = false;
// Dynamic shared memory of the block.
constexpr unsigned dynamic_shared_bytes = 232448 + 64;
extern char dynamic_shared[dynamic_shared_bytes];
// Give `bits` to the warp; those of all lanes, until the warp meets twice more.
const unsigned long long* gather(unsigned long long bits);
// Give `bits` to the warp and take those of lane `source`.
inline unsigned long long exchange(unsigned long long bits, unsigned source) { return gather(bits)[source]; }

template <class T>
T exchange_value(T value, unsigned source) {
  unsigned long long bits = 0;
  memcpy(&bits, &value, sizeof value);
  bits = exchange(bits, source);
  memcpy(&value, &bits, sizeof value);
  return value;
}
}  // namespace emulated

inline void __syncthreads() { emulated::block_barrier(); }
inline void __syncwarp() { emulated::exchange(0, threadIdx.x % 32); }

template <class T>
T __shfl_down_sync(unsigned, T value, unsigned by) {
  const unsigned lane = threadIdx.x % 32;
  return emulated::exchange_value(value, lane + by < 32 ? lane + by : lane);
}
template <class T>
T __shfl_up_sync(unsigned, T value, unsigned by) {
  const unsigned lane = threadIdx.x % 32;
  return emulated::exchange_value(value, lane >= by ? lane - by : lane);
}
template <class T>
T __shfl_xor_sync(unsigned, T value, unsigned by) {
  return emulated::exchange_value(value, (threadIdx.x % 32) ^ by);
}
template <class T>
T __shfl_sync(unsigned, T value, unsigned source) {
  return emulated::exchange_value(value, source % 32);
}

inline unsigned __ballot_sync(unsigned, bool vote) {
  const unsigned long long* const votes = emulated::gather(vote);
  unsigned all = 0;
  for (unsigned lane = 0; lane < 32; lane++) all |= (unsigned)votes[lane] << lane;
  return all;
}
inline unsigned __reduce_max_sync(unsigned, unsigned value) {
  const unsigned long long* const values = emulated::gather(value);
  for (unsigned lane = 0; lane < 32; lane++)
    if (values[lane] > value) value = (unsigned)values[lane];
  return value;
}

template <class T>
T atomicAdd(T* at, T value) {
  const T before = *at;
  *at = before + value;
  return before;
}
template <class T>
T atomicMax(T* at, T value) {
  const T before = *at;
  if (before < value) *at = value;
  return before;
}
template <class T>
T atomicMin(T* at, T value) {
  const T before = *at;
  if (value < before) *at = value;
  return before;
}
template <class T>
T __ldg(const T* at) {
  return *at;
}
template <class T>
T __ldcg(const T* at) {
  return *at;
}

inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline unsigned __float_as_uint(float value) {
  unsigned bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline float __uint_as_float(unsigned bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
inline float rsqrtf(float x) { return 1 / sqrtf(x); }

inline void sincospi(double x, double* sine, double* cosine) {
  const double part = x - 2 * rint(x / 2);
  *sine = sin(M_PI * part);
  *cosine = cos(M_PI * part);
}
inline void sincospif(float x, float* sine, float* cosine) {
  double s, c;
  sincospi(x, &s, &c);
  *sine = (float)s;
  *cosine = (float)c;
}
