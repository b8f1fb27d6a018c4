// diff2_gc of the children c = (rotation, shift) of group g: sum_k 1/2 w C^2 |S|^2 - Re conj(S) w C X e. On request minus the normalised
// cross-correlation instead. One block a group: threads stride through the pixels and meet 8 child orientations with 4 child translations at
// a time (one orientation with 32 where a parent has but one). Slices of a range of rows are at hand, or made from the projector.
#include "common/phases.cuh"
#include "common/pixels.cuh"
#include "common/segments.cuh"
#include "common/slice.cuh"
#include "common/spread.cuh"

constexpr u32 threads = 128;
constexpr u32 warps = threads / 32;
// Energies of up to 8 orientations, and the power of the image.
constexpr u32 extras = 16;
constexpr u32 image_power = 8;

struct Pass {
  const u32* xy;
  const real4* operands;
  const real2* phases;
  const real2* made;
  References references;
  u32 pixels, size, y_at;
};

// Crosses of rows with translations, row-major, and extras, summed over the block: in `sums` of the first warp.
template <u32 R, u32 S>
__device__ inline void compare(const Pass& pass, u32 row, u32 rows, u32 t, u32 shifts, u64 made_at, real (&sums)[warps][32 + extras]) {
  real cross[R * S] = {};
  real other[extras] = {};
  for (u32 k = threadIdx.x; k < pass.pixels; k += threads) {
    const i32 x = pixel_x(pass.xy[k]);
    const i32 y = pixel_y(pass.xy[k]);
    const real4 operand = pass.operands[k];
    real2 slice[R];
#pragma unroll
    for (u32 r = 0; r < R; r++) {
      slice[r] = {0, 0};
      if (r < rows) slice[r] = pass.made != nullptr ? pass.made[made_at + (u64)r * pass.pixels + k] : slice_value(pass.references, row + r, x, y);
      other[r] += operand.z * power(slice[r]);
    }
    other[image_power] += operand.w;
#pragma unroll
    for (u32 s = 0; s < S; s++) {
      if (s >= shifts) continue;
      const real2 moved = cmul({operand.x, operand.y}, phase_at(pass.phases, pass.y_at, pass.size, t + s, x, y));
#pragma unroll
      for (u32 r = 0; r < R; r++) cross[r * S + s] += slice[r].x * moved.x + slice[r].y * moved.y;
    }
  }
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  sums[warp][lane] = spread_sum(cross);
  const real extra = spread_sum(other);
  if (lane < extras) sums[warp][32 + lane] = extra;
  __syncthreads();
  if (threadIdx.x < 32 + extras)
    for (u32 other_warp = 1; other_warp < warps; other_warp++) sums[0][threadIdx.x] += sums[other_warp][threadIdx.x];
  __syncthreads();
}

KERNEL(diff2_fine, 128)(
  const real2* projector, const real* matrices, const u32* xy, const real4* operands, const real2* phases, const u32* starts,
  const u32* first_sample, real* diff2, u32 particles, u32 pixels, u32 translations, u32 rotations, u32 shifts, u32 size, u32 y_at, i32 radius,
  u32 rows_a_class, u64 class_length, u32 correlation, u32 first_row, u32 made_rows, real padding, real max_r2
) {
  __shared__ real sums[warps][32 + extras];
  const u32 g = blockIdx.x;
  const u32 children = rotations * shifts;
  const u32 coarse = first_sample[g] / children;
  const u32 first = coarse / translations * rotations;
  if (made_rows != 0 && (first < first_row || first >= first_row + made_rows)) return;
  const u32 i = particle_of(starts, g, particles);
  const Pass pass = {
    xy, operands + (u64)i * pixels, phases, made_rows != 0 ? projector : nullptr,
    {projector, matrices, rows_a_class, class_length, radius, padding, max_r2},
    pixels, size, y_at,
  };
  const u32 R = rotations == 1 ? 1 : 8, S = 32 / R;
  for (u32 r = 0; r < rotations; r += R)
    for (u32 s = 0; s < shifts; s += S) {
      const u32 row = first + r;
      const u32 t = coarse % translations * shifts + s;
      const u32 rows = least(R, rotations - r), columns = least(S, shifts - s);
      const u64 made_at = (u64)(row - first_row) * pixels;
      if (R == 1) compare<1, 32>(pass, row, rows, t, columns, made_at, sums);
      else compare<8, 4>(pass, row, rows, t, columns, made_at, sums);
      const u32 own_r = threadIdx.x / S, own_s = threadIdx.x % S;
      if (own_r < rows && own_s < columns) {
        const real cross = sums[0][threadIdx.x];
        const real energy = sums[0][32 + own_r];
        const real norm = 2 * energy * sums[0][32 + image_power];
        const real value = correlation == 0 ? energy - cross : norm > 0 ? -cross / sqrt(norm) : real(0);
        diff2[(u64)g * children + (r + own_r) * shifts + s + own_s] = value;
      }
      __syncthreads();
    }
}
