// Sums of (1 - m) v and 1 - m of an image or map, in parts of `part` elements: partial [i][parts] (x: sum of values, y: of weights).
// Every part is summed in one order.
#include "common/soft_edge.cuh"
#include "common/sums.cuh"

constexpr u32 threads = 256;

KERNEL(mask_background, 256)(
  const real* values, real2* partials, u64 size, u32 box, u32 depth, u32 parts, u32 part, real radius, real width
) {
  const u64 i = blockIdx.x / parts;
  const u64 begin = (u64)(blockIdx.x % parts) * part;
  const u64 end = least(begin + part, size);
  real2 sum = {0, 0};
  for (u64 at = begin + threadIdx.x; at < end; at += threads) {
    const real weight = 1 - soft_edge(centre_distance(at, box, depth), radius, width);
    if (weight != 0) sum = sum + real2{weight * values[i * size + at], weight};
  }
  sum = block_sum<threads>(sum);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}
