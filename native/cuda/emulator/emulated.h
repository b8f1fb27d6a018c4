#pragma once
// CUDA C++ for the host: kernels are compiled as they are, the threads of a block run one after the other up to each barrier (fibers.h).
#include <math.h>
#include <string.h>

#define __device__
#define __global__
#define __shared__ static
#define __align__(bytes) __attribute__((aligned(bytes)))

struct Index {
  unsigned x, y, z;
};
extern Index threadIdx, blockIdx, blockDim, gridDim;

namespace emulated {
// Wait for the other threads of the block.
void block_barrier();
// Give `bits` to the warp and take those of lane `source`.
unsigned long long exchange(unsigned long long bits, unsigned source);

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
T __shfl_xor_sync(unsigned, T value, unsigned by) {
  return emulated::exchange_value(value, (threadIdx.x % 32) ^ by);
}
template <class T>
T __shfl_sync(unsigned, T value, unsigned source) {
  return emulated::exchange_value(value, source % 32);
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
T __ldg(const T* at) {
  return *at;
}

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
