// One pass of Stockham's self-sorting transform (Van Loan 1992, 1.7) over arrays [outer][n][inner]:
//   to[q + stride (radix b + k)] = w^(b k) sum_j from[q + stride (b + groups j)] exp(-+ 2 pi i j k / radix)
// with stride = inner x product of the radices before, groups = length / radix, w the n-th root to the power n / length.
#include "common/base.cuh"

__device__ inline real2 root(const real2* roots, u32 index, bool inverse) {
  const real2 w = roots[index];
  return inverse ? conj(w) : w;
}

KERNEL(fft_pass, 256)(
  const real2* source, real2* to, const real2* roots, u64 count, u32 n, u32 inner, u32 radix, u32 stride, u32 groups, u32 step, u64 roots_at,
  u32 inverse
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, stride);
  const u32 q = place.column;
  const Place line = place_of(place.row, groups);
  const u32 b = line.column;
  const u64 base = line.row * n * inner;
  const u64 jump = (u64)stride * groups;
  const real2* const from = source + base + q + (u64)stride * b;
  real2* const out = to + base + q + (u64)stride * radix * b;
  roots += roots_at;
  if (radix == 2) {
    const real2 u = from[0], v = from[jump];
    out[0] = u + v;
    out[stride] = cmul(u - v, root(roots, b * step, inverse));
    return;
  }
  if (radix == 4) {
    const real2 a0 = from[0], a1 = from[jump], a2 = from[2 * jump], a3 = from[3 * jump];
    const real2 even = a0 + a2, odd = a1 + a3, even_diff = a0 - a2, d = a1 - a3;
    const real2 odd_diff = inverse ? real2{-d.y, d.x} : real2{d.y, -d.x};
    out[0] = even + odd;
    out[stride] = cmul(even_diff + odd_diff, root(roots, b * step, inverse));
    out[2 * (u64)stride] = cmul(even - odd, root(roots, 2 * b * step, inverse));
    out[3 * (u64)stride] = cmul(even_diff - odd_diff, root(roots, 3 * b * step, inverse));
    return;
  }
  const u32 unit = n / radix;
  for (u32 k = 0; k < radix; k++) {
    real2 sum = {0, 0};
    for (u32 j = 0; j < radix; j++) sum = sum + cmul(from[j * jump], root(roots, ((j * k) % radix) * unit, inverse));
    out[k * (u64)stride] = cmul(sum, root(roots, b * k * step, inverse));
  }
}
