// Blocked products of float32 matrices whose rows lie along the summed axis.
#ifndef CRYOTILE_PRODUCTS_H
#define CRYOTILE_PRODUCTS_H
#include "common.h"

// Rows of a and b of a register tile; steps of four numbers of a block; rows of a and b of a block.
enum { tile_a = 4, tile_b = 2, block_steps = 128, block_a = 48, block_b = 96 };

typedef struct {
  f4 values[block_steps * block_a];
} packed_a;
typedef struct {
  f4 values[block_steps * block_b];
} packed_b;

// Four numbers of a row from `at`, 0 beyond `width`.
static inline f4 some4(const float *row, u32 at, u32 width) {
  if (at + 4 <= width) return load4(row + at);
  f4 value = splat(0);
  for (u32 lane = 0; at + lane < width; lane++) value[lane] = row[at + lane];
  return value;
}

// Rows in tiles of `side`, step by step: [tile][step][row of the tile]; rows that are missing are 0.
static inline void pack(const float *rows, u32 stride, u32 count, u32 width, u32 side, f4 *out) {
  u32 steps = (width + 3) / 4, whole = width / 4;
  for (u32 tile = 0; tile < count; tile += side)
    for (u32 r = 0; r < side; r++) {
      f4 *to = out + tile * steps + r;
      const float *row = rows + (tile + r) * stride;
      if (tile + r >= count) {
        for (u32 step = 0; step < steps; step++) to[step * side] = splat(0);
        continue;
      }
      for (u32 step = 0; step < whole; step++) to[step * side] = load4(row + 4 * step);
      if (whole < steps) to[whole * side] = some4(row, 4 * whole, width);
    }
}

// sums_rc += (or =, `add` 0) sum over steps of a_r b_c, four partial sums by lane. sums: [block_a][block_b].
static void multiply(const f4 *a, const f4 *b, u32 rows, u32 columns, u32 steps, int add, float *sums) {
  for (u32 c = 0; c < columns; c += tile_b)
    for (u32 r = 0; r < rows; r += tile_a) {
      const f4 *pa = a + r * steps, *pb = b + c * steps;
      f4 sum[tile_a][tile_b];
#pragma clang loop unroll(full)
      for (u32 i = 0; i < tile_a; i++)
#pragma clang loop unroll(full)
        for (u32 j = 0; j < tile_b; j++) sum[i][j] = splat(0);
      for (u32 step = 0; step < steps; step++, pa += tile_a, pb += tile_b) {
        f4 vb[tile_b];
#pragma clang loop unroll(full)
        for (u32 j = 0; j < tile_b; j++) vb[j] = pb[j];
#pragma clang loop unroll(full)
        for (u32 i = 0; i < tile_a; i++) {
          f4 va = pa[i];
#pragma clang loop unroll(full)
          for (u32 j = 0; j < tile_b; j++) sum[i][j] += va * vb[j];
        }
      }
#pragma clang loop unroll(full)
      for (u32 i = 0; i < tile_a; i++)
#pragma clang loop unroll(full)
        for (u32 j = 0; j < tile_b; j++) {
          float *to = sums + (r + i) * block_b + c + j;
          float total = lanes_sum(sum[i][j]);
          *to = add ? *to + total : total;
        }
    }
}

// Numbers of each block of a sum over `width`: equal blocks, whole steps.
static inline u32 block_width(u32 width) {
  u32 blocks = (width + 4 * block_steps - 1) / (4 * block_steps);
  return ((width + blocks - 1) / blocks + 3) / 4 * 4;
}

#endif
