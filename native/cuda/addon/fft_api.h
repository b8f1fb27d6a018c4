#pragma once
// The part of cuFFT's C interface that the addon uses, declared here so that it builds without the library. Names, types and numbers are
// NVIDIA's (cuFFT API reference); functions are looked up in the library at run time.
#include "driver_api.h"

typedef int cufftResult;
typedef int cufftHandle;

constexpr cufftResult cufft_success = 0;

// Kinds of transforms: real to half complex and back, in float and in double.
constexpr int cufft_r2c = 0x2a, cufft_c2r = 0x2c, cufft_d2z = 0x6a, cufft_z2d = 0x6c;

// name, parameters
#define CUFFT_FUNCTIONS(FUNCTION)                                                                                             \
  FUNCTION(cufftGetVersion, (int* version))                                                                                   \
  FUNCTION(cufftCreate, (cufftHandle * plan))                                                                                 \
  FUNCTION(cufftDestroy, (cufftHandle plan))                                                                                  \
  FUNCTION(cufftSetAutoAllocation, (cufftHandle plan, int automatic))                                                         \
  FUNCTION(cufftMakePlanMany64, (cufftHandle plan, int rank, long long* shape, long long* in_embed, long long in_stride,       \
                                 long long in_distance, long long* out_embed, long long out_stride, long long out_distance,   \
                                 int type, long long batch, size_t* work_bytes))                                              \
  FUNCTION(cufftSetStream, (cufftHandle plan, CUstream stream))                                                               \
  FUNCTION(cufftSetWorkArea, (cufftHandle plan, void* area))                                                                  \
  FUNCTION(cufftExecR2C, (cufftHandle plan, void* values, void* spectra))                                                     \
  FUNCTION(cufftExecC2R, (cufftHandle plan, void* spectra, void* values))                                                     \
  FUNCTION(cufftExecD2Z, (cufftHandle plan, void* values, void* spectra))                                                     \
  FUNCTION(cufftExecZ2D, (cufftHandle plan, void* spectra, void* values))
