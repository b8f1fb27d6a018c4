// partial_zs4 = sum w, sum w^2, count of w >= threshold_s, count over the elements of plane z and shell s with r^2 < limit. One block a
// plane, a thread for every 64th shell; in a row the shell's columns are an interval.
#include "common/centred.cuh"

KERNEL(shell_statistics, 64)(
  const real* weight, const real* threshold, real4* partials, i32 radius, u32 limit, u32 shells, u32 cut, double padding
) {
  const u32 plane = blockIdx.x;
  const i32 z = (i32)plane - radius;
  for (u32 shell = threadIdx.x; shell < shells; shell += 64) {
    real4 sum = {0, 0, 0, 0};
    const double inner = most(0.0, shell - (cut != 0 ? 0.0 : 0.5)) * padding;
    for (i32 y = -radius; y <= radius; y++) {
      const u32 across = (u32)(y * y + z * z);
      for (i32 x = (i32)most(0.0, sqrt(most(0.0, inner * inner - across)) - 2); x <= radius; x++) {
        const u32 r2 = (u32)(x * x) + across;
        if (r2 >= limit) break;
        const u32 s = cut != 0 ? padded_floor(r2, padding) : padded_shell(r2, padding);
        if (s > shell) break;
        if (s < shell) continue;
        const real w = weight[centred_index(radius, {x, y, z})];
        sum = sum + real4{w, w * w, w >= threshold[shell] ? real(1) : real(0), 1};
      }
    }
    partials[(u64)plane * shells + shell] = sum;
  }
}
