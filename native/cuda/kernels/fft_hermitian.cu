// Columns 0 and (even n) n / 2 of half transforms [batch][depth][height][n / 2 + 1] become those of real values: X(k) = (X(k) + X*(-k)) / 2.
// The rest does not count in a transform to real values, and cuFFT leaves open what becomes of it.
#include "common/base.cuh"

KERNEL(fft_hermitian, 256)(real2* spectra, u64 count, u32 depth, u32 height, u32 n) {
  const u64 id = thread_index();
  if (id >= count) return;
  const u32 columns = n / 2 + 1;
  const Place pair = place_of(id, n % 2 == 0 ? 2 : 1);
  const u32 column = pair.column == 0 ? 0 : n / 2;
  const Place row = place_of(pair.row, height);
  const Place plane = place_of(row.row, depth);
  const u32 y = row.column, z = plane.column;
  const u64 first = plane.row * depth * height, own = first + (u64)z * height + y;
  const u64 mate = first + (u64)((depth - z) % depth) * height + (height - y) % height;
  if (mate < own) return;
  real2* const a = spectra + own * columns + column;
  real2* const b = spectra + mate * columns + column;
  const real2 mean = real(0.5) * (*a + conj(*b));
  *a = mean;
  *b = conj(mean);
}
