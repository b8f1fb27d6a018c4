// power_is = sum over shell s of |F|^2; one block an image and shell. Threads take rows of the half transform in a fixed order; in a row
// the shell's columns are an interval.
#include "common/pixels.cuh"
#include "common/sums.cuh"

constexpr u32 threads = 64;

KERNEL(shell_power, 64)(const real2* spectra, real* powers, u32 box, u32 shells, u32 once) {
  const u64 i = blockIdx.x / shells;
  const u32 shell = blockIdx.x % shells;
  const u32 columns = box / 2 + 1;
  real sum = 0;
  for (u32 row = threadIdx.x; row < box; row += threads) {
    const i32 y = frequency(row, box);
    const u32 y2 = (u32)(y * y);
    const real inner = most(real(0), (real)(shell * shell) - (real)shell - (real)y2);
    for (u32 x = (u32)most(real(0), sqrt(inner) - 1); x < columns; x++) {
      const u32 s = shell_of(x * x + y2);
      if (s > shell) break;
      if (s == shell && !(once != 0 && x == 0 && y < 0)) sum += power(spectra[(i * box + row) * columns + x]);
    }
  }
  sum = block_sum<threads>(sum);
  if (threadIdx.x == 0) powers[blockIdx.x] = sum;
}
