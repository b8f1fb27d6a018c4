#include "driver.h"

#include <dlfcn.h>

#include <cstdio>

DriverError::DriverError(std::string call, CUresult code, std::string name)
    : call(std::move(call)), code(code), name(std::move(name)), message(this->call + ": " + this->name) {}

std::shared_ptr<Driver> Driver::load(const std::string& path) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw NoDriver(dlerror());
  auto driver = std::make_shared<Driver>();
  const char* missing = nullptr;
#define CUDA_FIND(name, parameters)                                              \
  driver->name = reinterpret_cast<decltype(driver->name)>(dlsym(library, #name)); \
  if (driver->name == nullptr) missing = #name;
  CUDA_DRIVER_FUNCTIONS(CUDA_FIND)
#undef CUDA_FIND
#define CUDA_FIND_NEWER(name, parameters) driver->name = reinterpret_cast<decltype(driver->name)>(dlsym(library, #name));
  CUDA_NEWER_FUNCTIONS(CUDA_FIND_NEWER)
#undef CUDA_FIND_NEWER
  // The library stays loaded: a driver does not bear to be taken out of a process.
  if (missing != nullptr) throw NoDriver(path + " has no " + missing + ": the driver is too old");
  CHECKED(*driver, cuInit, 0);
  return driver;
}

void Driver::check(CUresult result, const char* call) const {
  if (result == cu_success) return;
  const char* name = nullptr;
  if (cuGetErrorName(result, &name) != cu_success || name == nullptr) name = "unknown error";
  throw DriverError(call, result, name);
}

int Driver::version() const {
  int version = 0;
  CHECKED(*this, cuDriverGetVersion, &version);
  return version;
}

std::vector<DeviceInfo> Driver::devices() const {
  int count = 0;
  CHECKED(*this, cuDeviceGetCount, &count);
  std::vector<DeviceInfo> found;
  for (int ordinal = 0; ordinal < count; ordinal++) found.push_back(device(ordinal));
  return found;
}

DeviceInfo Driver::device(int ordinal) const {
  CUdevice handle = 0;
  CHECKED(*this, cuDeviceGet, &handle, ordinal);
  DeviceInfo info{};
  info.ordinal = ordinal;
  char name[256] = "", bus[64] = "";
  CHECKED(*this, cuDeviceGetName, name, sizeof name - 1, handle);
  CHECKED(*this, cuDeviceGetPCIBusId, bus, sizeof bus - 1, handle);
  info.name = name;
  info.bus = bus;
  CUuuid uuid{};
  CHECKED(*this, cuDeviceGetUuid, &uuid, handle);
  info.uuid = "GPU-";
  for (int at = 0; at < 16; at++) {
    char digits[4];
    snprintf(digits, sizeof digits, "%s%02x", at == 4 || at == 6 || at == 8 || at == 10 ? "-" : "", uuid.bytes[at]);
    info.uuid += digits;
  }
  CHECKED(*this, cuDeviceTotalMem_v2, &info.total_bytes, handle);
  const auto attribute = [&](int number) {
    int value = 0;
    CHECKED(*this, cuDeviceGetAttribute, &value, number, handle);
    return value;
  };
  info.capability_major = attribute(cu_attribute_capability_major);
  info.capability_minor = attribute(cu_attribute_capability_minor);
  info.multiprocessors = attribute(cu_attribute_multiprocessors);
  info.shared_bytes = attribute(cu_attribute_shared_memory_optin);
  info.display = attribute(cu_attribute_exec_timeout) != 0;
  return info;
}
