// Real parts of complex rows (odd lengths).
#include "common/base.cuh"

KERNEL(fft_real_out, 256)(const real2* rows, real* values, u64 count) {
  const u64 at = thread_index();
  if (at < count) values[at] = rows[at].x;
}
