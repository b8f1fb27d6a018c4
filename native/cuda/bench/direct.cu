// The untiled coarse pass of one particle, a thread a sample: the sum of squares as it is written.
#include "../kernels/common/phases.cuh"
#include "../kernels/common/pixels.cuh"

KERNEL(direct, 256)(
  const real2* slices, const real2* images, const real* ctf, const real* weights, const real2* phases, const u32* xy, real* diff2, u32 orientations,
  u32 translations, u32 pixels, u32 size
) {
  const u32 id = (u32)thread_index();
  if (id >= orientations * translations) return;
  const u32 t = id % translations;
  const u32 o = id / translations;
  float sum = 0;
  for (u32 k = 0; k < pixels; k++) {
    const real2 x = cmul(images[k], phase_at(phases, translations * (size / 2 + 1), size, t, pixel_x(xy[k]), pixel_y(xy[k])));
    sum += weights[k] * power(ctf[k] * slices[(u64)o * pixels + k] - x);
  }
  diff2[id] = 0.5f * sum;
}
