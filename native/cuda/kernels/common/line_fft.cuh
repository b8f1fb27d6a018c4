#pragma once
// Transforms of lines that lie in shared memory, several lines side by side: element j of line `lane` at tile[slot(j) + lane]. Passes of
// decimation in frequency take elements in their order and leave frequency f where order[f] says, those of decimation in time the other way
// around (Van Loan 1992, 1.9 and 1.10), in place. Lengths with large prime factors go through a convolution of length m (Bluestein 1970).
// Transforms are forward ones; an inverse one is the conjugate of the transform of the conjugate.
#include "base.cuh"

template <bool skewed>
struct LineFft {
  // Lines of n elements are transforms of length m (m = n, or a convolution's length where chirp_at is given).
  u32 n, m;
  // Of m, four bits each, the first pass lowest.
  u64 radices;
  u32 pitch, lanes_log;
  const real2 *roots, *chirp, *spectrum;
  const u32* order;

  // Skewed tiles are for lines that threads run along: neighbours, and those 16 apart, lie in different banks.
  __device__ u32 slot(u32 j) const { return skewed ? j * pitch + (j >> 4) : j * pitch; }
};

template <bool skewed>
__device__ inline LineFft<skewed> line_fft(
  const real2* tables, const u32* orders, u32 n, u32 m, u64 radices, u32 pitch, u32 lanes_log, u32 roots_at, u32 order_at, u32 chirp_at,
  u32 spectrum_at
) {
  return {n, m, radices, pitch, lanes_log, tables + roots_at, m == n ? nullptr : tables + chirp_at, tables + spectrum_at, orders + order_at};
}

// -i times a number.
__device__ inline real2 turned_back(real2 v) { return {v.y, -v.x}; }

// Transforms of R values; units[k - 1] = exp(-2 pi i k / R) up to k = (R - 1) / 2 where R is odd.
template <u32 R>
__device__ inline void transform_few(real2 (&v)[R], const real2* units) {
  constexpr u32 half = (R - 1) / 2;
  real2 sums[half], differences[half], first = v[0];
#pragma unroll
  for (u32 k = 1; k <= half; k++) {
    sums[k - 1] = v[k] + v[R - k];
    differences[k - 1] = v[k] - v[R - k];
    first = first + sums[k - 1];
  }
#pragma unroll
  for (u32 q = 1; q <= half; q++) {
    real2 even = v[0], odd = {0, 0};
#pragma unroll
    for (u32 k = 1; k <= half; k++) {
      const u32 turn = q * k % R;
      const real2 unit = units[(turn <= half ? turn : R - turn) - 1];
      even = even + unit.x * sums[k - 1];
      odd = odd + (turn <= half ? -unit.y : unit.y) * differences[k - 1];
    }
    v[q] = even + turned_back(odd);
    v[R - q] = even - turned_back(odd);
  }
  v[0] = first;
}
template <>
__device__ inline void transform_few(real2 (&v)[2], const real2*) {
  const real2 sum = v[0] + v[1];
  v[1] = v[0] - v[1];
  v[0] = sum;
}
template <>
__device__ inline void transform_few(real2 (&v)[4], const real2*) {
  const real2 even = v[0] + v[2], odd = v[1] + v[3], even_diff = v[0] - v[2], odd_diff = turned_back(v[1] - v[3]);
  v[0] = even + odd;
  v[1] = even_diff + odd_diff;
  v[2] = even - odd;
  v[3] = even_diff - odd_diff;
}
template <>
__device__ inline void transform_few(real2 (&v)[8], const real2*) {
  real2 even[4] = {v[0], v[2], v[4], v[6]}, odd[4] = {v[1], v[3], v[5], v[7]};
  transform_few<4>(even, nullptr);
  transform_few<4>(odd, nullptr);
  constexpr real root = real(0.70710678118654752440);
  odd[1] = root * (odd[1] + turned_back(odd[1]));
  odd[2] = turned_back(odd[2]);
  odd[3] = root * (turned_back(odd[3]) - odd[3]);
#pragma unroll
  for (u32 k = 0; k < 4; k++) {
    v[k] = even[k] + odd[k];
    v[k + 4] = even[k] - odd[k];
  }
}

// The pass of radix R in which parts of `length` elements become parts of length / R, or the reverse.
template <u32 R, bool in_time, bool skewed>
__device__ inline void line_pass(real2* tile, const LineFft<skewed>& fft, u32 length) {
  constexpr u32 half = R % 2 == 1 ? (R - 1) / 2 : 1;
  const u32 part = length / R, step = fft.m / length;
  real2 units[half];
  if (R % 2 == 1)
#pragma unroll
    for (u32 k = 0; k < half; k++) units[k] = fft.roots[(k + 1) * (fft.m / R)];
  const u32 count = (fft.m / R) << fft.lanes_log;
  for (u32 id = threadIdx.x; id < count; id += blockDim.x) {
    const u32 lane = id & ((1u << fft.lanes_log) - 1), number = id >> fft.lanes_log;
    const u32 j = number % part, first = number / part * length + j;
    real2* const own = tile + lane;
    real2 v[R];
#pragma unroll
    for (u32 k = 0; k < R; k++) {
      v[k] = own[fft.slot(first + k * part)];
      if (in_time && k > 0 && part > 1) v[k] = cmul(v[k], fft.roots[j * k * step]);
    }
    transform_few<R>(v, units);
#pragma unroll
    for (u32 q = 0; q < R; q++) {
      if (!in_time && q > 0 && part > 1) v[q] = cmul(v[q], fft.roots[j * q * step]);
      own[fft.slot(first + q * part)] = v[q];
    }
  }
  __syncthreads();
}

template <bool in_time, bool skewed>
__device__ inline void line_pass(real2* tile, const LineFft<skewed>& fft, u32 radix, u32 length) {
  switch (radix) {
    case 2: return line_pass<2, in_time, skewed>(tile, fft, length);
    case 3: return line_pass<3, in_time, skewed>(tile, fft, length);
    case 4: return line_pass<4, in_time, skewed>(tile, fft, length);
    case 5: return line_pass<5, in_time, skewed>(tile, fft, length);
    case 7: return line_pass<7, in_time, skewed>(tile, fft, length);
    case 8: return line_pass<8, in_time, skewed>(tile, fft, length);
    case 11: return line_pass<11, in_time, skewed>(tile, fft, length);
    default: return line_pass<13, in_time, skewed>(tile, fft, length);
  }
}

// What element j of a line is before `transform_lines`.
template <bool skewed>
__device__ inline real2 line_input(const LineFft<skewed>& fft, u32 j, real2 value) { return fft.chirp == nullptr ? value : cmul(value, fft.chirp[j]); }

// Transform what was put into the tile; all threads take part.
template <bool skewed>
__device__ inline void transform_lines(real2* tile, const LineFft<skewed>& fft) {
  __syncthreads();
  u32 length = fft.m;
  u64 radices = fft.radices;
  for (; radices != 0; radices >>= 4) {
    const u32 radix = radices & 15;
    line_pass<false>(tile, fft, radix, length);
    length /= radix;
  }
  if (fft.chirp == nullptr) return;
  const u32 count = fft.m << fft.lanes_log;
  for (u32 id = threadIdx.x; id < count; id += blockDim.x) {
    const u32 j = id >> fft.lanes_log;
    real2* const at = tile + fft.slot(j) + (id & ((1u << fft.lanes_log) - 1));
    *at = conj(cmul(*at, fft.spectrum[j]));
  }
  __syncthreads();
  u32 passes = 0;
  while (fft.radices >> (4 * passes) != 0) passes++;
  while (passes-- > 0) {
    const u32 radix = (fft.radices >> (4 * passes)) & 15;
    length *= radix;
    line_pass<true>(tile, fft, radix, length);
  }
}

// Frequency k of a line after `transform_lines`.
template <bool skewed>
__device__ inline real2 line_output(const real2* tile, const LineFft<skewed>& fft, u32 k, u32 lane) {
  if (fft.chirp != nullptr) return cmul(conj(tile[fft.slot(k) + lane]), fft.chirp[k]);
  return tile[fft.slot(fft.order[k]) + lane];
}
