#pragma once
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "driver_api.h"

// A call of the driver that failed: which, its number and NVIDIA's name for it.
struct DriverError : std::exception {
  DriverError(std::string call, CUresult code, std::string name);
  const char* what() const noexcept override { return message.c_str(); }
  std::string call;
  CUresult code;
  std::string name;
  std::string message;
};

// The driver's library could not be used at all.
struct NoDriver : std::exception {
  explicit NoDriver(std::string message) : message(std::move(message)) {}
  const char* what() const noexcept override { return message.c_str(); }
  std::string message;
};

// Another library could not be used at all.
struct NoLibrary : NoDriver {
  using NoDriver::NoDriver;
};

struct DeviceInfo {
  int ordinal;
  std::string name, uuid, bus;
  size_t total_bytes;
  int capability_major, capability_minor, multiprocessors, shared_bytes;
  // Kernels may be cut short: a display hangs on the device.
  bool display;
};

// The functions of the CUDA driver, found in its library. One a library and process.
class Driver {
 public:
  // Throws NoDriver where the library is missing or too old, DriverError where it does not start.
  static std::shared_ptr<Driver> load(const std::string& path);

#define CUDA_MEMBER(name, parameters) CUresult(*name) parameters = nullptr;
  CUDA_DRIVER_FUNCTIONS(CUDA_MEMBER)
  // Null where the driver is older.
  CUDA_NEWER_FUNCTIONS(CUDA_MEMBER)
#undef CUDA_MEMBER

  void check(CUresult result, const char* call) const;
  // 13000 for CUDA 13.0.
  int version() const;
  std::vector<DeviceInfo> devices() const;
  DeviceInfo device(int ordinal) const;
};

// CHECKED(driver, cuEventRecord, event, stream): the call, throwing DriverError where it fails.
#define CHECKED(driver, function, ...) (driver).check((driver).function(__VA_ARGS__), #function)
