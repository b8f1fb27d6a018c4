// Transforms of the middle axis of [outer][.][inner], n long, where not all of it is at hand or wanted: from [outer][from_count][inner] to
// [outer][to_count][inner]. What is at hand or wanted are the frequencies -radius .. radius (one side), and the `box` elements from `margin`
// on (the other side); `inverse` goes from frequencies. Of alias frequencies the one in -n / 2 + 1 .. n / 2 counts.
// Of the last axis of a centred half array (`centred` 1, where inner is [2 radius + 1][radius + 1]), elements get the sign (-1)^(x + y + z):
// those with least <= r^2 <= limit, times `scale`, others are 0; going back they are multiplied by `estimate`.
// Dynamic shared memory: 98304 bytes.
#include "common/centred.cuh"
#include "common/line_fft.cuh"
#include "common/pixels.cuh"

KERNEL(padded_lines, 256, 4)(
  const real2* from, real2* to, const real* estimate, const real2* tables, const u32* orders, u64 to_at, u32 inner, u32 tiles, u32 box,
  u32 margin, u32 radius, u32 inverse, u32 centred, double least_r2, u32 limit, real scale, u32 n, u32 m, u64 radices, u32 pitch,
  u32 lanes_log, u32 roots_at, u32 order_at, u32 chirp_at, u32 spectrum_at
) {
  DYNAMIC_SHARED(memory);
  real2* const tile = reinterpret_cast<real2*>(memory);
  const auto fft = line_fft<false>(tables, orders, n, m, radices, pitch, lanes_log, roots_at, order_at, chirp_at, spectrum_at);
  const u32 lanes = 1u << lanes_log, side = 2 * radius + 1;
  const u32 from_count = inverse != 0 ? side : box, to_count = inverse != 0 ? box : side;
  const Place place = place_of(blockIdx.x, tiles);
  const u32 first = place.column << lanes_log, held = least(lanes, inner - first);
  const auto point_at = [&](u32 column, i32 frequency) {
    return point{(i32)(column % (radius + 1)), (i32)(column / (radius + 1)) - (i32)radius, frequency};
  };
  const auto sign_of = [](point q) { return ((q.x + q.y + q.z) & 1) != 0 ? real(-1) : real(1); };
  from += place.row * from_count * inner + first;
  for (u32 id = threadIdx.x; id < m << lanes_log; id += blockDim.x) {
    const u32 p = id >> lanes_log, lane = id & (lanes - 1);
    const u32 j = inverse != 0 ? (u32)(frequency(p, n) + (i32)radius) : p - margin;
    real2 value = {0, 0};
    if (p < n && j < from_count && lane < held) {
      const u64 at = (u64)j * inner + lane;
      value = from[at];
      if (inverse != 0) {
        value = conj(value);
        if (centred != 0) {
          const point q = point_at(first + lane, frequency(p, n));
          // Of the other axes too.
          const bool counts = 2 * (u32)q.x <= n && 2 * q.y <= (i32)n && 2 * q.y > -(i32)n && length2(q) <= limit;
          value = counts ? sign_of(q) * estimate[first + at] * value : real2{0, 0};
        }
      }
      value = line_input(fft, p, value);
    }
    tile[fft.slot(p) + lane] = value;
  }
  transform_lines(tile, fft);
  to += to_at + place.row * to_count * inner + first;
  for (u32 id = threadIdx.x; id < to_count << lanes_log; id += blockDim.x) {
    const u32 j = id >> lanes_log, lane = id & (lanes - 1);
    if (lane >= held) continue;
    const i32 k = (i32)j - (i32)radius;
    real2 value = line_output(tile, fft, inverse != 0 ? j + margin : (u32)(k < 0 ? k + (i32)n : k), lane);
    if (inverse != 0) value = conj(value);
    else if (centred != 0) {
      const point q = point_at(first + lane, k);
      const u32 r2 = length2(q);
      value = (double)r2 >= least_r2 && r2 <= limit ? scale * sign_of(q) * value : real2{0, 0};
    }
    to[(u64)j * inner + lane] = value;
  }
}
