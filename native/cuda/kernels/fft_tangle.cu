// The reverse of fft_untangle, not scaled. Even n: Z_x = X_x + X*_(m-x) + i exp(2 pi i x / n) (X_x - X*_(m-x)); odd n: whole complex rows.
// Imaginary parts of columns 0 and n / 2 do not count: they cancel in a real row.
#include "common/base.cuh"

KERNEL(fft_tangle, 256)(const real2* spectra, real2* rows, const real2* roots, u64 count, u32 n, u64 roots_at) {
  const u64 id = thread_index();
  if (id >= count) return;
  const u32 columns = n / 2 + 1;
  const Place place = place_of(id, n % 2 == 1 ? n : n / 2);
  const u32 x = place.column;
  const real2* row = spectra + place.row * columns;
  if (n % 2 == 1) {
    const bool mirrored = x >= columns;
    const real2 value = row[mirrored ? n - x : x];
    rows[id] = {value.x, x == 0 ? real(0) : mirrored ? -value.y : value.y};
    return;
  }
  real2 a = row[x];
  real2 b = conj(row[n / 2 - x]);
  if (x == 0) a.y = b.y = 0;
  const real2 d = cmul(a - b, conj(roots[roots_at + x]));
  rows[id] = a + b + real2{-d.y, d.x};
}
