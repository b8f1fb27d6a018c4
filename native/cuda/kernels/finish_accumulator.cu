// Numbers of an accumulator, with the Friedel mates of the plane x = 0 added to each other.
#include "common/centred.cuh"

__device__ inline real3 element(const i64* sums, double unit) {
  return {(real)(unit * (double)sums[0]), (real)(unit * (double)sums[1]), (real)(unit * (double)sums[2])};
}

KERNEL(finish_accumulator, 256)(const i64* accumulator, real2* data, real* weight, u64 count, u32 radius, u64 first, double unit) {
  const u64 id = thread_index();
  if (id >= count) return;
  const point q = centred_point(radius, id);
  real3 value = element(accumulator + 3 * (first + id), unit);
  if (q.x == 0 && (q.y != 0 || q.z != 0)) {
    const real3 mate = element(accumulator + 3 * (first + centred_index((i32)radius, {0, -q.y, -q.z})), unit);
    value = value + real3{mate.x, -mate.y, mate.z};
  }
  data[id] = {value.x, value.y};
  weight[id] = value.z;
}
