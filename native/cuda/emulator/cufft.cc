// cuFFT without a device: the functions that the addon uses, over the memory of the emulated driver. Transforms are computed in float64 by
// splitting off prime factors (Cooley & Tukey 1965). What the real library leaves open comes out wrong on purpose: transforms to real values
// destroy their input and add what is not Hermitian in it; work areas are filled with NaNs.
//   CRYOTILE_EMULATOR_FAIL     see faults.h; numbers are those of cuFFT
#include <dlfcn.h>

#include <cmath>
#include <complex>
#include <limits>
#include <map>
#include <vector>

#include "fft_api.h"
#include "libraries.h"

namespace {

using Complex = std::complex<double>;

constexpr cufftResult invalid_plan = 1, invalid_type = 3, invalid_value = 4, internal_error = 5, setup_failed = 7;
constexpr CUresult first_lasting = 700;

struct Plan {
  std::vector<size_t> shape;
  size_t batch = 0, work_bytes = 0;
  int type = 0;
  bool automatic = true;
  CUstream stream = nullptr;
  char* work = nullptr;
};

std::map<cufftHandle, Plan> plans;
cufftHandle latest = 0;

// A function of the emulated driver, which is loaded already; null without it.
template <class Function>
Function* shared(const char* name) {
  void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  return driver == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(driver, name));
}

cufftResult enter(const char* function) {
  auto* const count = shared<decltype(emulated_enter)>("emulated_enter");
  if (count == nullptr) return cufft_success;
  const CUresult fault = count(function);
  return fault >= first_lasting ? internal_error : fault;
}

bool ready(CUstream stream) {
  auto* const ask = shared<decltype(emulated_ready)>("emulated_ready");
  return ask != nullptr && ask(stream) != 0;
}

bool inside(const void* at, size_t bytes) {
  auto* const ask = shared<decltype(emulated_inside)>("emulated_inside");
  return ask != nullptr && ask(at, bytes) != 0;
}

void hold(int more) {
  if (auto* const tell = shared<decltype(emulated_hold)>("emulated_hold")) tell(more);
}

// Transforms of one length, of either sign.
class Line {
 public:
  Line(size_t n, int sign) : n(n) {
    for (size_t j = 0; j < n; j++) roots.push_back(std::polar(1.0, sign * 2 * M_PI * static_cast<double>(j) / static_cast<double>(n)));
  }

  void run(std::vector<Complex>& values) const { values = transformed(values.data(), n, 1); }

 private:
  std::vector<Complex> transformed(const Complex* from, size_t length, size_t stride) const {
    if (length == 1) return {*from};
    size_t prime = 2;
    while (length % prime != 0) prime++;
    const size_t part = length / prime, step = n / length;
    std::vector<std::vector<Complex>> parts;
    for (size_t p = 0; p < prime; p++) parts.push_back(transformed(from + p * stride, part, stride * prime));
    std::vector<Complex> out(length);
    for (size_t k = 0; k < length; k++)
      for (size_t p = 0; p < prime; p++) out[k] += roots[p * k % length * step] * parts[p][k % part];
    return out;
  }

  size_t n;
  std::vector<Complex> roots;
};

// Lines of every axis but the last of [batch][shape ..][columns].
template <class Real>
void outer_axes(const Plan& plan, std::complex<Real>* spectra, size_t columns, size_t total, int sign) {
  size_t inner = columns;
  for (size_t axis = plan.shape.size() - 1; axis-- > 0;) {
    const size_t n = plan.shape[axis];
    const Line line(n, sign);
    std::vector<Complex> values(n);
    for (size_t outer = 0; outer < total / (n * inner); outer++)
      for (size_t x = 0; x < inner; x++) {
        std::complex<Real>* const at = spectra + outer * n * inner + x;
        for (size_t j = 0; j < n; j++) values[j] = at[j * inner];
        line.run(values);
        for (size_t j = 0; j < n; j++) at[j * inner] = std::complex<Real>(values[j]);
      }
    inner *= n;
  }
}

size_t rows_of(const Plan& plan) {
  size_t rows = plan.batch;
  for (size_t axis = 0; axis + 1 < plan.shape.size(); axis++) rows *= plan.shape[axis];
  return rows;
}

template <class Real>
void forward(const Plan& plan, const Real* values, std::complex<Real>* spectra) {
  const size_t n = plan.shape.back(), columns = n / 2 + 1, rows = rows_of(plan);
  const Line line(n, -1);
  std::vector<Complex> row(n);
  for (size_t r = 0; r < rows; r++) {
    for (size_t x = 0; x < n; x++) row[x] = values[r * n + x];
    line.run(row);
    for (size_t x = 0; x < columns; x++) spectra[r * columns + x] = std::complex<Real>(row[x]);
  }
  outer_axes(plan, spectra, columns, rows * columns, -1);
}

template <class Real>
void inverse(const Plan& plan, std::complex<Real>* spectra, Real* values) {
  const size_t n = plan.shape.back(), columns = n / 2 + 1, rows = rows_of(plan);
  outer_axes(plan, spectra, columns, rows * columns, 1);
  const Line line(n, 1);
  std::vector<Complex> row(n);
  for (size_t r = 0; r < rows; r++) {
    for (size_t x = 0; x < n; x++) row[x] = x < columns ? Complex(spectra[r * columns + x]) : std::conj(Complex(spectra[r * columns + n - x]));
    line.run(row);
    for (size_t x = 0; x < n; x++) values[r * n + x] = static_cast<Real>(row[x].real() + row[x].imag());
  }
  for (size_t at = 0; at < rows * columns; at++) spectra[at] = std::numeric_limits<Real>::quiet_NaN();
}

template <class Real>
cufftResult execute(const char* call, cufftHandle handle, int type, void* from, void* to) {
  if (const cufftResult fault = enter(call)) return fault;
  const auto found = plans.find(handle);
  if (found == plans.end()) return invalid_plan;
  const Plan& plan = found->second;
  if (plan.type != type) return invalid_type;
  if (!ready(plan.stream) || plan.stream == nullptr) return setup_failed;
  const size_t n = plan.shape.back();
  const size_t real_bytes = rows_of(plan) * n * sizeof(Real), half_bytes = rows_of(plan) * (n / 2 + 1) * 2 * sizeof(Real);
  const bool back = type == cufft_c2r || type == cufft_z2d;
  if (!inside(from, back ? half_bytes : real_bytes) || !inside(to, back ? real_bytes : half_bytes)) return invalid_value;
  if (plan.work_bytes > 0 && !inside(plan.work, plan.work_bytes)) return invalid_value;
  for (size_t at = 0; at < plan.work_bytes; at++) plan.work[at] = static_cast<char>(0xff);
  if (back) inverse(plan, static_cast<std::complex<Real>*>(from), static_cast<Real*>(to));
  else forward(plan, static_cast<const Real*>(from), static_cast<std::complex<Real>*>(to));
  return cufft_success;
}

}  // namespace

#define ENTER() \
  if (const cufftResult fault = enter(__func__)) return fault
#define NEEDS(condition, code) \
  if (!(condition)) return code

extern "C" {

cufftResult cufftGetVersion(int* version) {
  ENTER();
  *version = 12004;
  return cufft_success;
}

cufftResult cufftCreate(cufftHandle* plan) {
  ENTER();
  NEEDS(ready(nullptr), setup_failed);
  *plan = ++latest;
  plans[latest] = Plan{};
  hold(1);
  return cufft_success;
}

cufftResult cufftDestroy(cufftHandle plan) {
  const cufftResult fault = enter(__func__);
  NEEDS(plans.erase(plan) == 1, invalid_plan);
  hold(-1);
  return fault;
}

cufftResult cufftSetAutoAllocation(cufftHandle plan, int automatic) {
  ENTER();
  plans.at(plan).automatic = automatic != 0;
  return cufft_success;
}

cufftResult cufftMakePlanMany64(cufftHandle handle, int rank, long long* shape, long long* in_embed, long long, long long, long long* out_embed,
                                long long, long long, int type, long long batch, size_t* work_bytes) {
  ENTER();
  NEEDS(ready(nullptr), setup_failed);
  Plan& plan = plans.at(handle);
  // Work areas must be the caller's.
  NEEDS(!plan.automatic && rank >= 1 && rank <= 3 && batch >= 1 && in_embed == nullptr && out_embed == nullptr, invalid_value);
  plan.shape.assign(shape, shape + rank);
  plan.batch = static_cast<size_t>(batch);
  plan.type = type;
  // None for small transforms, more for one direction than for the other.
  const size_t rows = rows_of(plan) * plan.shape.back();
  plan.work_bytes = rows < 64 ? 0 : rows * 3 + (type == cufft_c2r || type == cufft_z2d ? 1000 : 7);
  *work_bytes = plan.work_bytes;
  return cufft_success;
}

cufftResult cufftSetStream(cufftHandle plan, CUstream stream) {
  ENTER();
  NEEDS(ready(stream), invalid_value);
  plans.at(plan).stream = stream;
  return cufft_success;
}

cufftResult cufftSetWorkArea(cufftHandle plan, void* area) {
  ENTER();
  plans.at(plan).work = static_cast<char*>(area);
  return cufft_success;
}

cufftResult cufftExecR2C(cufftHandle plan, void* values, void* spectra) { return execute<float>(__func__, plan, cufft_r2c, values, spectra); }
cufftResult cufftExecC2R(cufftHandle plan, void* spectra, void* values) { return execute<float>(__func__, plan, cufft_c2r, spectra, values); }
cufftResult cufftExecD2Z(cufftHandle plan, void* values, void* spectra) { return execute<double>(__func__, plan, cufft_d2z, values, spectra); }
cufftResult cufftExecZ2D(cufftHandle plan, void* spectra, void* values) { return execute<double>(__func__, plan, cufft_z2d, spectra, values); }

}  // extern "C"
