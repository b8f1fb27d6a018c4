#pragma once
// The certified screen of the coarse pass: what its kernels share. Scores are products of fp16 operands with fp32 sums
//   a_ok = S_ok / s_k                    s_k: whitening of a pixel, the same for all particles of a batch
//   b_jk = s_k w_ik C_ik X_ik e(k, t)    j = (i, t)
//   L'_iot = sum_k a b + base_io + log prior_it,   base_io = log prior_o - 1/2 sum_k |a_ok|^2 (s_k^2 w_ik C_ik^2)
// and |L' - L| <= bound_io (screen_energy). Operands are scaled by powers of two, one for all slices and one an image. Correlations have w = 1
// in b and a factor instead of an energy: L'_iot = f_io sum_k a b + log priors, f_io = scale / sqrt(sum_k |C S|^2 sum_k |X|^2).
//
// Scores are kept as rows of whole segments (a particle, or a part of its translations): the largest L' of each row, `row_max`, and how far
// below it every score is, in steps of 2^-11 nats less an offset that differs from row to row, 16 bits, 65535 meaning nearly 32 nats or more.
// Rows that cannot come within `depth` nats of the particle's best score are not written, except those that are audited.
#include <cuda_fp16.h>

#include "base.cuh"

namespace screening {

// Sizes of a batch, made by the host (src/runtime/screen-tables.ts). Padded lengths let tiles be copied without regard to the ends.
struct Screen {
  u32 particles, orientations, translations, pixels;
  // Numbers of an operand row of the product: pixels x 2, up to a multiple of 64; of the energies: pixels, likewise, twice (high and low parts).
  u32 width, energy_width;
  // Orientations up to a multiple of 128: stride of base_io and bound_io.
  u32 stride;
  // Columns of a tile of scores, segments in it, segments of a particle, translations of one (the last may have fewer).
  u32 tile, per_tile, chunks, chunk;
  // Segments of all particles, tiles of columns.
  u32 segments, column_tiles;
  // Words of the mask of a row; blocks of 1024 rows of a particle.
  u32 words, blocks;
  u32 prior_per_particle;
  // One row of this many is audited.
  u32 audit_stride, audits, seed;
  // Candidates that the buffers hold, then sizes of the compressed result, and most samples of a particle.
  u32 capacity;
  u32 children, group_capacity, run_capacity, cap;
  // Factor of correlations; 0: none.
  float scale;
};

// Powers of two of an image: of b, of W, and what undoes them (and those of the slices) in product and energy.
struct Scales {
  float b, energy, undo_product, undo_energy;
};

typedef unsigned short u16;

constexpr float log_zero = -1e30f;
// Nats below the best that still count, and steps of the histogram.
constexpr u32 depth = 32;
constexpr u32 bins_a_nat = 64;
constexpr u32 bins = depth * bins_a_nat;
constexpr float step = 1.0f / 2048;
constexpr u32 lowest = 65535;
constexpr u32 rows_a_block = 1024;
constexpr u32 all_lanes = 0xffffffffu;

// Why a particle is computed in fp32: not at all, its bound, its guard.
enum Redo : u32 { kept_fp16 = 0, wide_bound = 1, broken_bound = 2 };

// Counters of a batch: bits of the largest bound and ratio, and counts.
enum Report : u32 { report_bound, report_ratio, report_wide, report_broken, report_candidates, report_kept, report_audited, report_length };

// Floats as integers of the same order; 0 is below all.
__device__ inline u32 ordered(float x) {
  const u32 bits = __float_as_uint(x);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
__device__ inline float from_ordered(u32 bits) { return __uint_as_float(bits >> 31 ? bits & 0x7fffffffu : ~bits); }

__device__ inline bool finite(float x) { return fabsf(x) <= 3.4028234e38f; }
__device__ inline float not_a_number() { return __uint_as_float(0x7fffffffu); }

__device__ inline u32 hash(u32 x) {
  x ^= x >> 16;
  x *= 0x85ebca6bu;
  x ^= x >> 13;
  x *= 0xc2b2ae35u;
  return x ^ x >> 16;
}

// The orientation that is audited for a particle in a range of `audit_stride`.
__device__ inline u32 audited_orientation(const Screen& p, u32 i, u32 range) {
  return range * p.audit_stride + hash(p.seed ^ hash(i + 0x9e3779b9u * (range + 1))) % p.audit_stride;
}
__device__ inline bool audited(const Screen& p, u32 i, u32 o) { return audited_orientation(p, i, o / p.audit_stride) == o; }

// First translation and number of translations of a segment.
__device__ inline u32 segment_first(const Screen& p, u32 segment) { return segment % p.chunks * p.chunk; }
__device__ inline u32 segment_length(const Screen& p, u32 segment) { return least(p.chunk, p.translations - segment_first(p, segment)); }
__device__ inline u64 segment_column(const Screen& p, u32 segment) {
  return (u64)(segment / p.chunks) * p.translations + segment_first(p, segment);
}

// Rows of a particle: orientation-major, then its segments.
__device__ inline u64 first_row(const Screen& p, u32 i) { return (u64)i * p.stride * p.chunks; }
__device__ inline u64 row_of(const Screen& p, u32 segment, u32 o) {
  return first_row(p, segment / p.chunks) + (u64)o * p.chunks + segment % p.chunks;
}

// Columns of a tile are stored so that the fragments of a matrix product are contiguous: pairs 2 c and 2 c + 8 of 16 columns side by side.
__device__ inline u32 position(u32 column) { return (column & ~15u) | (column & 6u) << 1 | (column & 8u) >> 2 | (column & 1u); }

// Where the scores of a row begin, and the column of translation t - first in it.
__device__ inline u64 score_row(const Screen& p, u32 segment, u32 o) {
  return ((u64)(segment / p.per_tile) * p.orientations + o) * p.tile;
}
__device__ inline u32 first_column(const Screen& p, u32 segment) { return segment % p.per_tile * p.chunk; }

// Offset of the steps of an orientation, 0 to 1: the errors of equal scores in different rows are different.
__device__ inline float offset_of(u32 o) { return (float)(hash(o) >> 8) * 0x1p-24f; }
__device__ inline u32 steps_below(float nats, float offset) { return (u32)fmaxf(fminf(nats / step + offset, (float)lowest), 0); }
__device__ inline float nats_below(u32 steps, float offset) { return ((float)steps + (0.5f - offset)) * step; }

// Whether scores of a row count; a bound that is not a number says yes.
__device__ inline bool active(float row_max, float bound, float level) { return row_max > -1e29f && !(row_max + bound < level); }

// Depth of a sample's bin below the best score; `bins` and more do not count.
__device__ inline u32 bin_of(float below) { return below < (float)depth ? (u32)(fmaxf(below, 0) * bins_a_nat) : bins; }

// Rows of a warp, one a lane, and the scores of some of them, a row at a time.
struct WarpRows {
  float top, bound, offset;
  u64 scores;
  u32 column, length;
};
__device__ inline WarpRows rows_at(const Screen& p, const float* row_max, const float* bound_io, u32 i, u32 row) {
  if (row >= p.orientations * p.chunks) return {log_zero, 0, 0, 0, 0, 0};
  const u32 o = row / p.chunks;
  const u32 segment = i * p.chunks + row % p.chunks;
  return {row_max[first_row(p, i) + row], bound_io[(u64)i * p.stride + o], offset_of(o), score_row(p, segment, o), first_column(p, segment),
          segment_length(p, segment)};
}

// visit(lane of the row, its top, its bound, translation of the segment, nats below the top or NaN) for the rows whose bit is set: all lanes
// take part, whatever the length of a row.
template <class Visit>
__device__ inline void visit_scores(const Screen& p, const u16* scores, const WarpRows& own, u32 rows, Visit visit) {
  const u32 lane = threadIdx.x % 32;
  constexpr u32 at_once = 4;
  while (rows != 0) {
    u32 from[at_once];
#pragma unroll
    for (u32 n = 0; n < at_once; n++) {
      from[n] = rows != 0 ? (u32)__ffs((int)rows) - 1 : 32;
      rows &= rows - 1;
    }
    for (u32 t0 = 0; t0 < p.chunk; t0 += 32) {
      const u32 t = t0 + lane;
      u32 steps[at_once];
#pragma unroll
      for (u32 n = 0; n < at_once; n++) {
        const u64 place = __shfl_sync(all_lanes, own.scores, from[n] % 32);
        const u32 column = __shfl_sync(all_lanes, own.column, from[n] % 32);
        const u32 length = __shfl_sync(all_lanes, own.length, from[n] % 32);
        steps[n] = from[n] < 32 && t < length ? scores[place + position(column + t)] : lowest;
      }
#pragma unroll
      for (u32 n = 0; n < at_once; n++) {
        if (from[n] == 32) break;
        const float top = __shfl_sync(all_lanes, own.top, from[n]);
        const float bound = __shfl_sync(all_lanes, own.bound, from[n]);
        const float offset = __shfl_sync(all_lanes, own.offset, from[n]);
        visit(from[n], top, bound, t, steps[n] < lowest ? nats_below(steps[n], offset) : not_a_number());
      }
    }
  }
}

// Largest of a warp.
__device__ inline u32 warp_most(u32 x) { return __reduce_max_sync(all_lanes, x); }

// Sum of the values of the threads before this one; `total` that of all. `shared` holds one value a warp.
template <u32 threads, class T>
__device__ inline T sum_before(T value, T* shared, T& total) {
  const u32 lane = threadIdx.x % 32;
  T sum = value;
  for (u32 reach = 1; reach < 32; reach *= 2) {
    const T other = __shfl_up_sync(all_lanes, sum, reach);
    if (lane >= reach) sum += other;
  }
  __syncthreads();
  if (lane == 31) shared[threadIdx.x / 32] = sum;
  __syncthreads();
  T earlier = 0;
  total = 0;
  for (u32 w = 0; w < threads / 32; w++) {
    if (w < threadIdx.x / 32) earlier += shared[w];
    total += shared[w];
  }
  return earlier + sum - value;
}

// Nothing to do in the second round where no particle broke its bound.
__device__ inline bool idle(const u32* redo, u32 round) { return round == broken_bound && *redo == 0; }

}  // namespace screening
