// sums_vk = sum over the samples of a view of w X e(k, t), for both images of its particle.
#include "common/phases.cuh"
#include "common/pixels.cuh"

struct alignas(8) Pair {
  u32 x, y;
};

KERNEL(view_sums, 256)(
  const real* values, const u32* first_sample, const u32* run_groups, const Pair* views, const real2* phases, const u32* xy, const real4* both,
  real4* sums, u64 count, u32 pixels, u32 rotations, u32 shifts, u32 translations, u32 size, u32 y_at
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const u32 children = rotations * shifts;
  const Place place = place_of(id, pixels);
  const u32 k = place.column;
  const Pair view = views[place.row];
  const u32 r = view.x % rotations;
  const u32 run = view.x / rotations;
  const i32 x = pixel_x(xy[k]);
  const i32 y = pixel_y(xy[k]);
  // The sum of w e is one number for both images.
  real2 phase = {0, 0};
  const u32 end = run_groups[run + 1];
  for (u32 g = run_groups[run]; g < end; g++) {
    const u32 t = first_sample[g] / children % translations * shifts;
    for (u32 s = 0; s < shifts; s++) {
      const real weight = values[(u64)g * children + r * shifts + s];
      if (weight != 0) phase = phase + weight * phase_at(phases, y_at, size, t + s, x, y);
    }
  }
  const real4 image = both[(u64)view.y * pixels + k];
  const real2 masked = cmul({image.x, image.y}, phase), whole = cmul({image.z, image.w}, phase);
  sums[id] = {masked.x, masked.y, whole.x, whole.y};
}
