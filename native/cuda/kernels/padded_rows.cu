// Columns 0 .. radius of the half transforms of rows of a map in the middle of a padded cube, n = padded_box / 2 pairs of values each: what
// fft_rows does where rows begin and end with zeros. The map is divided by sinc^2(r / padded_box) on request.
// Dynamic shared memory: 98304 bytes.
#include "common/line_fft.cuh"
#include "common/soft_edge.cuh"

__device__ inline real padded_value(const real* map, u64 row, u32 x, u32 box, u32 padded_box, u32 correct) {
  if (x >= box) return 0;
  const u64 at = row * box + x;
  if (correct == 0) return map[at];
  const real s = sinc(centre_distance(at, box, box) / (real)padded_box);
  return map[at] / (s * s);
}

KERNEL(padded_rows, 256, 4)(
  const real* map, real2* out, const real2* tables, const u32* orders, u64 rows, u32 box, u32 padded_box, u32 radius, u32 correct, u32 halves_at,
  u32 n, u32 m, u64 radices, u32 pitch, u32 lanes_log, u32 roots_at, u32 order_at, u32 chirp_at, u32 spectrum_at
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
        value.x = padded_value(map, first + row, 2 * j - margin, box, padded_box, correct);
        value.y = padded_value(map, first + row, 2 * j + 1 - margin, box, padded_box, correct);
        value = line_input(fft, j, value);
      }
      tile[fft.slot(j) + row] = value;
    }
  transform_lines(tile, fft);
  for (u32 row = warp; row < held; row += warps)
    for (u32 x = lane; x <= radius; x += 32) {
      real2 value = {0, 0};
      if (x <= n) {
        const real2 a = line_output(tile, fft, x == n ? 0 : x, row);
        const real2 b = conj(line_output(tile, fft, x == 0 ? 0 : n - x, row));
        value = real(0.5) * (a + b + turned_back(cmul(a - b, tables[halves_at + x])));
      }
      out[(first + row) * (radius + 1) + x] = value;
    }
}
