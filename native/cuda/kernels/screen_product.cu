// Scores of the screen (common/screen.cuh) on tensor cores of compute capability 8.0 and up: tiles of 128 orientations x 128 columns, operands
// in shared memory as rows of 32 halfs whose 16-byte parts are permuted so that loads meet no bank twice, four stages, three of them on their
// way.
// Single precision.
// Dynamic shared memory: 65536 bytes.
#include "common/mma.cuh"
#include "common/screen_epilogue.cuh"

using namespace screening;

constexpr u32 threads = 256;
constexpr u32 columns = 128;
constexpr u32 step_halfs = 32;
constexpr u32 stages = 4;

struct Product {
  static constexpr u32 MT = 4;
  static constexpr u32 NT = columns / 32;
  static constexpr u32 parts = step_halfs / 8;
  static constexpr u32 stage_bytes = (tile_rows + columns) * step_halfs * 2;

  float sums[MT][NT][4];

  // Of the warp.
  __device__ static u32 first_row() { return threadIdx.x / 32 % 2 * 64; }
  __device__ static u32 first_column() { return threadIdx.x / 64 * (columns / 4); }

  // Byte of a 16-byte part in a stage.
  __device__ static u32 place(u32 row, u32 part) { return (row * parts + (part ^ row / 2 % 4)) * 16; }

  // Copy `rows` rows, beginning at row `first` of `available`.
  __device__ static void copy(u32 to, const __half* from, u32 rows, u64 first, u64 available, u32 stride, u32 k) {
    for (u32 at = threadIdx.x; at < rows * parts; at += threads) {
      const u32 row = at / parts;
      const bool inside = first + row < available;
      copy_async(to + place(row, at % parts), from + (inside ? first + row : 0) * stride + k + at % parts * 8, inside);
    }
  }

  // sums = a b^T over steps; `step_a(k)` and `step_b(k)` tell where step k begins in the rows.
  template <class StepA, class StepB>
  __device__ void run(
    char* shared, const __half* a, u64 a0, u64 a_rows, u32 a_stride, const __half* b, u64 b0, u64 b_rows, u32 b_stride, u32 steps, StepA step_a,
    StepB step_b
  ) {
    const u32 base = shared_address(shared);
    const u32 lane = threadIdx.x % 32;
    const u32 row0 = first_row();
    const u32 column0 = first_column();
#pragma unroll
    for (u32 m = 0; m < MT; m++)
#pragma unroll
      for (u32 n = 0; n < NT; n++)
#pragma unroll
        for (u32 e = 0; e < 4; e++) sums[m][n][e] = 0;
    auto load = [&](u32 k) {
      if (k < steps) {
        const u32 to = base + k % stages * stage_bytes;
        copy(to, a, tile_rows, a0, a_rows, a_stride, step_a(k));
        copy(to + tile_rows * step_halfs * 2, b, columns, b0, b_rows, b_stride, step_b(k));
      }
      commit_copies();
    };
    for (u32 k = 0; k + 1 < stages; k++) load(k);
    for (u32 k = 0; k < steps; k++) {
      wait_copies<stages - 2>();
      __syncthreads();
      load(k + stages - 1);
      const u32 at_a = base + k % stages * stage_bytes;
      const u32 at_b = at_a + tile_rows * step_halfs * 2;
#pragma unroll
      for (u32 kk = 0; kk < step_halfs / 16; kk++) {
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

DYNAMIC_SHARED(shared_memory);

// The product of a tile, then its epilogue: with factors and without stored scores for correlations.
template <bool correlation>
__device__ inline void score_tile(
  const Screen& p, const __half* slices_oc, const __half* columns_jc, const float* base_io, const float* bound_io, const float* factor_io,
  const float* translation_it, const Scales* scales_i, float* row_max, u32* best_i, u16* scores
) {
  const Tile tile = tile_of(blockIdx.x, p.stride / tile_rows, p.column_tiles);
  const u32 first_segment = tile.column * p.per_tile;
  Column column = {log_zero, 0, most_segments(columns)};
  if (threadIdx.x < columns) column = column_of(p, tile.column, threadIdx.x, translation_it, scales_i);
  Product product;
  auto along = [](u32 k) { return k * step_halfs; };
  product.run(
    shared_memory, slices_oc, (u64)tile.row * tile_rows, p.orientations, p.width, columns_jc, segment_column(p, first_segment),
    (u64)p.particles * p.translations, p.width, p.width / step_halfs, along, along
  );
  // The stages are free now.
  auto& memory = *(ScoreMemory<columns>*)shared_memory;
  const ScoreEpilogue<columns, Product::MT, Product::NT, threads> epilogue{p, memory, tile.row, tile.column, threadIdx.x};
  auto at = [&](const float* values, u32 slot, u32 row) {
    return values[(u64)((first_segment + slot) / p.chunks) * p.stride + tile.row * tile_rows + row];
  };
  auto base = [&](u32 slot, u32 row) { return at(base_io, slot, row); };
  auto bound = [&](u32 slot, u32 row) { return at(bound_io, slot, row); };
  auto factor = [&](u32 slot, u32 row) {
    return !correlation || first_segment + slot >= p.segments || slot >= p.per_tile ? 1.0f : at(factor_io, slot, row);
  };
  auto seen = [&](u32 slot) { return __ldcg(best_i + (first_segment + slot) / p.chunks); };
  epilogue.prepare(column);
  __syncthreads();
  epilogue.scores(product.sums, Product::first_row(), Product::first_column(), factor);
  __syncthreads();
  epilogue.row_maxima(base, row_max, best_i);
  if (correlation) return;
  __syncthreads();
  epilogue.needs(base, bound, seen);
  __syncthreads();
  epilogue.write(product.sums, Product::first_row(), Product::first_column(), scores);
}

KERNEL(screen_scores, 256, 2)(
  const Screen* screen, const __half* slices_oc, const __half* columns_jc, const float* base_io, const float* bound_io, const float* translation_it,
  const Scales* scales_i, float* row_max, u32* best_i, u16* scores
) {
  const Screen p = *screen;
  score_tile<false>(p, slices_oc, columns_jc, base_io, bound_io, nullptr, translation_it, scales_i, row_max, best_i, scores);
}

KERNEL(screen_correlations, 256, 2)(
  const Screen* screen, const __half* slices_oc, const __half* columns_jc, const float* base_io, const float* factor_io, const float* translation_it,
  const Scales* scales_i, float* row_max, u32* best_i
) {
  const Screen p = *screen;
  score_tile<true>(p, slices_oc, columns_jc, base_io, nullptr, factor_io, translation_it, scales_i, row_max, best_i, nullptr);
}

// Terms of rows: |a|^2 times W and |b|^2, both as high + low parts, three of the four products.
template <bool correlation>
__device__ inline void energy_tile(
  const Screen& p, const __half* power_oc, const __half* factor_rc, const float* orientation_o, const Scales* scales_i, const float* norm_i,
  float* base_io, float* bound_io, float* factor_io
) {
  const u32 rows = (p.particles + 7) / 8 * 16;
  const Tile tile = tile_of(blockIdx.x, p.stride / tile_rows, (rows + columns - 1) / columns);
  const u32 steps = p.energy_width / step_halfs;
  Product product;
  product.run(
    shared_memory, power_oc, (u64)tile.row * tile_rows, p.orientations, 2 * p.energy_width, factor_rc, (u64)tile.column * columns, rows,
    2 * p.energy_width, 3 * steps, [&](u32 k) { return (k < 2 * steps ? k : k - 2 * steps) * step_halfs; },
    [&](u32 k) { return (k < steps ? k : k - steps) * step_halfs; }
  );
  store_energies<correlation>(
    p, product.sums, tile.row * tile_rows + Product::first_row(), tile.column * columns + Product::first_column(), threadIdx.x, orientation_o,
    scales_i, norm_i, base_io, bound_io, factor_io
  );
}

KERNEL(screen_energy, 256, 2)(
  const Screen* screen, const __half* power_oc, const __half* factor_rc, const float* orientation_o, const Scales* scales_i, float* base_io,
  float* bound_io
) {
  const Screen p = *screen;
  energy_tile<false>(p, power_oc, factor_rc, orientation_o, scales_i, nullptr, base_io, bound_io, nullptr);
}

KERNEL(screen_norms, 256, 2)(
  const Screen* screen, const __half* power_oc, const __half* factor_rc, const float* orientation_o, const Scales* scales_i, const float* norm_i,
  float* base_io, float* bound_io, float* factor_io
) {
  const Screen p = *screen;
  energy_tile<true>(p, power_oc, factor_rc, orientation_o, scales_i, norm_i, base_io, bound_io, factor_io);
}
