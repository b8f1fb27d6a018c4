// cross_oj = sum_k Re conj(S_ok) shifted_jk for columns j = (i, t), a product of depth 2K, and from it
//   diff2_iot = energies_io - cross (squared difference less its constant), or
//   -cross / sqrt(energies_io norms_i) (`correlation`).
// A block makes 128 orientations x 128 columns, a thread 8 x 8, from tiles of 8 complex pixels in shared memory; the next tile is on its way
// while one is used. Rows of a tile are permuted (xor) so that neither stores nor loads meet in a bank.
#include "common/base.cuh"

constexpr u32 tile = 128;
constexpr u32 depth = 8;
constexpr u32 quads = tile / 4;

// Four rows of a matrix at one pixel: real parts and imaginary parts of a tile row.
struct Four {
  real2 v[4];
};

__device__ inline Four load_four(const real2* __restrict__ rows, const u64 (&at)[4], u32 k, u32 pixels) {
  Four four;
#pragma unroll
  for (u32 n = 0; n < 4; n++) four.v[n] = k < pixels ? rows[at[n] + k] : real2{0, 0};
  return four;
}

__device__ inline void multiply(real (&sums)[8][8], const real4* s, const real4* x, u32 row, u32 column, u32 turn) {
  const real4 a0 = s[row ^ turn], a1 = s[(row + 16) ^ turn];
  const real4 b0 = x[column ^ turn], b1 = x[(column + 16) ^ turn];
  const real a[8] = {a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w};
  const real b[8] = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
#pragma unroll
  for (u32 r = 0; r < 8; r++)
#pragma unroll
    for (u32 c = 0; c < 8; c++) sums[r][c] += a[r] * b[c];
}

KERNEL(diff2_gemm, 256)(
  const real2* __restrict__ slices, const real2* __restrict__ shifted, const real* __restrict__ energies, const real* __restrict__ norms,
  real* __restrict__ diff2, u64 columns, u32 orientations, u32 pixels, u32 translations, u32 tiles_j, u32 correlation
) {
  __shared__ real4 tile_s[depth][2][quads];
  __shared__ real4 tile_x[depth][2][quads];
  const u32 o0 = (blockIdx.x / tiles_j) * tile;
  const u64 j0 = (u64)(blockIdx.x % tiles_j) * tile;
  const u32 kk = threadIdx.x % depth;
  const u32 four = threadIdx.x / depth;
  const u32 row = threadIdx.x / 16;
  const u32 column = threadIdx.x % 16;
  // Rows beyond the end read the last one; their results are not stored.
  u64 s_at[4], x_at[4];
#pragma unroll
  for (u32 n = 0; n < 4; n++) {
    s_at[n] = (u64)least(o0 + 4 * four + n, orientations - 1) * pixels;
    x_at[n] = least(j0 + 4 * four + n, columns - 1) * pixels;
  }
  real sums[8][8] = {};
  Four s = load_four(slices, s_at, kk, pixels);
  Four x = load_four(shifted, x_at, kk, pixels);
  for (u32 k0 = 0; k0 < pixels; k0 += depth) {
    tile_s[kk][0][four ^ kk] = {s.v[0].x, s.v[1].x, s.v[2].x, s.v[3].x};
    tile_s[kk][1][four ^ kk] = {s.v[0].y, s.v[1].y, s.v[2].y, s.v[3].y};
    tile_x[kk][0][four ^ kk] = {x.v[0].x, x.v[1].x, x.v[2].x, x.v[3].x};
    tile_x[kk][1][four ^ kk] = {x.v[0].y, x.v[1].y, x.v[2].y, x.v[3].y};
    __syncthreads();
    s = load_four(slices, s_at, k0 + depth + kk, pixels);
    x = load_four(shifted, x_at, k0 + depth + kk, pixels);
#pragma unroll
    for (u32 turn = 0; turn < depth; turn++) {
      multiply(sums, tile_s[turn][0], tile_x[turn][0], row, column, turn);
      multiply(sums, tile_s[turn][1], tile_x[turn][1], row, column, turn);
    }
    __syncthreads();
  }
#pragma unroll
  for (u32 c = 0; c < 8; c++) {
    const u64 j = j0 + 4 * column + c % 4 + (c < 4 ? 0 : 64);
    if (j >= columns) continue;
    const Place image = place_of(j, translations);
    const real norm_i = correlation != 0 ? norms[image.row] : real(0);
#pragma unroll
    for (u32 r = 0; r < 8; r++) {
      const u32 o = o0 + 4 * row + r % 4 + (r < 4 ? 0 : 64);
      if (o >= orientations) continue;
      const real energy = energies[image.row * orientations + o];
      const real norm = energy * norm_i;
      const real value = correlation == 0 ? energy - sums[r][c] : norm > 0 ? -sums[r][c] / sqrt(norm) : real(0);
      diff2[(image.row * orientations + o) * translations + image.column] = value;
    }
  }
}
