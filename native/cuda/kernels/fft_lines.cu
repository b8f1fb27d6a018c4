// Transforms of the middle axis of [outer][n][inner] complex numbers, in place: a block has one tile of 2^lanes_log neighbouring lines.
// Dynamic shared memory: 98304 bytes.
#include "common/line_fft.cuh"

KERNEL(fft_lines, 256, 4)(
  real2* data, const real2* tables, const u32* orders, u32 inner, u32 tiles, u32 n, u32 m, u64 radices, u32 pitch, u32 lanes_log, u32 roots_at,
  u32 order_at, u32 chirp_at, u32 spectrum_at, u32 inverse
) {
  DYNAMIC_SHARED(memory);
  real2* const tile = reinterpret_cast<real2*>(memory);
  const auto fft = line_fft<false>(tables, orders, n, m, radices, pitch, lanes_log, roots_at, order_at, chirp_at, spectrum_at);
  const u32 lanes = 1u << lanes_log;
  const Place place = place_of(blockIdx.x, tiles);
  const u32 first = place.column << lanes_log, held = least(lanes, inner - first);
  real2* const own = data + place.row * n * inner + first;
  for (u32 id = threadIdx.x; id < m << lanes_log; id += blockDim.x) {
    const u32 j = id >> lanes_log, lane = id & (lanes - 1);
    real2 value = {0, 0};
    if (j < n && lane < held) {
      value = own[(u64)j * inner + lane];
      value = line_input(fft, j, inverse != 0 ? conj(value) : value);
    }
    tile[fft.slot(j) + lane] = value;
  }
  transform_lines(tile, fft);
  for (u32 id = threadIdx.x; id < n << lanes_log; id += blockDim.x) {
    const u32 k = id >> lanes_log, lane = id & (lanes - 1);
    if (lane >= held) continue;
    const real2 value = line_output(tile, fft, k, lane);
    own[(u64)k * inner + lane] = inverse != 0 ? conj(value) : value;
  }
}
