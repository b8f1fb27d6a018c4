// terms_cik += sum over the views of particle i and class c in this block of (Re F A*, total |F|^2), F = CTF x slice, A the sum of its masked
// images. Views of a particle are in the order of their classes. One block takes 32 pixels of a particle; its warps share the views and are added up
// in their order, so that a particle with thousands of views does not wait for one thread.
#include "common/base.cuh"

constexpr u32 lanes = 32;
constexpr u32 warps = 16;

KERNEL(noise_terms, 512)(
  const u32* starts, const real2* slices, const real4* sums, const real* totals, const real* ctf, const u32* orientation, real2* terms, u64 count,
  u32 pixels, u32 rows_a_class, u32 first_row, u32 all_rows
) {
  __shared__ real2 parts[warps][lanes];
  const u32 columns = (pixels + lanes - 1) / lanes;
  const u32 i = blockIdx.x / columns;
  const u32 lane = threadIdx.x % lanes, warp = threadIdx.x / lanes;
  const u32 k = blockIdx.x % columns * lanes + lane;
  const u32 begin = starts[i], end = starts[i + 1];
  if (begin >= end) return;
  const u64 id = (u64)i * pixels + k;
  const real factor = k < pixels ? ctf[id] : real(0);
  const u32 last = orientation[end - 1] / rows_a_class;
  u32 view = begin + warp;
  for (u32 slot = orientation[begin] / rows_a_class; slot <= last; slot++) {
    real2 sum = {0, 0};
    for (; view < end && orientation[view] / rows_a_class == slot; view += warps) {
      if (k >= pixels) continue;
      const u64 slice = all_rows != 0 ? orientation[view] - first_row : view;
      const real2 model = factor * slices[slice * pixels + k];
      const real4 image = sums[(u64)view * pixels + k];
      sum = sum + real2{dot(model, {image.x, image.y}), totals[view] * power(model)};
    }
    parts[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && k < pixels) {
      for (u32 other = 1; other < warps; other++) sum = sum + parts[other][lane];
      terms[slot * count + id] = terms[slot * count + id] + sum;
    }
    __syncthreads();
  }
}
