// Half transforms of real rows, times `scale`: a block has 2^lanes_log rows. Rows of even width are transformed as n = width / 2 complex
// numbers Z of pairs of values, X_x = (Z_x + Z*_(n-x)) / 2 - i exp(-2 pi i x / width) (Z_x - Z*_(n-x)) / 2; odd ones as they are.
// Dynamic shared memory: 98304 bytes.
#include "common/line_fft.cuh"

KERNEL(fft_rows, 256, 4)(
  const real* values, real2* spectra, const real2* tables, const u32* orders, u64 rows, u32 width, u32 halves_at, u32 n, u32 m, u64 radices,
  u32 pitch, u32 lanes_log, u32 roots_at, u32 order_at, u32 chirp_at, u32 spectrum_at, real scale
) {
  DYNAMIC_SHARED(memory);
  real2* const tile = reinterpret_cast<real2*>(memory);
  const auto fft = line_fft<true>(tables, orders, n, m, radices, pitch, lanes_log, roots_at, order_at, chirp_at, spectrum_at);
  const u64 first = (u64)blockIdx.x << lanes_log;
  const u32 held = (u32)least<u64>(1u << lanes_log, rows - first);
  const real* const own = values + first * width;
  const bool even = width % 2 == 0;
  // A warp a row.
  const u32 warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (u32 row = warp; row < 1u << lanes_log; row += warps)
    for (u32 j = lane; j < m; j += 32) {
      real2 value = {0, 0};
      if (j < n && row < held) {
        if (even) value = reinterpret_cast<const real2*>(own)[row * n + j];
        else value.x = own[row * n + j];
        value = line_input(fft, j, value);
      }
      tile[fft.slot(j) + row] = value;
    }
  transform_lines(tile, fft);
  const u32 columns = width / 2 + 1;
  real2* const out = spectra + first * columns;
  for (u32 row = warp; row < held; row += warps)
    for (u32 x = lane; x < columns; x += 32) {
      real2& to = out[row * columns + x];
      if (!even) {
        to = scale * line_output(tile, fft, x, row);
        continue;
      }
      const real2 a = line_output(tile, fft, x == n ? 0 : x, row);
      const real2 b = conj(line_output(tile, fft, x == 0 ? 0 : n - x, row));
      const real2 d = cmul(a - b, tables[halves_at + x]);
      to = scale / 2 * (a + b + turned_back(d));
    }
}
