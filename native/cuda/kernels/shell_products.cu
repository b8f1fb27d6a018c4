// partial_zs4 = sum of Re a b*, |a|^2, |b|^2, count over the elements of plane z and shell s. Half transforms of a cube or square (`radius` 0,
// side n) or centred half arrays inside r^2 <= limit. One block a plane, a thread for every 64th shell; in a row the shell's columns are an
// interval.
#include "common/centred.cuh"
#include "common/pixels.cuh"

KERNEL(shell_products, 64)(
  const real2* a, const real2* b, real4* partials, u32 n, u32 planes, u32 radius, double limit, u32 shells, u64 first, double padding
) {
  const u32 plane = blockIdx.x;
  const bool centred = radius > 0;
  const u32 side = centred ? 2 * radius + 1 : n;
  const u32 columns = centred ? radius + 1 : n / 2 + 1;
  const i32 z = centred ? (i32)plane - (i32)radius : planes > 1 ? frequency(plane, n) : 0;
  for (u32 shell = threadIdx.x; shell < shells; shell += 64) {
    real4 sum = {0, 0, 0, 0};
    const double inner = most(0.0, shell - 0.5) * padding;
    for (u32 row = 0; row < side; row++) {
      const i32 y = centred ? (i32)row - (i32)radius : frequency(row, n);
      const u32 across = (u32)(y * y + z * z);
      for (u32 x = (u32)most(0.0, sqrt(most(0.0, inner * inner - across)) - 2); x < columns; x++) {
        const u32 r2 = x * x + across;
        const u32 s = padded_shell(r2, padding);
        if (s > shell || (centred && r2 > limit)) break;
        if (s < shell) continue;
        const u64 at = first + ((u64)plane * side + row) * columns + x;
        sum = sum + real4{dot(a[at], b[at]), power(a[at]), power(b[at]), 1};
      }
    }
    partials[(u64)plane * shells + shell] = sum;
  }
}
