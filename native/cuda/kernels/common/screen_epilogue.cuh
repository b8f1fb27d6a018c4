#pragma once
// What becomes of a tile of sums, 128 orientations x N columns, held as fragments of m16n8 products: thread 4 g + c of a warp has rows g and
// g + 8 and columns 2 c and 2 c + 1 of each.
#include "screen.cuh"

namespace screening {

constexpr u32 tile_rows = 128;
// Segments that a tile of N columns may hold; one more stands for columns without one.
__device__ constexpr u32 most_segments(u32 n) { return n / 8; }

// Tiles in an order that keeps operands of neighbours in the cache: 16 tiles of rows meet all tiles of columns.
struct Tile {
  u32 row, column;
};
__device__ inline Tile tile_of(u32 at, u32 row_tiles, u32 column_tiles) {
  const u32 group = at / (16 * column_tiles);
  const u32 inside = at % (16 * column_tiles);
  const u32 rows = least(16u, row_tiles - 16 * group);
  return {16 * group + inside % rows, inside / rows};
}

template <u32 N>
struct alignas(16) ScoreMemory {
  float2 column[N];  // log prior and scale
  u32 most[tile_rows][most_segments(N) + 1];
  u32 need[tile_rows];
  u32 best[most_segments(N)];
  unsigned char slot[N];  // segment in the tile
};

// What a column needs, read before the product.
struct Column {
  float prior, scale;
  u32 slot;
};
__device__ inline Column column_of(const Screen& p, u32 tile, u32 column, const float* translation_it, const Scales* scales_i) {
  const u32 slot = column / p.chunk;
  const u32 segment = tile * p.per_tile + slot;
  const u32 t = column % p.chunk;
  if (slot >= p.per_tile || segment >= p.segments || t >= segment_length(p, segment)) return {log_zero, 0, most_segments(p.tile)};
  const u32 i = segment / p.chunks;
  return {fmaxf(translation_it[(u64)i * p.translations + segment_first(p, segment) + t], log_zero), scales_i[i].undo_product, slot};
}

// The steps of the epilogue; all threads meet between them. MT x NT fragments of a warp begin at (row0, column0).
template <u32 N, u32 MT, u32 NT, u32 Threads>
struct ScoreEpilogue {
  const Screen& p;
  ScoreMemory<N>& memory;
  u32 tile_row, tile_column, thread;

  __device__ void prepare(const Column& column) const {
    for (u32 at = thread; at < tile_rows * (most_segments(N) + 1); at += Threads) (&memory.most[0][0])[at] = 0;
    if (thread < most_segments(N)) memory.best[thread] = 0;
    if (thread < N) {
      memory.column[thread] = {column.prior, column.scale};
      memory.slot[thread] = (unsigned char)column.slot;
    }
  }

  // Sums to scores without base, and the largest of each row and segment. `factor` of a slot and row multiplies its sums.
  template <class Factor>
  __device__ void scores(float (&sums)[MT][NT][4], u32 row0, u32 column0, Factor factor) const {
    const u32 lane = thread % 32;
    const u32 row = row0 + lane / 4;
    const u32 column = column0 + 2 * (lane % 4);
    float top[MT][2];
    float own[MT][2];
    u32 slot = memory.slot[column];
    auto begin = [&] {
#pragma unroll
      for (u32 m = 0; m < MT; m++)
#pragma unroll
        for (u32 h = 0; h < 2; h++) {
          top[m][h] = -INFINITY;
          own[m][h] = factor(slot, row + 16 * m + 8 * h);
        }
    };
    auto flush = [&](u32 next) {
#pragma unroll
      for (u32 m = 0; m < MT; m++) {
        atomicMax(&memory.most[row + 16 * m][slot], ordered(top[m][0]));
        atomicMax(&memory.most[row + 16 * m + 8][slot], ordered(top[m][1]));
      }
      slot = next;
      begin();
    };
    begin();
#pragma unroll
    for (u32 n = 0; n < NT; n++) {
      const float4 pair = *(const float4*)&memory.column[column + 8 * n];
      const uchar2 slots = *(const uchar2*)&memory.slot[column + 8 * n];
      if (slots.x != slot) flush(slots.x);
#pragma unroll
      for (u32 m = 0; m < MT; m++)
#pragma unroll
        for (u32 h = 0; h < 2; h++) {
          float& sum = sums[m][n][2 * h];
          sum = sum * (pair.y * own[m][h]) + pair.x;
          top[m][h] = fmaxf(top[m][h], sum);
        }
      if (slots.y != slot) flush(slots.y);
#pragma unroll
      for (u32 m = 0; m < MT; m++)
#pragma unroll
        for (u32 h = 0; h < 2; h++) {
          float& sum = sums[m][n][2 * h + 1];
          sum = sum * (pair.w * own[m][h]) + pair.z;
          top[m][h] = fmaxf(top[m][h], sum);
        }
    }
#pragma unroll
    for (u32 m = 0; m < MT; m++) {
      atomicMax(&memory.most[row + 16 * m][slot], ordered(top[m][0]));
      atomicMax(&memory.most[row + 16 * m + 8][slot], ordered(top[m][1]));
    }
  }

  // Largest score of each row, and of the tile by segment. `base` of a slot and row.
  template <class Base>
  __device__ void row_maxima(Base base, float* row_max, u32* best_i) const {
    const u32 row = thread % tile_rows;
    const u32 o = tile_row * tile_rows + row;
    for (u32 slot = thread / tile_rows; slot < p.per_tile; slot += Threads / tile_rows) {
      const u32 segment = tile_column * p.per_tile + slot;
      if (segment >= p.segments) break;
      float top = from_ordered(memory.most[row][slot]) + base(slot, row);
      if (!(top > log_zero)) top = log_zero;
      row_max[row_of(p, segment, o)] = top;
      const u32 most_of = warp_most(ordered(top));
      if (thread % 32 == 0) {
        atomicMax(&memory.best[slot], most_of);
        atomicMax(&best_i[segment / p.chunks], most_of);
      }
    }
  }

  // Which segments of a row are written. `seen` is a best score of the slot known before.
  template <class Base, class Bound, class Seen>
  __device__ void needs(Base base, Bound bound, Seen seen) const {
    if (thread >= tile_rows) return;
    const u32 o = tile_row * tile_rows + thread;
    u32 need = 0;
    for (u32 slot = 0; slot < p.per_tile; slot++) {
      const u32 segment = tile_column * p.per_tile + slot;
      if (segment >= p.segments) break;
      const float top = from_ordered(memory.most[thread][slot]) + base(slot, thread);
      const float best = from_ordered(most(memory.best[slot], (u32)seen(slot)));
      if (!(top + bound(slot, thread) < best - depth) || audited(p, segment / p.chunks, o)) need |= 1u << slot;
    }
    memory.need[thread] = need;
  }

  // Steps below the largest of the row, where a segment needs them: 8 bytes a thread, 32 a row.
  __device__ void write(const float (&sums)[MT][NT][4], u32 row0, u32 column0, u16* scores) const {
    const u32 lane = thread % 32;
    const u32 column = column0 + 2 * (lane % 4);
    const u32 place = tile_column * p.per_tile;
#pragma unroll
    for (u32 m = 0; m < MT; m++)
#pragma unroll
      for (u32 h = 0; h < 2; h++) {
        const u32 row = row0 + 16 * m + 8 * h + lane / 4;
        const u32 o = tile_row * tile_rows + row;
        const u32 need = memory.need[row];
        if (o >= p.orientations || need == 0) continue;
        const float offset = offset_of(o);
        u16* to = scores + score_row(p, place, o) + column0 + 4 * (lane % 4);
#pragma unroll
        for (u32 n = 0; n < NT; n += 2) {
          const u32 first = memory.slot[column0 + 8 * n];
          const u32 last = least<u32>(memory.slot[column0 + 8 * n + 15], most_segments(N) - 1);
          if (first >= most_segments(N) || !(need >> first & ((2u << (last - first)) - 1))) continue;
          u32 steps[4];
#pragma unroll
          for (u32 e = 0; e < 4; e++) {
            const u32 at = column + 8 * n + 8 * (e / 2) + e % 2;
            const float top = from_ordered(memory.most[row][memory.slot[at]]);
            steps[e] = steps_below(top - sums[m][n + e / 2][2 * h + e % 2], offset);
          }
          *(uint2*)(to + 8 * n) = make_uint2(steps[0] | steps[1] << 16, steps[2] | steps[3] << 16);
        }
      }
  }
};

// What the sums of a row's energy make of the errors of its scores.
struct RowTerms {
  float base, bound, factor;
};

// Likelihoods: the energy is taken off. `energy` and `variance` are as summed, with the powers of two of the image.
__device__ inline RowTerms likelihood_terms(const Screen& p, float prior, float energy_sum, float root, const Scales& scales) {
  const float energy = energy_sum * scales.undo_energy;
  // Both operands rounded; sums cut off to 24 bits, products cut to 22 bits, steps of the stored scores.
  const float bound =
    4 * 0x1p-11f * root * scales.undo_product + 0x1p-16f * fabsf(energy) + p.pixels * 0x1p-9f * scales.undo_energy + step;
  if (!finite(prior - energy) || !finite(bound)) return {0, INFINITY, 1};
  return {prior - energy, bound, 1};
}

// Correlations: the energy divides, and no score is larger than the scale. An image that is not finite has none.
__device__ inline RowTerms correlation_terms(const Screen& p, float prior, float energy_sum, float root, const Scales& scales, float norm) {
  if (isnan(scales.undo_product)) return {log_zero, 0, 0};
  if (norm == 0) return {prior, 0, 0};
  const float factor = p.scale * rsqrtf(energy_sum * scales.undo_energy) * rsqrtf(norm);
  const float relative = 0x1p-16f + p.pixels * 0x1p-9f / fabsf(energy_sum);
  const float bound = 4 * 0x1p-11f * root * scales.undo_product * factor + p.scale * relative;
  if (!finite(factor) || !finite(bound)) return {prior, INFINITY, 0};
  return {prior, bound, factor};
}

// base_io, bound_io and factor_io (correlations) from the sums of the energy product, whose columns are 8 particles' energies, then their
// variances.
template <bool correlation, u32 MT, u32 NT>
__device__ inline void store_energies(
  const Screen& p, const float (&sums)[MT][NT][4], u32 o0, u32 column0, u32 thread, const float* orientation_o, const Scales* scales_i,
  const float* norm_i, float* base_io, float* bound_io, float* factor_io
) {
  const u32 lane = thread % 32;
#pragma unroll
  for (u32 n = 0; n < NT; n += 2)
#pragma unroll
    for (u32 e = 0; e < 2; e++) {
      const u32 i = (column0 + 8 * n) / 2 + 2 * (lane % 4) + e;
      if (i >= p.particles) continue;
      const Scales scales = scales_i[i];
#pragma unroll
      for (u32 m = 0; m < MT; m++)
#pragma unroll
        for (u32 h = 0; h < 2; h++) {
          const u32 o = o0 + 16 * m + 8 * h + lane / 4;
          const float prior = o < p.orientations ? orientation_o[p.prior_per_particle * (u64)i * p.orientations + o] : log_zero;
          RowTerms terms = {log_zero, 0, 0};
          if (prior > log_zero) {
            const float energy = sums[m][n][2 * h + e];
            // What fp16 makes of the smallest terms: half of 2^-24 each, beside factors below 2^14 and 2^8, and 2^11 in the energy.
            const float root = sqrtf(sums[m][n + 1][2 * h + e] * (1 + 1.0f / 256) + p.pixels * (1.0f / 1900));
            terms = correlation ? correlation_terms(p, prior, energy, root, scales, norm_i[i])
                                : likelihood_terms(p, prior, energy, root, scales);
          }
          const u64 at = (u64)i * p.stride + o;
          base_io[at] = terms.base;
          bound_io[at] = terms.bound;
          if (correlation) factor_io[at] = terms.factor;
        }
    }
}

}  // namespace screening
