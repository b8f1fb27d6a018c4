#include "kernels.h"

namespace emulated {

extern const KernelEntry kernels_float[], kernels_double[];
extern const size_t kernels_float_count, kernels_double_count;

const KernelEntry* find_kernel(const char* name) {
  for (size_t at = 0; at < kernels_float_count; at++)
    if (strcmp(kernels_float[at].name, name) == 0) return &kernels_float[at];
  for (size_t at = 0; at < kernels_double_count; at++)
    if (strcmp(kernels_double[at].name, name) == 0) return &kernels_double[at];
  return nullptr;
}

}  // namespace emulated
