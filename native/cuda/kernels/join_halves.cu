// Mean of both half sets inside r^2 <= limit, written to both.
#include "common/centred.cuh"

KERNEL(join_halves, 256)(real2* data1, real* weight1, real2* data2, real* weight2, u64 count, u32 radius, double limit) {
  const u64 id = thread_index();
  if (id >= count || (double)length2(centred_point(radius, id)) > limit) return;
  const real2 data = real(0.5) * (data1[id] + data2[id]);
  const real weight = real(0.5) * (weight1[id] + weight2[id]);
  data1[id] = data;
  data2[id] = data;
  weight1[id] = weight;
  weight2[id] = weight;
}
