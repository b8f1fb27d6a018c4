// Half transforms times `scale`: what cuFFT leaves to do.
#include "common/base.cuh"

KERNEL(fft_scale, 256)(real2* spectra, u64 count, real scale) {
  const u64 id = thread_index();
  if (id < count) spectra[id] = scale * spectra[id];
}
