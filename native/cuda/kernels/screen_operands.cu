// Operands of the screen (common/screen.cuh), from those of coarse_operands: fp16, rounded to nearest, rows padded with zeros.
//   slices_oc   = 2^ea a_ok                         energy: power_oc = high and low parts of 4^ea |a_ok|^2
//   columns_jc  = 2^eb_i b_jk                       energy: factor_rc, rows in blocks of 16: W_ik = 2^f_i s^2 energy_ik of 8 particles,
//                                                           then 4^eb_i |b_ik|^2 of the same 8; high and low parts
// Single precision.
#include "common/screen.cuh"

using namespace screening;

// Exponent of a positive number.
__device__ inline int exponent(float x) { return (int)(__float_as_uint(x) >> 23 & 255) - 127; }
// 2^e times x is in [2^top, 2^(top + 1)); 1 for 0.
__device__ inline float power_of_two(float x, int top) { return x == 0 ? 1.0f : ldexpf(1.0f, clamped(top - exponent(x), -120, 120)); }

// The power of two of the slices, whose largest value is in `peak` as bits of a float.
__device__ inline float slice_power(const u32* peak) {
  const float most = __uint_as_float(*peak);
  return finite(most) ? power_of_two(most, 6) : 1.0f;
}

struct HalfPair {
  __half high, low;
};
__device__ inline HalfPair split(float x) {
  const __half high = __float2half_rn(x);
  return {high, __float2half_rn(x - __half2float(high))};
}

// s_k = 1 / sqrt(mean w_ik); 1 for correlations (no weights) and where no particle counts a pixel.
KERNEL(screen_whitening, 256)(const float* weights, float* whitening, u32 count, u32 particles) {
  const u32 k = (u32)thread_index();
  if (k >= count) return;
  float sum = 0;
  if (weights != nullptr)
    for (u32 i = 0; i < particles; i++) sum += weights[(u64)i * count + k];
  const float s = sqrtf(particles / sum);
  whitening[k] = sum > 0 && s > 0 && finite(s) ? s : 1.0f;
}

// peak = bits of the largest |Re|, |Im| of S / s; infinite where one is not finite. `peak` starts as 0.
KERNEL(screen_slice_peak, 256)(const real2* slices, const float* whitening, u32* peak, u64 count, u32 pixels) {
  u32 top = 0;
  for (u64 id = thread_index(); id < count; id += (u64)gridDim.x * blockDim.x) {
    const float s = whitening[place_of(id, pixels).column];
    const float value = fmaxf(fabsf(slices[id].x / s), fabsf(slices[id].y / s));
    const bool good = finite(slices[id].x / s) && finite(slices[id].y / s);
    top = most(top, good ? __float_as_uint(value) : 0x7f800000u);
  }
  top = warp_most(top);
  if (threadIdx.x % 32 == 0) atomicMax(peak, top);
}

// One thread a pixel of a padded row.
KERNEL(screen_slices, 256)(
  const real2* slices, const float* whitening, const u32* peak, __half2* slices_oc, __half* power_oc, u64 count, u32 pixels, u32 width,
  u32 energy_width
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, energy_width);
  const u32 k = place.column;
  float2 a = {0, 0};
  if (k < pixels) {
    const real2 s = slices[place.row * pixels + k];
    const float factor = slice_power(peak);
    a = {(float)s.x / whitening[k] * factor, (float)s.y / whitening[k] * factor};
  }
  if (k < width / 2) slices_oc[place.row * (width / 2) + k] = __floats2half2_rn(a.x, a.y);
  const HalfPair power = split(a.x * a.x + a.y * a.y);
  power_oc[place.row * 2 * energy_width + k] = power.high;
  power_oc[place.row * 2 * energy_width + energy_width + k] = power.low;
}

// One block a particle: largest |b| to [8, 16), largest W to [2^10, 2^11). Not a number where a pixel is not finite.
KERNEL(screen_scales, 256)(
  const real2* shifted, const float* energy, const float* whitening, const u32* peak, Scales* scales_i, u32 pixels, u32 translations
) {
  __shared__ u32 tops[2];
  const u64 row = (u64)blockIdx.x * pixels;
  if (threadIdx.x < 2) tops[threadIdx.x] = 0;
  __syncthreads();
  u32 top_b = 0;
  u32 top_w = 0;
  for (u32 k = threadIdx.x; k < pixels; k += blockDim.x) {
    const float s = whitening[k];
    const float b = s * sqrtf(power(shifted[row * translations + k]));
    const float w = s * s * energy[row + k];
    top_b = most(top_b, finite(b) ? __float_as_uint(b) : 0x7f800000u);
    top_w = most(top_w, finite(w) ? __float_as_uint(fabsf(w)) : 0x7f800000u);
  }
  atomicMax(&tops[0], warp_most(top_b));
  atomicMax(&tops[1], warp_most(top_w));
  __syncthreads();
  if (threadIdx.x > 0) return;
  const float b = __uint_as_float(tops[0]);
  const float w = __uint_as_float(tops[1]);
  const float a = slice_power(peak);
  const float up_b = finite(b) ? power_of_two(b, 3) : not_a_number();
  const float up_w = finite(w) ? power_of_two(w, 10) : not_a_number();
  scales_i[blockIdx.x] = {up_b, up_w, 1 / up_b / a, 1 / up_w / a / a};
}

// One thread a pixel of a padded row (i, t).
KERNEL(screen_columns, 256)(
  const real2* shifted, const float* whitening, const Scales* scales_i, __half2* columns_jc, u64 count, u32 pixels, u32 width, u32 translations
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, width / 2);
  const u32 k = place.column;
  real2 b = {0, 0};
  if (k < pixels) b = whitening[k] * scales_i[place.row / translations].b * shifted[place.row * pixels + k];
  columns_jc[id] = __floats2half2_rn(b.x, b.y);
}

// One thread a pixel of a padded row of a particle; rows of particles that fill up the last block of 8 are 0.
KERNEL(screen_energy_rows, 256)(
  const real2* shifted, const float* energy, const float* whitening, const Scales* scales_i, __half* factor_rc, u64 count, u32 particles,
  u32 pixels, u32 energy_width, u32 translations
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, energy_width);
  const u32 i = (u32)place.row;
  const u32 k = place.column;
  float w = 0;
  float b2 = 0;
  if (i < particles && k < pixels) {
    const float s = whitening[k];
    b2 = power(s * scales_i[i].b * shifted[(u64)i * translations * pixels + k]);
    w = s * s * energy[(u64)i * pixels + k] * scales_i[i].energy;
  }
  const u64 row = (u64)(i / 8) * 16 + i % 8;
  const HalfPair first = split(w);
  const HalfPair second = split(b2);
  __half* to = factor_rc + row * 2 * energy_width + k;
  to[0] = first.high;
  to[energy_width] = first.low;
  to += (u64)8 * 2 * energy_width;
  to[0] = second.high;
  to[energy_width] = second.low;
}
