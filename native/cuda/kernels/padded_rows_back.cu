// The middle of real rows of padded_box values, times `scale`, from columns 0 .. radius of their half transforms; the others are zero. What
// fft_rows_back does where that is all that counts.
// Dynamic shared memory: 98304 bytes.
#include "common/line_fft.cuh"

KERNEL(padded_rows_back, 256, 4)(
  const real2* columns, real* map, const real2* tables, const u32* orders, u64 rows, u32 box, u32 padded_box, u32 radius, real scale,
  u32 halves_at, u32 n, u32 m, u64 radices, u32 pitch, u32 lanes_log, u32 roots_at, u32 order_at, u32 chirp_at, u32 spectrum_at
) {
  DYNAMIC_SHARED(memory);
  real2* const tile = reinterpret_cast<real2*>(memory);
  const auto fft = line_fft<true>(tables, orders, n, m, radices, pitch, lanes_log, roots_at, order_at, chirp_at, spectrum_at);
  const u64 first = (u64)blockIdx.x << lanes_log;
  const u32 held = (u32)least<u64>(1u << lanes_log, rows - first);
  const u32 margin = padded_box / 2 - box / 2;
  const u32 warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (u32 row = warp; row < 1u << lanes_log; row += warps)
    for (u32 j = lane; j < m; j += 32) {
      real2 value = {0, 0};
      if (j < n && row < held) {
        const real2* const line = columns + (first + row) * (radius + 1);
        real2 a = {0, 0}, b = {0, 0};
        if (j <= radius) a = line[j];
        if (n - j <= radius) b = conj(line[n - j]);
        if (j == 0) a.y = b.y = 0;
        value = a + b - turned_back(cmul(a - b, conj(tables[halves_at + j])));
        value = line_input(fft, j, conj(value));
      }
      tile[fft.slot(j) + row] = value;
    }
  transform_lines(tile, fft);
  for (u32 row = warp; row < held; row += warps)
    for (u32 x = lane; x < box; x += 32) {
      const real2 pair = line_output(tile, fft, (x + margin) / 2, row);
      map[(first + row) * box + x] = scale * ((x + margin) % 2 == 0 ? pair.x : -pair.y);
    }
}
