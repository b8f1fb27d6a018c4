#pragma once
#include <cstddef>
#include <cstring>
#include <tuple>

namespace emulated {

// A kernel of the tables that scripts/build-cuda.mjs writes.
struct KernelEntry {
  const char* name;
  void (*run)(const char* parameters);
  // Its threads wait for each other.
  bool cooperative;
};
// The kernel with a symbol's name, or null.
const KernelEntry* find_kernel(const char* name);

// Parameters lie one behind the other, each at a multiple of its size.
template <class T>
T take(const char* parameters, size_t& at) {
  at = (at + alignof(T) - 1) / alignof(T) * alignof(T);
  T value;
  memcpy(&value, parameters + at, sizeof value);
  at += sizeof value;
  return value;
}

template <auto kernel>
struct Call;
template <class... Parameters, void (*kernel)(Parameters...)>
struct Call<kernel> {
  static void run(const char* parameters) {
    size_t at = 0;
    // Braces take them in order.
    const std::tuple<Parameters...> values{take<Parameters>(parameters, at)...};
    std::apply(kernel, values);
  }
};

}  // namespace emulated
