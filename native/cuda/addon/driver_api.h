#pragma once
// The part of the CUDA driver's C interface that the addon uses, declared here so that it builds without the CUDA toolkit. Names, types and
// numbers are NVIDIA's (CUDA Driver API reference); functions are looked up in the driver's library at run time.
#include <cstddef>

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st* CUcontext;
typedef struct CUmod_st* CUmodule;
typedef struct CUfunc_st* CUfunction;
typedef struct CUstream_st* CUstream;
typedef struct CUevent_st* CUevent;
struct CUuuid {
  unsigned char bytes[16];
};

constexpr CUresult cu_success = 0;
constexpr CUresult cu_out_of_memory = 2;

constexpr int cu_attribute_multiprocessors = 16;
constexpr int cu_attribute_exec_timeout = 17;
constexpr int cu_attribute_capability_major = 75;
constexpr int cu_attribute_capability_minor = 76;
constexpr int cu_attribute_shared_memory_optin = 97;
constexpr int cu_function_max_dynamic_shared = 8;

constexpr unsigned cu_stream_non_blocking = 1;
constexpr unsigned cu_event_default = 0;

// Of tensor maps: halfs, tiles permuted over 128 bytes, 256 bytes at a time into the second cache, zeros outside.
constexpr int cu_tensor_float16 = 6;
constexpr int cu_tensor_interleave_none = 0;
constexpr int cu_tensor_swizzle_128 = 3;
constexpr int cu_tensor_promotion_256 = 3;
constexpr int cu_tensor_zeros = 0;
struct alignas(64) CUtensorMap {
  unsigned long long words[16];
};

// name, parameters: what drivers from CUDA 12.0 on have.
#define CUDA_NEWER_FUNCTIONS(FUNCTION)                                                                                    \
  FUNCTION(cuTensorMapEncodeTiled, (CUtensorMap * map, int type, unsigned rank, void* address, const unsigned long long* sizes, \
                                    const unsigned long long* strides, const unsigned* box, const unsigned* steps, int interleave, \
                                    int swizzle, int promotion, int fill))

// name, parameters
#define CUDA_DRIVER_FUNCTIONS(FUNCTION)                                                                                  \
  FUNCTION(cuInit, (unsigned flags))                                                                                     \
  FUNCTION(cuDriverGetVersion, (int* version))                                                                           \
  FUNCTION(cuGetErrorName, (CUresult error, const char** name))                                                          \
  FUNCTION(cuDeviceGetCount, (int* count))                                                                               \
  FUNCTION(cuDeviceGet, (CUdevice * device, int ordinal))                                                                \
  FUNCTION(cuDeviceGetName, (char* name, int length, CUdevice device))                                                   \
  FUNCTION(cuDeviceGetUuid, (CUuuid * uuid, CUdevice device))                                                            \
  FUNCTION(cuDeviceGetPCIBusId, (char* id, int length, CUdevice device))                                                 \
  FUNCTION(cuDeviceTotalMem_v2, (size_t * bytes, CUdevice device))                                                       \
  FUNCTION(cuDeviceGetAttribute, (int* value, int attribute, CUdevice device))                                           \
  FUNCTION(cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))                                             \
  FUNCTION(cuDevicePrimaryCtxRelease_v2, (CUdevice device))                                                              \
  FUNCTION(cuCtxSetCurrent, (CUcontext context))                                                                         \
  FUNCTION(cuMemGetInfo_v2, (size_t * free, size_t* total))                                                              \
  FUNCTION(cuMemAlloc_v2, (CUdeviceptr * address, size_t bytes))                                                         \
  FUNCTION(cuMemFree_v2, (CUdeviceptr address))                                                                          \
  FUNCTION(cuMemHostAlloc, (void** address, size_t bytes, unsigned flags))                                               \
  FUNCTION(cuMemFreeHost, (void* address))                                                                               \
  FUNCTION(cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void* from, size_t bytes, CUstream stream))                      \
  FUNCTION(cuMemcpyDtoHAsync_v2, (void* to, CUdeviceptr from, size_t bytes, CUstream stream))                            \
  FUNCTION(cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))                      \
  FUNCTION(cuMemsetD8Async, (CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream))                        \
  FUNCTION(cuModuleLoadData, (CUmodule * module, const void* image))                                                     \
  FUNCTION(cuModuleUnload, (CUmodule module))                                                                            \
  FUNCTION(cuModuleGetFunction, (CUfunction * function, CUmodule module, const char* name))                              \
  FUNCTION(cuFuncSetAttribute, (CUfunction function, int attribute, int value))                                          \
  FUNCTION(cuLaunchKernel, (CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,    \
                            unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream, void** parameters, \
                            void** extra))                                                                               \
  FUNCTION(cuStreamCreate, (CUstream * stream, unsigned flags))                                                          \
  FUNCTION(cuStreamDestroy_v2, (CUstream stream))                                                                        \
  FUNCTION(cuStreamSynchronize, (CUstream stream))                                                                       \
  FUNCTION(cuEventCreate, (CUevent * event, unsigned flags))                                                             \
  FUNCTION(cuEventDestroy_v2, (CUevent event))                                                                           \
  FUNCTION(cuEventRecord, (CUevent event, CUstream stream))                                                              \
  FUNCTION(cuEventSynchronize, (CUevent event))                                                                          \
  FUNCTION(cuEventElapsedTime, (float* milliseconds, CUevent begin, CUevent end))

// The launch takes its parameters as one block of bytes.
inline void* const cu_launch_end = nullptr;
inline void* const cu_launch_buffer_pointer = reinterpret_cast<void*>(1);
inline void* const cu_launch_buffer_size = reinterpret_cast<void*>(2);
