#pragma once
#include <memory>
#include <string>
#include <vector>

#include "driver.h"
#include "fft_api.h"

// The functions of cuFFT, found in its library.
class FftLibrary {
 public:
  // Throws NoLibrary where it is missing or lacks functions.
  static std::shared_ptr<FftLibrary> load(const std::string& path);

#define CUFFT_MEMBER(name, parameters) cufftResult(*name) parameters = nullptr;
  CUFFT_FUNCTIONS(CUFFT_MEMBER)
#undef CUFFT_MEMBER

  // Throws DriverError, as calls of the driver do.
  void check(cufftResult result, const char* call) const;
  // 11204 for 11.2.4.
  int version() const;
};

// Plans of one device, made and used where its context is current. They take no memory for their work: `execute` is given it.
class FftPlans {
 public:
  FftPlans(std::shared_ptr<FftLibrary> library, CUstream stream) : library(std::move(library)), stream(stream) {}
  ~FftPlans() { close(); }
  FftPlans(const FftPlans&) = delete;
  FftPlans& operator=(const FftPlans&) = delete;

  struct Plan {
    cufftHandle handle = 0;
    int type = 0;
    // What a transform reads, writes and works in.
    size_t from_bytes = 0, to_bytes = 0, work_bytes = 0;
    bool made = false;
  };

  // `batch` real transforms of `shape`, one behind the other; returns the number of the plan.
  size_t make(const std::vector<long long>& shape, long long batch, bool inverse, bool in_double);
  const Plan& plan(size_t number) const { return plans.at(number); }
  void execute(size_t number, CUdeviceptr from, CUdeviceptr to, CUdeviceptr work);
  void free(size_t number);
  // Frees all plans, whatever fails.
  void close();

  const std::shared_ptr<FftLibrary> library;

 private:
  const CUstream stream;
  std::vector<Plan> plans;
};
