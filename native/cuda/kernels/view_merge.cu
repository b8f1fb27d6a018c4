// Views added to rows of numerator_vk (the sums of their weighted images without mask) and of weight_vk (CTF^2 w x total_v), in order.
#include "common/base.cuh"

struct alignas(8) Pair {
  u32 x, y;
};

KERNEL(view_merge, 256)(
  const Pair* merged, const Pair* members, const real4* sums, const real* totals, const real* energies, real2* numerator, real* weight, u64 count,
  u32 pixels
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, pixels);
  const u32 k = place.column;
  const Pair own = merged[place.row];
  const u32 end = merged[place.row + 1].x;
  const u64 out = (u64)own.y * pixels + k;
  real2 image = numerator[out];
  real energy = weight[out];
  for (u32 at = own.x; at < end; at++) {
    const Pair member = members[at];
    const real4 sum = sums[(u64)member.x * pixels + k];
    image = image + real2{sum.z, sum.w};
    energy += energies[(u64)member.y * pixels + k] * totals[member.x];
  }
  numerator[out] = image;
  weight[out] = energy;
}
