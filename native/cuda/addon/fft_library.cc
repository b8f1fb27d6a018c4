#include "fft_library.h"

#include <dlfcn.h>

std::shared_ptr<FftLibrary> FftLibrary::load(const std::string& path) {
  void* const opened = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) throw NoLibrary(dlerror());
  auto library = std::make_shared<FftLibrary>();
  const char* missing = nullptr;
#define CUFFT_FIND(name, parameters)                                             \
  library->name = reinterpret_cast<decltype(library->name)>(dlsym(opened, #name)); \
  if (library->name == nullptr) missing = #name;
  CUFFT_FUNCTIONS(CUFFT_FIND)
#undef CUFFT_FIND
  // The library stays loaded, as the driver does.
  if (missing != nullptr) throw NoLibrary(path + " has no " + missing);
  return library;
}

void FftLibrary::check(cufftResult result, const char* call) const {
  static const char* const names[] = {
      "CUFFT_SUCCESS",          "CUFFT_INVALID_PLAN",  "CUFFT_ALLOC_FAILED",       "CUFFT_INVALID_TYPE",    "CUFFT_INVALID_VALUE",
      "CUFFT_INTERNAL_ERROR",   "CUFFT_EXEC_FAILED",   "CUFFT_SETUP_FAILED",       "CUFFT_INVALID_SIZE",    "CUFFT_UNALIGNED_DATA",
      "CUFFT_INCOMPLETE_LIST",  "CUFFT_INVALID_DEVICE", "CUFFT_PARSE_ERROR",       "CUFFT_NO_WORKSPACE",    "CUFFT_NOT_IMPLEMENTED",
      "CUFFT_LICENSE_ERROR",    "CUFFT_NOT_SUPPORTED", "CUFFT_MISSING_DEPENDENCY",
  };
  if (result == cufft_success) return;
  const bool known = result > 0 && static_cast<size_t>(result) < sizeof names / sizeof *names;
  throw DriverError(call, result, known ? names[result] : "CUFFT_ERROR_" + std::to_string(result));
}

int FftLibrary::version() const {
  int version = 0;
  CHECKED(*this, cufftGetVersion, &version);
  return version;
}

size_t FftPlans::make(const std::vector<long long>& shape, long long batch, bool inverse, bool in_double) {
  Plan made;
  CHECKED(*library, cufftCreate, &made.handle);
  made.made = true;
  try {
    made.type = inverse ? (in_double ? cufft_z2d : cufft_c2r) : (in_double ? cufft_d2z : cufft_r2c);
    CHECKED(*library, cufftSetAutoAllocation, made.handle, 0);
    auto lengths = shape;
    CHECKED(*library, cufftMakePlanMany64, made.handle, static_cast<int>(lengths.size()), lengths.data(), nullptr, 1, 0, nullptr, 1, 0,
            made.type, batch, &made.work_bytes);
    CHECKED(*library, cufftSetStream, made.handle, stream);
  } catch (...) {
    library->cufftDestroy(made.handle);
    throw;
  }
  size_t rows = static_cast<size_t>(batch);
  for (size_t axis = 0; axis + 1 < shape.size(); axis++) rows *= static_cast<size_t>(shape[axis]);
  const size_t width = static_cast<size_t>(shape.back()), number = in_double ? sizeof(double) : sizeof(float);
  made.from_bytes = rows * width * number;
  made.to_bytes = rows * (width / 2 + 1) * 2 * number;
  if (inverse) std::swap(made.from_bytes, made.to_bytes);
  size_t at = 0;
  while (at < plans.size() && plans[at].made) at++;
  if (at == plans.size()) plans.emplace_back();
  plans[at] = made;
  return at;
}

void FftPlans::execute(size_t number, CUdeviceptr from, CUdeviceptr to, CUdeviceptr work) {
  const Plan& own = plans.at(number);
  const auto pointer = [](CUdeviceptr at) { return reinterpret_cast<void*>(at); };
  if (own.work_bytes > 0) CHECKED(*library, cufftSetWorkArea, own.handle, pointer(work));
  switch (own.type) {
    case cufft_r2c: CHECKED(*library, cufftExecR2C, own.handle, pointer(from), pointer(to)); break;
    case cufft_c2r: CHECKED(*library, cufftExecC2R, own.handle, pointer(from), pointer(to)); break;
    case cufft_d2z: CHECKED(*library, cufftExecD2Z, own.handle, pointer(from), pointer(to)); break;
    default: CHECKED(*library, cufftExecZ2D, own.handle, pointer(from), pointer(to));
  }
}

void FftPlans::free(size_t number) {
  Plan& own = plans.at(number);
  if (!own.made) return;
  own.made = false;
  CHECKED(*library, cufftDestroy, own.handle);
}

void FftPlans::close() {
  for (Plan& own : plans)
    if (own.made) library->cufftDestroy(own.handle);
  plans.clear();
}
