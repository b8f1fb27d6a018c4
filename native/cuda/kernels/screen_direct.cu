// Scores of listed particles in fp32 in place of those of the screen (common/screen.cuh): 64 orientations of a particle a block of threads, 32
// translations at a time, 16 pixels at a time through shared memory; scores of a segment wait there for their largest. Blocks share the list.
// Single precision.
// Dynamic shared memory: 65792 bytes.
#include "common/screen.cuh"

using namespace screening;

constexpr u32 rows = 64;
constexpr u32 columns = 32;
constexpr u32 step_pixels = 16;

DYNAMIC_SHARED(dynamic);  // float [rows][chunk + 1], chunk up to 256

KERNEL(screen_direct, 256)(
  const Screen* screen, const real2* slices, const real2* shifted, const float* energy, const float* orientation_o, const float* translation_it,
  const u32* redo, float* bound_io, float* row_max, u32* best_i, u16* scores
) {
  __shared__ float2 tile_s[step_pixels][rows + 1];
  __shared__ float2 tile_x[step_pixels][columns + 1];
  __shared__ float2 factors[step_pixels];  // energy and |shifted|^2
  __shared__ float energies[rows], variances[rows];
  float* const waiting = (float*)dynamic;
  const Screen p = *screen;
  const u32 thread = threadIdx.x;
  const u32 blocks = (p.orientations + rows - 1) / rows;
  const u32 work = *redo * blocks;
  for (u32 item = blockIdx.x; item < work; item += gridDim.x) {
    const u32 i = redo[1 + item / blocks];
    const u32 o0 = item % blocks * rows;
    const u64 image = (u64)i * p.pixels;
    for (u32 chunk = 0; chunk < p.chunks; chunk++) {
      const u32 segment = i * p.chunks + chunk;
      const u32 t_begin = segment_first(p, segment);
      const u32 length = segment_length(p, segment);
      for (u32 t0 = 0; t0 < length; t0 += columns) {
        float sums[4][2] = {};
        float own_energy = 0;
        float variance = 0;
        for (u32 k0 = 0; k0 < p.pixels; k0 += step_pixels) {
          __syncthreads();
          for (u32 at = thread; at < rows * step_pixels; at += 256) {
            const u32 k = k0 + at % step_pixels;
            const u32 o = o0 + at / step_pixels;
            float2 s = {0, 0};
            if (k < p.pixels && o < p.orientations) {
              const real2 value = slices[(u64)o * p.pixels + k];
              s = {(float)value.x, (float)value.y};
            }
            tile_s[at % step_pixels][at / step_pixels] = s;
          }
          for (u32 at = thread; at < columns * step_pixels; at += 256) {
            const u32 k = k0 + at % step_pixels;
            const u32 t = t0 + at / step_pixels;
            float2 x = {0, 0};
            if (k < p.pixels && t < length) {
              const real2 value = shifted[((u64)i * p.translations + t_begin + t) * p.pixels + k];
              x = {(float)value.x, (float)value.y};
            }
            tile_x[at % step_pixels][at / step_pixels] = x;
          }
          if (thread < step_pixels) {
            const u32 k = k0 + thread;
            float2 f = {0, 0};
            if (k < p.pixels) f = {energy[image + k], (float)power(shifted[image * p.translations + k])};
            factors[thread] = f;
          }
          __syncthreads();
#pragma unroll
          for (u32 k = 0; k < step_pixels; k++) {
            const float2 x0 = tile_x[k][thread % 16];
            const float2 x1 = tile_x[k][thread % 16 + 16];
#pragma unroll
            for (u32 m = 0; m < 4; m++) {
              const float2 s = tile_s[k][thread / 16 + 16 * m];
              sums[m][0] += s.x * x0.x + s.y * x0.y;
              sums[m][1] += s.x * x1.x + s.y * x1.y;
            }
          }
#pragma unroll
          for (u32 k = 0; k < step_pixels; k += 4) {
            const float2 s = tile_s[k + thread % 4][thread / 4];
            const float2 f = factors[k + thread % 4];
            const float s2 = s.x * s.x + s.y * s.y;
            own_energy += s2 * f.x;
            variance += s2 * f.y;
          }
        }
        for (u32 reach = 1; reach < 4; reach *= 2) {
          own_energy += __shfl_xor_sync(all_lanes, own_energy, reach);
          variance += __shfl_xor_sync(all_lanes, variance, reach);
        }
        if (thread % 4 == 0) {
          energies[thread / 4] = own_energy;
          variances[thread / 4] = variance;
        }
#pragma unroll
        for (u32 m = 0; m < 4; m++)
#pragma unroll
          for (u32 n = 0; n < 2; n++) {
            const u32 t = t0 + thread % 16 + 16 * n;
            if (t < length) waiting[(thread / 16 + 16 * m) * (p.chunk + 1) + t] = sums[m][n];
          }
      }
      __syncthreads();
      // A warp a row: its largest score, then the steps below it.
      for (u32 row = thread / 32; row < rows; row += 8) {
        const u32 o = o0 + row;
        if (o >= p.orientations) break;
        const u32 lane = thread % 32;
        float* own = waiting + row * (p.chunk + 1);
        const float prior = orientation_o[p.prior_per_particle * (u64)i * p.orientations + o];
        float top = log_zero;
        for (u32 t = lane; t < length; t += 32) {
          const float shift_prior = translation_it[(u64)i * p.translations + t_begin + t];
          const float score = own[t] - energies[row] + prior + shift_prior;
          own[t] = finite(score) && prior > log_zero && shift_prior > log_zero ? score : log_zero;
          top = fmaxf(top, own[t]);
        }
        top = from_ordered(warp_most(ordered(top)));
        u16* to = scores + score_row(p, segment, o);
        for (u32 t = lane; t < length; t += 32)
          to[position(first_column(p, segment) + t)] = (u16)steps_below(top - own[t], offset_of(o));
        if (lane > 0) continue;
        row_max[row_of(p, segment, o)] = top;
        atomicMax(&best_i[i], ordered(top));
        // Largest error of such sums seen: 96 2^-24 sqrt(V).
        const float bound = 256 * 0x1p-24f * sqrtf(variances[row]) + 0x1p-18f * energies[row] + step;
        if (chunk == 0) bound_io[(u64)i * p.stride + o] = finite(bound) ? bound : 0;
      }
      __syncthreads();
    }
  }
}
