// A CUDA driver without a device: the functions that the addon uses, over host memory. Work is done when it is queued. It calls itself emulated.
//   CRYOTILE_EMULATOR_FAIL     see faults.h
//   CRYOTILE_EMULATOR_TRUNCATE 1: numbers are cut off to half precision, not rounded
//   CRYOTILE_EMULATOR_DEVICES  devices as name:bytes:display, separated by commas
//   CRYOTILE_EMULATOR_VERSION  the version that it tells, such as 12040
//   CRYOTILE_EMULATOR_REPORT   a file that is told, at the end of the process, what is still held and which functions were called how often
#include <sys/mman.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "driver_api.h"
#include "emulated.h"
#include "faults.h"
#include "fibers.h"
#include "kernels.h"
#include "libraries.h"

struct CUevent_st {
  std::chrono::steady_clock::time_point time;
};

namespace {

using emulated::KernelEntry;

constexpr CUresult invalid_value = 1, no_device = 100, invalid_context = 201, invalid_handle = 400, not_found = 500, launch_failed = 719;

struct EmulatedDevice {
  std::string name;
  size_t bytes;
  bool display;
  size_t used;
};
struct Allocation {
  CUdeviceptr address;
  size_t bytes, device;
};

struct State {
  std::recursive_mutex mutex;
  emulated::Faults faults;
  std::vector<EmulatedDevice> devices;
  std::vector<int> contexts;
  std::vector<Allocation> memory;
  std::set<void*> host, modules, streams, events;
  int plans = 0;
  ~State() { report(); }
  void report() const;
};

State& state() {
  static State only;
  return only;
}

thread_local CUcontext current = nullptr;
int context_marks[16];

size_t current_device() { return static_cast<size_t>(reinterpret_cast<int*>(current) - context_marks); }

void State::report() const {
  const char* const path = getenv("CRYOTILE_EMULATOR_REPORT");
  if (path == nullptr) return;
  FILE* const file = fopen(path, "w");
  if (file == nullptr) return;
  int held = 0;
  for (int count : contexts) held += count;
  fprintf(file, "{\"contexts\":%d,\"memory\":%zu,\"host\":%zu,\"modules\":%zu,\"streams\":%zu,\"events\":%zu,\"plans\":%d,\"calls\":{", held,
          memory.size(), host.size(), modules.size(), streams.size(), events.size(), plans);
  const char* separator = "";
  for (const auto& [name, count] : faults.calls()) {
    fprintf(file, "%s\"%s\":%u", separator, name.c_str(), count);
    separator = ",";
  }
  fprintf(file, "}}\n");
  fclose(file);
}

std::vector<EmulatedDevice> requested_devices() {
  const char* const request = getenv("CRYOTILE_EMULATOR_DEVICES");
  std::istringstream list(request == nullptr ? "emulated device:8589934592:0" : request);
  std::vector<EmulatedDevice> devices;
  for (std::string word; std::getline(list, word, ',');) {
    std::istringstream fields(word);
    std::string name, bytes, display;
    std::getline(fields, name, ':');
    std::getline(fields, bytes, ':');
    std::getline(fields, display, ':');
    devices.push_back({name, static_cast<size_t>(strtoull(bytes.c_str(), nullptr, 10)), display == "1", 0});
  }
  return devices;
}

bool known(CUdevice device) { return device >= 0 && static_cast<size_t>(device) < state().devices.size(); }

// Whether a range lies in one allocation.
bool inside(CUdeviceptr at, size_t bytes) {
  for (const Allocation& block : state().memory)
    if (at >= block.address && bytes <= block.bytes && at - block.address <= block.bytes - bytes) return true;
  return false;
}

char* host_address(CUdeviceptr at) { return reinterpret_cast<char*>(at); }

}  // namespace

// Every function takes turns with those of other threads, and may be made to fail.
#define ENTER()                                                          \
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);       \
  if (const CUresult fault = state().faults.enter(__func__); fault != 0) \
    return fault
#define NEEDS(condition, code) \
  if (!(condition)) return code
#define NEEDS_CONTEXT() NEEDS(current != nullptr, invalid_context)

extern "C" {

CUresult emulated_enter(const char* function) {
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);
  return state().faults.enter(function);
}

void emulated_hold(int plans) {
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);
  state().plans += plans;
}

int emulated_ready(CUstream stream) {
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);
  return current != nullptr && (stream == nullptr || state().streams.count(stream) == 1);
}

int emulated_inside(const void* at, size_t bytes) {
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);
  return inside(reinterpret_cast<CUdeviceptr>(at), bytes);
}

CUresult cuInit(unsigned) {
  {
    const std::lock_guard<std::recursive_mutex> turn(state().mutex);
    state().faults.begin();
    state().devices = requested_devices();
    const char* const cut = getenv("CRYOTILE_EMULATOR_TRUNCATE");
    emulated::truncating = cut != nullptr && strcmp(cut, "1") == 0;
    state().contexts.resize(state().devices.size());
  }
  ENTER();
  NEEDS(!state().devices.empty(), no_device);
  return cu_success;
}

CUresult cuDriverGetVersion(int* version) {
  ENTER();
  const char* const told = getenv("CRYOTILE_EMULATOR_VERSION");
  *version = told == nullptr ? 13000 : atoi(told);
  return cu_success;
}

CUresult cuGetErrorName(CUresult error, const char** name) {
  static const struct {
    CUresult code;
    const char* name;
  } names[] = {
      {1, "CUDA_ERROR_INVALID_VALUE"},
      {2, "CUDA_ERROR_OUT_OF_MEMORY"},
      {4, "CUDA_ERROR_DEINITIALIZED"},
      {46, "CUDA_ERROR_DEVICE_UNAVAILABLE"},
      {100, "CUDA_ERROR_NO_DEVICE"},
      {101, "CUDA_ERROR_INVALID_DEVICE"},
      {201, "CUDA_ERROR_INVALID_CONTEXT"},
      {209, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
      {400, "CUDA_ERROR_INVALID_HANDLE"},
      {500, "CUDA_ERROR_NOT_FOUND"},
      {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {719, "CUDA_ERROR_LAUNCH_FAILED"},
      {999, "CUDA_ERROR_UNKNOWN"},
  };
  for (const auto& entry : names)
    if (entry.code == error) {
      *name = entry.name;
      return cu_success;
    }
  return invalid_value;
}

CUresult cuDeviceGetCount(int* count) {
  ENTER();
  *count = static_cast<int>(state().devices.size());
  return cu_success;
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  ENTER();
  NEEDS(known(ordinal), 101);
  *device = ordinal;
  return cu_success;
}

CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  ENTER();
  snprintf(name, static_cast<size_t>(length), "%s", state().devices.at(static_cast<size_t>(device)).name.c_str());
  return cu_success;
}

CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  ENTER();
  memset(uuid->bytes, 0, sizeof uuid->bytes);
  uuid->bytes[15] = static_cast<unsigned char>(device);
  return cu_success;
}

CUresult cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
  ENTER();
  snprintf(id, static_cast<size_t>(length), "0000:%02x:00.0", device);
  return cu_success;
}

CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  ENTER();
  *bytes = state().devices.at(static_cast<size_t>(device)).bytes;
  return cu_success;
}

CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice device) {
  ENTER();
  switch (attribute) {
    case cu_attribute_capability_major: *value = 8; break;
    case cu_attribute_multiprocessors: *value = 1; break;
    case cu_attribute_shared_memory_optin: *value = 163 * 1024; break;
    case cu_attribute_exec_timeout: *value = state().devices.at(static_cast<size_t>(device)).display; break;
    default: *value = 0;
  }
  return cu_success;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  ENTER();
  NEEDS(known(device), 101);
  state().contexts[static_cast<size_t>(device)]++;
  *context = reinterpret_cast<CUcontext>(&context_marks[device]);
  return cu_success;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);
  const CUresult fault = state().faults.enter(__func__);
  if (known(device)) state().contexts[static_cast<size_t>(device)]--;
  return fault;
}

CUresult cuCtxSetCurrent(CUcontext context) {
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);
  const CUresult fault = state().faults.enter(__func__);
  if (fault == cu_success || context == nullptr) current = context;
  return fault;
}

CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  ENTER();
  NEEDS_CONTEXT();
  const EmulatedDevice& device = state().devices[current_device()];
  *total = device.bytes;
  *free = device.bytes - device.used;
  return cu_success;
}

CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  ENTER();
  NEEDS_CONTEXT();
  NEEDS(bytes > 0, invalid_value);
  EmulatedDevice& device = state().devices[current_device()];
  NEEDS(bytes <= device.bytes - device.used, cu_out_of_memory);
  void* const found = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  NEEDS(found != MAP_FAILED, cu_out_of_memory);
  *address = reinterpret_cast<CUdeviceptr>(found);
  state().memory.push_back({*address, bytes, current_device()});
  device.used += bytes;
  return cu_success;
}

// Releasing works however ill the device is, as far as the host is concerned.
CUresult cuMemFree_v2(CUdeviceptr address) {
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);
  const CUresult fault = state().faults.enter(__func__);
  auto& memory = state().memory;
  for (auto block = memory.begin(); block != memory.end(); block++)
    if (block->address == address) {
      munmap(host_address(address), block->bytes);
      state().devices[block->device].used -= block->bytes;
      memory.erase(block);
      return fault;
    }
  return invalid_value;
}

CUresult cuMemHostAlloc(void** address, size_t bytes, unsigned) {
  ENTER();
  NEEDS_CONTEXT();
  *address = malloc(bytes);
  NEEDS(*address != nullptr, cu_out_of_memory);
  state().host.insert(*address);
  return cu_success;
}

CUresult cuMemFreeHost(void* address) {
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);
  const CUresult fault = state().faults.enter(__func__);
  NEEDS(state().host.erase(address) == 1, invalid_value);
  free(address);
  return fault;
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  ENTER();
  NEEDS_CONTEXT();
  NEEDS(state().streams.count(stream) == 1, invalid_handle);
  NEEDS(inside(to, bytes), invalid_value);
  memcpy(host_address(to), from, bytes);
  return cu_success;
}

CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  ENTER();
  NEEDS_CONTEXT();
  NEEDS(state().streams.count(stream) == 1, invalid_handle);
  NEEDS(inside(from, bytes), invalid_value);
  memcpy(to, host_address(from), bytes);
  return cu_success;
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  ENTER();
  NEEDS_CONTEXT();
  NEEDS(state().streams.count(stream) == 1, invalid_handle);
  NEEDS(inside(to, bytes) && inside(from, bytes), invalid_value);
  memmove(host_address(to), host_address(from), bytes);
  return cu_success;
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
  ENTER();
  NEEDS_CONTEXT();
  NEEDS(state().streams.count(stream) == 1, invalid_handle);
  NEEDS(inside(to, bytes), invalid_value);
  memset(host_address(to), value, bytes);
  return cu_success;
}

CUresult cuModuleLoadData(CUmodule* module, const void*) {
  ENTER();
  NEEDS_CONTEXT();
  *module = static_cast<CUmodule>(malloc(1));
  state().modules.insert(*module);
  return cu_success;
}

CUresult cuModuleUnload(CUmodule module) {
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);
  const CUresult fault = state().faults.enter(__func__);
  NEEDS(state().modules.erase(module) == 1, invalid_handle);
  free(module);
  return fault;
}

CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  ENTER();
  NEEDS_CONTEXT();
  NEEDS(state().modules.count(module) == 1, invalid_handle);
  const KernelEntry* const kernel = emulated::find_kernel(name);
  NEEDS(kernel != nullptr, not_found);
  *function = reinterpret_cast<CUfunction>(const_cast<KernelEntry*>(kernel));
  return cu_success;
}

CUresult cuFuncSetAttribute(CUfunction, int, int) {
  ENTER();
  return cu_success;
}

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                        unsigned block_z, unsigned shared_bytes, CUstream stream, void** parameters, void** extra) {
  ENTER();
  NEEDS_CONTEXT();
  NEEDS(state().streams.count(stream) == 1, invalid_handle);
  NEEDS(grid_x > 0 && grid_x < 1u << 31 && grid_y == 1 && grid_z == 1 && block_y == 1 && block_z == 1, invalid_value);
  NEEDS(block_x > 0 && block_x <= 1024 && parameters == nullptr, invalid_value);
  NEEDS(extra[0] == cu_launch_buffer_pointer && extra[2] == cu_launch_buffer_size && extra[4] == cu_launch_end, invalid_value);
  const auto& kernel = *reinterpret_cast<const KernelEntry*>(function);
  const auto* const values = static_cast<const char*>(extra[1]);
  // What a block writes beyond the shared memory that it asked for is noticed.
  constexpr char guard[64] = "beyond the shared memory of a block";
  NEEDS(shared_bytes <= emulated::dynamic_shared_bytes - sizeof guard, invalid_value);
  char* const beyond = emulated::dynamic_shared + shared_bytes;
  memcpy(beyond, guard, sizeof guard);
  const bool ended = emulated::run_grid(grid_x, block_x, kernel.cooperative, [&] { kernel.run(values); });
  if (memcmp(beyond, guard, sizeof guard) != 0) {
    fprintf(stderr, "emulated CUDA: %s writes beyond its %u bytes of shared memory\n", kernel.name, shared_bytes);
    return launch_failed;
  }
  if (ended) return cu_success;
  fprintf(stderr, "emulated CUDA: threads of %s wait for each other for ever\n", kernel.name);
  return launch_failed;
}

CUresult cuStreamCreate(CUstream* stream, unsigned) {
  ENTER();
  NEEDS_CONTEXT();
  *stream = static_cast<CUstream>(malloc(1));
  state().streams.insert(*stream);
  return cu_success;
}

CUresult cuStreamDestroy_v2(CUstream stream) {
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);
  const CUresult fault = state().faults.enter(__func__);
  NEEDS(state().streams.erase(stream) == 1, invalid_handle);
  free(stream);
  return fault;
}

CUresult cuStreamSynchronize(CUstream stream) {
  ENTER();
  NEEDS(state().streams.count(stream) == 1, invalid_handle);
  return cu_success;
}

CUresult cuEventCreate(CUevent* event, unsigned) {
  ENTER();
  NEEDS_CONTEXT();
  *event = new CUevent_st{};
  state().events.insert(*event);
  return cu_success;
}

CUresult cuEventDestroy_v2(CUevent event) {
  const std::lock_guard<std::recursive_mutex> turn(state().mutex);
  const CUresult fault = state().faults.enter(__func__);
  NEEDS(state().events.erase(event) == 1, invalid_handle);
  delete event;
  return fault;
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
  ENTER();
  NEEDS(state().events.count(event) == 1 && state().streams.count(stream) == 1, invalid_handle);
  event->time = std::chrono::steady_clock::now();
  return cu_success;
}

CUresult cuEventSynchronize(CUevent event) {
  ENTER();
  NEEDS(state().events.count(event) == 1, invalid_handle);
  return cu_success;
}

CUresult cuEventElapsedTime(float* milliseconds, CUevent begin, CUevent end) {
  ENTER();
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - begin->time).count();
  return cu_success;
}

}  // extern "C"
