#pragma once
// The certified screen of the coarse pass: what its kernels share. Scores are products of fp16 operands with fp32 sums
//   a_ok = S_ok / s_k                    s_k: whitening of a pixel, the same for all particles of an iteration
//   b_jk = s_k w_ik C_ik X_ik e(k, t)    j = (i, t)
//   L'_iot = sum_k a b + base_io + log prior_it,   base_io = log prior_o - 1/2 sum_k |a_ok|^2 (s_k^2 w_ik C_ik^2)
// and |L' - L| <= bound_io (screen_energy). Operands are scaled by powers of two, one for all slices and one an image.
//
// Scores are kept as rows of whole segments (a particle, or a part of its translations): the largest L' of each row, `rowMax`, and how far
// below it every score is, in steps of 2^-11 nats less an offset that differs from row to row, 16 bits, 65535 meaning nearly 32 nats or more.
// Rows that cannot come within `depth` nats of the particle's best score are not written, except those that are audited.
#include <cuda_fp16.h>

#include "base.cuh"

// Sizes of a batch, made by the host. Padded lengths let tiles be copied without regard to the ends.
struct Screen {
  u32 particles, orientations, translations, pixels;
  // Width of images and where the y table of the phases begins.
  u32 size, y_at;
  // Numbers of an operand row of the product: pixels x 2, up to a multiple of 64; of the energies: pixels, likewise, twice (high and low parts).
  u32 width, energy_width;
  // Orientations up to a multiple of 128: stride of base_io and bound_io.
  u32 stride;
  // Columns of a tile of scores, segments in it, segments of a particle, translations of one (the last may have fewer).
  u32 tile, per_tile, chunks, chunk;
  // Segments of all particles, tiles of columns.
  u32 segments, column_tiles;
  u32 prior_per_particle;
  // One row of this many is audited.
  u32 audit_stride, audits, seed;
  // Candidates that the buffers hold; blocks of 1024 rows of a particle.
  u32 capacity, blocks;
  // Of the compressed result.
  u32 children, group_capacity, run_capacity, cap;
};

// Powers of two of an image: of b, of W, and what undoes them (and those of the slices) in product and energy.
struct Scales {
  float b, energy, undo_product, undo_energy;
};

typedef unsigned short u16;

static const float log_zero = -1e30f;
// Nats below the best that still count, and steps of the histogram.
static const u32 depth = 32;
static const u32 bins_a_nat = 64;
static const u32 bins = depth * bins_a_nat;
static const float step = 1.0f / 2048;
static const u32 lowest = 65535;
static const u32 rows_a_block = 1024;

// Why a particle is computed in fp32: not at all, its bound, its guard.
enum Redo : u32 { kept_fp16 = 0, wide_bound = 1, broken_bound = 2 };

// Counters of an iteration: bits of the largest bound and ratio, and counts.
enum Report : u32 { report_bound, report_ratio, report_wide, report_broken, report_candidates, report_kept, report_audited, report_length };

// Floats as integers of the same order; 0 is below all.
__device__ inline u32 ordered(float x) {
  const u32 bits = __float_as_uint(x);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
__device__ inline float from_ordered(u32 bits) { return __uint_as_float(bits >> 31 ? bits & 0x7fffffffu : ~bits); }

__device__ inline bool finite(float x) { return fabsf(x) <= 3.4028234e38f; }

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
__device__ inline u64 row_of(const Screen& p, u32 segment, u32 o) {
  const u32 i = segment / p.chunks;
  return ((u64)i * p.stride + o) * p.chunks + segment % p.chunks;
}

// Columns of a tile are stored so that the fragments of a matrix product are contiguous: pairs 2 c and 2 c + 8 of 16 columns side by side.
__device__ inline u32 position(u32 column) { return (column & ~15u) | (column & 6u) << 1 | (column & 8u) >> 2 | (column & 1u); }

// Where the scores of a row begin, and the place of translation t - first in it.
__device__ inline u64 score_row(const Screen& p, u32 segment, u32 o) {
  return ((u64)(segment / p.per_tile) * p.orientations + o) * p.tile;
}
__device__ inline u32 score_column(const Screen& p, u32 segment, u32 t) { return position(segment % p.per_tile * p.chunk + t); }

// Offset of the steps of an orientation, 0 to 1: the errors of equal scores in different rows are different.
__device__ inline float offset_of(u32 o) { return (float)(hash(o) >> 8) * 0x1p-24f; }
__device__ inline u32 steps_below(float nats, float offset) { return (u32)fmaxf(fminf(nats / step + offset, (float)lowest), 0); }
__device__ inline float nats_below(u32 steps, float offset) { return ((float)steps + (0.5f - offset)) * step; }

// Whether scores of a row count; a bound that is not a number says yes.
__device__ inline bool active(float row_max, float bound, float level) { return row_max > -1e29f && !(row_max + bound < level); }

// Depth of a sample's bin below the best score; `bins` and more do not count.
__device__ inline u32 bin_of(float below) { return below < (float)depth ? (u32)(fmaxf(below, 0) * bins_a_nat) : bins; }

// Largest of a warp.
__device__ inline u32 warp_most(u32 x) { return __reduce_max_sync(0xffffffffu, x); }

__device__ inline double warp_sum(double x) {
  for (int reach = 16; reach > 0; reach /= 2) x += __shfl_down_sync(0xffffffffu, x, reach);
  return x;
}
