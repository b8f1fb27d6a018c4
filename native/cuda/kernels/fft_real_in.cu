// Real rows as complex rows of the same length (odd lengths).
#include "common/base.cuh"

KERNEL(fft_real_in, 256)(const real* values, real2* rows, u64 count) {
  const u64 at = thread_index();
  if (at < count) rows[at] = {values[at], 0};
}
