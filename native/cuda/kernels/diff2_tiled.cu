// diff2_iot = 1/2 sum_k |energy_ik S_ok - shifted_jk|^2 - constant_i, columns j = (i, t): formula 5.2 of Zhang et al. 2018. A tile of 32
// orientations x 32 columns shares its loads; the sum over pixels goes in parts of 16 that lie in shared memory.
#include "common/base.cuh"

constexpr u32 tile = 32;
constexpr u32 depth = 16;

KERNEL(diff2_tiled, 256)(
  const real2* slices, const real2* shifted, const real* energy, const real* constants, real* diff2, u64 columns, u32 orientations, u32 pixels,
  u32 translations, u32 tiles_j
) {
  // One more column than the tile keeps rows in different banks.
  __shared__ real2 tile_s[depth][tile + 1];
  __shared__ real2 tile_x[depth][tile + 1];
  __shared__ real tile_c[depth][tile + 1];
  const u32 o0 = (blockIdx.x / tiles_j) * tile;
  const u64 j0 = (u64)(blockIdx.x % tiles_j) * tile;
  const u32 row = threadIdx.x / 16;
  const u32 column = threadIdx.x % 16;
  real sums[2][2] = {};
  for (u32 k0 = 0; k0 < pixels; k0 += depth) {
    for (u32 entry = threadIdx.x; entry < tile * depth; entry += 256) {
      const u32 kk = entry % depth, line = entry / depth;
      const u32 k = k0 + kk;
      const u32 o = o0 + line;
      const u64 j = j0 + line;
      const bool in_s = k < pixels && o < orientations, in_x = k < pixels && j < columns;
      tile_s[kk][line] = in_s ? slices[(u64)o * pixels + k] : real2{0, 0};
      tile_x[kk][line] = in_x ? shifted[j * pixels + k] : real2{0, 0};
      tile_c[kk][line] = in_x ? energy[j / translations * pixels + k] : real(0);
    }
    __syncthreads();
    for (u32 k = 0; k < depth; k++)
#pragma unroll
      for (u32 r = 0; r < 2; r++)
#pragma unroll
        for (u32 c = 0; c < 2; c++)
          sums[r][c] += power(tile_c[k][column + 16 * c] * tile_s[k][row + 16 * r] - tile_x[k][column + 16 * c]);
    __syncthreads();
  }
  for (u32 r = 0; r < 2; r++)
    for (u32 c = 0; c < 2; c++) {
      const u32 o = o0 + row + 16 * r;
      const u64 j = j0 + column + 16 * c;
      if (o >= orientations || j >= columns) continue;
      const Place image = place_of(j, translations);
      diff2[(image.row * orientations + o) * translations + image.column] = real(0.5) * sums[r][c] - constants[image.row];
    }
}
