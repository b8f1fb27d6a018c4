// Bluestein's transform of lines of any length n as a convolution of length m (1970, IEEE Trans. Audio Electroacoust. 18:451), for lines
// first_line .. first_line + lines of arrays [outer][n][inner]; work is [m][lines].
//   stage 0: work = line x chirp, zero padded; stage 1: work x spectrum of the chirp; stage 2: line = work x chirp / m
// An inverse transform is the conjugate of the transform of the conjugate.
#include "common/base.cuh"

__device__ inline real2 turned(real2 value, u32 inverse) { return inverse != 0 ? conj(value) : value; }

KERNEL(fft_chirp, 256)(
  real2* lines, real2* work, const real2* tables, u64 count, u32 stage, u32 n, u32 m, u32 inner, u64 first_line, u32 line_count, u64 chirp_at,
  u64 spectrum_at, u32 inverse
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, line_count);
  const u32 j = (u32)place.row;
  const Place line = place_of(first_line + place.column, inner);
  real2* const at = lines + (line.row * n + j) * inner + line.column;
  if (stage == 0) {
    work[id] = j < n ? cmul(turned(*at, inverse), tables[chirp_at + j]) : real2{0, 0};
  } else if (stage == 1) {
    work[id] = cmul(work[id], tables[spectrum_at + j]);
  } else if (j < n) {
    *at = real(1) / (real)m * turned(cmul(work[id], tables[chirp_at + j]), inverse);
  }
}
