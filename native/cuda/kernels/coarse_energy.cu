// energies_io = sum_k |S_ok|^2 energy_ik: a product of 64 orientations x 64 particles a block, 4 x 4 a thread, 16 pixels at a time.
#include "common/base.cuh"

constexpr u32 tile = 64;
constexpr u32 depth = 16;

KERNEL(coarse_energy, 256)(
  const real2* slices, const real* energy, real* energies, u32 particles, u32 orientations, u32 pixels, u32 tiles_o
) {
  // Four more entries a row keep stores out of one bank and rows aligned.
  __shared__ __align__(16) real power_ko[depth][tile + 4];
  __shared__ __align__(16) real factor_ki[depth][tile + 4];
  const u32 o0 = (blockIdx.x % tiles_o) * tile;
  const u32 i0 = (blockIdx.x / tiles_o) * tile;
  const u32 kk = threadIdx.x % depth;
  const u32 sixteenth = threadIdx.x / depth;
  real sums[4][4] = {};
  for (u32 k0 = 0; k0 < pixels; k0 += depth) {
    const u32 k = k0 + kk;
    for (u32 row = sixteenth; row < tile; row += 16) {
      const u32 o = o0 + row, i = i0 + row;
      power_ko[kk][row] = o < orientations && k < pixels ? power(slices[(u64)o * pixels + k]) : real(0);
      factor_ki[kk][row] = i < particles && k < pixels ? energy[(u64)i * pixels + k] : real(0);
    }
    __syncthreads();
    for (u32 j = 0; j < depth; j++) {
      const real4 a = *(const real4*)&power_ko[j][4 * kk];
      const real4 b = *(const real4*)&factor_ki[j][4 * sixteenth];
      const real as[4] = {a.x, a.y, a.z, a.w};
      const real bs[4] = {b.x, b.y, b.z, b.w};
#pragma unroll
      for (u32 r = 0; r < 4; r++)
#pragma unroll
        for (u32 c = 0; c < 4; c++) sums[r][c] += bs[r] * as[c];
    }
    __syncthreads();
  }
#pragma unroll
  for (u32 r = 0; r < 4; r++)
#pragma unroll
    for (u32 c = 0; c < 4; c++) {
      const u32 i = i0 + 4 * sixteenth + r, o = o0 + 4 * kk + c;
      if (i < particles && o < orientations) energies[(u64)i * orientations + o] = sums[r][c];
    }
}
