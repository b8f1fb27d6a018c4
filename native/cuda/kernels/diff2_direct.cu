// diff2_ot of one particle: 1/2 sum_k w |C S_ok - X e(k, t)|^2 less its constant, as RELION works: a particle at a time, no sharing. One
// block an orientation; threads stride through the pixels, then a sum in one order.
#include "common/phases.cuh"
#include "common/pixels.cuh"
#include "common/sums.cuh"

constexpr u32 threads = 128;

KERNEL(diff2_direct, 128)(
  const real2* slices, const real2* images, const real* ctf, const real* weights, const real2* phases, const u32* xy, real* diff2, u32 particle,
  u32 orientations, u32 pixels, u32 translations, u32 size, u32 y_at
) {
  const u32 o = blockIdx.x;
  for (u32 t = 0; t < translations; t++) {
    real2 sum = {0, 0};
    for (u32 k = threadIdx.x; k < pixels; k += threads) {
      const u64 at = (u64)particle * pixels + k;
      const real2 x = cmul(images[at], phase_at(phases, y_at, size, t, pixel_x(xy[k]), pixel_y(xy[k])));
      const real2 d = ctf[at] * slices[(u64)o * pixels + k] - x;
      sum = sum + real(0.5) * weights[at] * real2{power(d), power(x)};
    }
    sum = block_sum<threads>(sum);
    if (threadIdx.x == 0) diff2[((u64)particle * orientations + o) * translations + t] = sum.x - sum.y;
  }
}
