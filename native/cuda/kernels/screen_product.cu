// Scores of the screen (common/screen.cuh) on tensor cores of compute capability 8.0 and up: tiles of 128 orientations x N columns, operands
// in shared memory as rows of Depth halfs whose 16-byte parts are permuted so that loads meet no bank twice, copied Stages - 1 ahead.
#include "common/mma.cuh"
#include "common/screen_epilogue.cuh"

extern __shared__ __align__(1024) char shared_memory[];

template <u32 N, u32 Depth, u32 Stages>
struct Product {
  static const u32 threads = 256;
  static const u32 MT = 4;
  static const u32 NT = N / 32;
  static const u32 parts = Depth / 8;
  static const u32 stage_bytes = (tile_rows + N) * Depth * 2;

  float sums[MT][NT][4];

  // Byte of a 16-byte part in a stage.
  __device__ static u32 place(u32 row, u32 part) {
    const u32 turn = Depth == 64 ? row % 8 : row / 2 % 4;
    return (row * parts + (part ^ turn)) * 16;
  }

  // Copy `rows` rows, beginning at row `first` of `available`.
  __device__ static void copy(u32 to, const __half* from, u32 rows, u64 first, u64 available, u32 stride, u32 k) {
    for (u32 at = threadIdx.x; at < rows * parts; at += threads) {
      const u32 row = at / parts;
      const bool inside = first + row < available;
      copy_async(to + place(row, at % parts), from + (inside ? first + row : 0) * stride + k + at % parts * 8, inside);
    }
  }

  // sums = a b^T over steps of Depth; `step_a(k)` and `step_b(k)` tell where step k begins in the rows.
  template <class StepA, class StepB>
  __device__ void run(
    char* shared, const __half* a, u64 a0, u64 a_rows, u32 a_stride, const __half* b, u64 b0, u64 b_rows, u32 b_stride, u32 steps, StepA step_a,
    StepB step_b
  ) {
    const u32 base = shared_address(shared);
    const u32 lane = threadIdx.x % 32;
    const u32 row0 = threadIdx.x / 32 % 2 * 64;
    const u32 column0 = threadIdx.x / 64 * (N / 4);
#pragma unroll
    for (u32 m = 0; m < MT; m++)
#pragma unroll
      for (u32 n = 0; n < NT; n++)
#pragma unroll
        for (u32 e = 0; e < 4; e++) sums[m][n][e] = 0;
    auto load = [&](u32 k) {
      if (k < steps) {
        const u32 to = base + k % Stages * stage_bytes;
        copy(to, a, tile_rows, a0, a_rows, a_stride, step_a(k));
        copy(to + tile_rows * Depth * 2, b, N, b0, b_rows, b_stride, step_b(k));
      }
      commit_copies();
    };
    for (u32 k = 0; k + 1 < Stages; k++) load(k);
    for (u32 k = 0; k < steps; k++) {
      wait_copies<Stages - 2>();
      __syncthreads();
      load(k + Stages - 1);
      const u32 at_a = base + k % Stages * stage_bytes;
      const u32 at_b = at_a + tile_rows * Depth * 2;
#pragma unroll
      for (u32 kk = 0; kk < Depth / 16; kk++) {
        u32 fa[MT][4];
        u32 fb[NT / 2][4];
#pragma unroll
        for (u32 m = 0; m < MT; m++) load_matrices(fa[m], at_a + place(row0 + 16 * m + lane % 16, 2 * kk + lane / 16));
#pragma unroll
        for (u32 n = 0; n < NT / 2; n++)
          load_matrices(fb[n], at_b + place(column0 + 16 * n + lane % 8 + lane / 16 * 8, 2 * kk + lane / 8 % 2));
#pragma unroll
        for (u32 m = 0; m < MT; m++)
#pragma unroll
          for (u32 n = 0; n < NT; n++) multiply(sums[m][n], fa[m], fb[n / 2][n % 2 * 2], fb[n / 2][n % 2 * 2 + 1]);
      }
    }
    wait_copies<0>();
    __syncthreads();
  }
};

template <u32 N, u32 Depth, u32 Stages>
__device__ inline void score_tile(
  const Screen& p, const __half* slices_oc, const __half* columns_jc, const float* base_io, const float* bound_io, const float* translation_it,
  const Scales* scales_i, float* row_max, u32* best_i, u16* scores
) {
  using Tiles = Product<N, Depth, Stages>;
  const Tile tile = tile_of(blockIdx.x, p.stride / tile_rows, p.column_tiles);
  const u32 first_segment = tile.column * p.per_tile;
  Column column = {log_zero, 0, most_segments(N)};
  if (threadIdx.x < N) column = column_of(p, tile.column, threadIdx.x, translation_it, scales_i);
  Tiles product;
  auto along = [](u32 k) { return k * Depth; };
  product.run(
    shared_memory, slices_oc, (u64)tile.row * tile_rows, p.orientations, p.width, columns_jc, segment_column(p, first_segment),
    (u64)p.particles * p.translations, p.width, p.width / Depth, along, along
  );
  // The stages are free now.
  auto& memory = *(ScoreMemory<N>*)shared_memory;
  const ScoreEpilogue<N, Tiles::MT, Tiles::NT, Tiles::threads> epilogue{p, memory, tile.row, tile.column, threadIdx.x};
  const u32 row0 = threadIdx.x / 32 % 2 * 64;
  const u32 column0 = threadIdx.x / 64 * (N / 4);
  auto at = [&](const float* values, u32 slot, u32 row) {
    return values[(u64)((first_segment + slot) / p.chunks) * p.stride + tile.row * tile_rows + row];
  };
  auto base = [&](u32 slot, u32 row) { return at(base_io, slot, row); };
  auto bound = [&](u32 slot, u32 row) { return at(bound_io, slot, row); };
  auto seen = [&](u32 slot) { return __ldcg(best_i + (first_segment + slot) / p.chunks); };
  epilogue.prepare(column);
  __syncthreads();
  epilogue.scores(product.sums, row0, column0);
  __syncthreads();
  epilogue.row_maxima(base, row_max, best_i);
  __syncthreads();
  epilogue.needs(base, bound, seen);
  __syncthreads();
  epilogue.write(product.sums, row0, column0, scores);
}

#define SCREEN_SCORES(N, DEPTH, STAGES, BLOCKS)                                                                                              \
  extern "C" __global__ void __launch_bounds__(256, BLOCKS) screen_scores_##N##_##DEPTH##_##STAGES(                                          \
    const Screen* screen, const __half* slices_oc, const __half* columns_jc, const float* base_io, const float* bound_io,                    \
    const float* translation_it, const Scales* scales_i, float* row_max, u32* best_i, u16* scores                                       \
  ) {                                                                                                                                        \
    const Screen p = *screen;                                                                                                                \
    score_tile<N, DEPTH, STAGES>(p, slices_oc, columns_jc, base_io, bound_io, translation_it, scales_i, row_max, best_i, scores);             \
  }

SCREEN_SCORES(128, 32, 4, 2)
SCREEN_SCORES(128, 64, 3, 2)
SCREEN_SCORES(192, 32, 4, 1)
SCREEN_SCORES(256, 32, 4, 1)
SCREEN_SCORES(256, 64, 3, 1)

// base_io and bound_io: |a|^2 times W and |b|^2, both as high + low parts, three of the four products.
extern "C" __global__ void __launch_bounds__(256, 2) screen_energy(
  const Screen* screen, const __half* power_oc, const __half* factor_rc, const float* orientation_o, const Scales* scales_i, float* base_io,
  float* bound_io
) {
  using Tiles = Product<128, 64, 3>;
  const Screen p = *screen;
  const u32 rows = (p.particles + 7) / 8 * 16;
  const Tile tile = tile_of(blockIdx.x, p.stride / tile_rows, (rows + 127) / 128);
  const u32 steps = p.energy_width / 64;
  Tiles product;
  product.run(
    shared_memory, power_oc, (u64)tile.row * tile_rows, p.orientations, 2 * p.energy_width, factor_rc, (u64)tile.column * 128, rows,
    2 * p.energy_width, 3 * steps, [&](u32 k) { return (k < 2 * steps ? k : k - 2 * steps) * 64; },
    [&](u32 k) { return (k < steps ? k : k - steps) * 64; }
  );
  store_energies(
    p, product.sums, tile.row * tile_rows + threadIdx.x / 32 % 2 * 64, tile.column * 128 + threadIdx.x / 64 * 32, threadIdx.x, orientation_o,
    scales_i, base_io, bound_io
  );
}
