// The reverse of fft_rows, not scaled: Z_x = X_x + X*_(n-x) + i exp(2 pi i x / width) (X_x - X*_(n-x)) where the width is even, n = width / 2.
// Imaginary parts of columns 0 and width / 2 do not count.
// Dynamic shared memory: 98304 bytes.
#include "common/line_fft.cuh"

KERNEL(fft_rows_back, 256, 4)(
  const real2* spectra, real* values, const real2* tables, const u32* orders, u64 rows, u32 width, u32 halves_at, u32 n, u32 m, u64 radices,
  u32 pitch, u32 lanes_log, u32 roots_at, u32 order_at, u32 chirp_at, u32 spectrum_at
) {
  DYNAMIC_SHARED(memory);
  real2* const tile = reinterpret_cast<real2*>(memory);
  const auto fft = line_fft<true>(tables, orders, n, m, radices, pitch, lanes_log, roots_at, order_at, chirp_at, spectrum_at);
  const u64 first = (u64)blockIdx.x << lanes_log;
  const u32 held = (u32)least<u64>(1u << lanes_log, rows - first);
  const u32 columns = width / 2 + 1;
  const real2* const own = spectra + first * columns;
  const bool even = width % 2 == 0;
  // A warp a row.
  const u32 warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (u32 row = warp; row < 1u << lanes_log; row += warps)
    for (u32 j = lane; j < m; j += 32) {
      real2 value = {0, 0};
      if (j < n && row < held) {
        const real2* const line = own + row * columns;
        if (even) {
          real2 a = line[j], b = conj(line[n - j]);
          if (j == 0) a.y = b.y = 0;
          value = a + b - turned_back(cmul(a - b, conj(tables[halves_at + j])));
        } else {
          value = j < columns ? line[j] : conj(line[n - j]);
          if (j == 0) value.y = 0;
        }
        value = line_input(fft, j, conj(value));
      }
      tile[fft.slot(j) + row] = value;
    }
  transform_lines(tile, fft);
  real* const out = values + first * width;
  for (u32 row = warp; row < held; row += warps)
    for (u32 k = lane; k < n; k += 32) {
      const real2 value = line_output(tile, fft, k, row);
      if (even) reinterpret_cast<real2*>(out)[row * n + k] = conj(value);
      else out[row * n + k] = value.x;
    }
}
