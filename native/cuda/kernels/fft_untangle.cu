// Half transforms of real rows of length n, times `scale`. Even n: from complex rows Z of length m = n / 2 that hold pairs of values,
//   X_x = (Z_x + Z*_(m-x)) / 2 - i exp(-2 pi i x / n) (Z_x - Z*_(m-x)) / 2;
// odd n: the first columns of complex rows of length n.
#include "common/base.cuh"

KERNEL(fft_untangle, 256)(const real2* rows, real2* spectra, const real2* roots, u64 count, u32 n, u64 roots_at, real scale) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, n / 2 + 1);
  const u32 x = place.column;
  if (n % 2 == 1) {
    spectra[id] = scale * rows[place.row * n + x];
    return;
  }
  const u32 m = n / 2;
  const real2 a = rows[place.row * m + x % m];
  const real2 b = conj(rows[place.row * m + (m - x) % m]);
  const real2 d = cmul(a - b, roots[roots_at + x]);
  spectra[id] = scale / 2 * (a + b + real2{d.y, -d.x});
}
