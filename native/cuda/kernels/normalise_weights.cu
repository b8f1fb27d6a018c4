// Weights below their particle's threshold to 0, the others divided by its sum.
#include "common/segments.cuh"

KERNEL(normalise_weights, 256)(
  real* values, const u32* starts, const real* threshold, const real* sum_i, u64 count, u32 children, u32 particles
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const u32 i = particle_of(starts, (u32)(id / children), particles);
  const real value = values[id];
  values[id] = value < threshold[i] ? real(0) : value / sum_i[i];
}
