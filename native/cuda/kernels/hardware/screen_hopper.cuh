#pragma once
// Products of the screen (common/screen.cuh) on compute capability 9.0. Blocks stay: one warp copies operands by tensor maps, Stages ahead and
// into the next tile; two warpgroups of 64 orientations x N columns multiply and make scores of them.
#include "common/screen_epilogue.cuh"
#include "hopper.cuh"
#include "wgmma.cuh"

using namespace screening;

constexpr u32 consumers = 256;
constexpr u32 row_bytes = 128;
constexpr u32 a_bytes = tile_rows * row_bytes;

// Stages first: their tiles begin at multiples of 1024 bytes.
template <u32 N, u32 Stages>
struct Pipeline {
  static const u32 stage_bytes = a_bytes + N * row_bytes;
  u32 stages, full, empty, terms_full, terms_empty;

  __device__ Pipeline(char* shared) {
    stages = shared_address(shared);
    full = stages + Stages * stage_bytes;
    empty = full + 8 * Stages;
    terms_full = empty + 8 * Stages;
    terms_empty = terms_full + 8;
  }
  static const u32 bytes = Stages * stage_bytes + 16 * Stages + 16;

  __device__ void init() const {
    if (threadIdx.x == 0) {
      for (u32 s = 0; s < Stages; s++) {
        barrier_init(full + 8 * s, 1);
        barrier_init(empty + 8 * s, consumers / 128);
      }
      barrier_init(terms_full, 1);
      barrier_init(terms_empty, consumers);
      asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();
  }
};

// Position in the ring of stages.
template <u32 Stages>
struct Ring {
  u32 stage = 0, phase = 0;
  __device__ void advance() {
    if (++stage == Stages) {
      stage = 0;
      phase ^= 1;
    }
  }
};

template <u32 N, u32 Stages, class StepA, class StepB>
__device__ inline void produce(
  const Pipeline<N, Stages>& pipeline, Ring<Stages>& ring, const TensorMap* a, const TensorMap* b, u32 row_a, u32 row_b, u32 steps, StepA step_a,
  StepB step_b
) {
  for (u32 k = 0; k < steps; k++, ring.advance()) {
    const u32 full = pipeline.full + 8 * ring.stage;
    const u32 to = pipeline.stages + ring.stage * pipeline.stage_bytes;
    barrier_wait(pipeline.empty + 8 * ring.stage, ring.phase ^ 1);
    barrier_expect(full, pipeline.stage_bytes);
    copy_tile(to, a, step_a(k), row_a, full);
    copy_tile(to + a_bytes, b, step_b(k), row_b, full);
  }
}

template <u32 N, u32 Stages>
__device__ inline void consume(const Pipeline<N, Stages>& pipeline, Ring<Stages>& ring, u32 steps, float (&sums)[N / 8][4]) {
  const u32 group = threadIdx.x / 128;
  u32 before = 0;
  for (u32 k = 0; k < steps; k++) {
    const u32 at = pipeline.stages + ring.stage * pipeline.stage_bytes;
    barrier_wait(pipeline.full + 8 * ring.stage, ring.phase);
    warpgroup_begin();
#pragma unroll
    for (u32 kk = 0; kk < 4; kk++)
      Warpgroup<N>::multiply(sums, operand(at + group * 64 * row_bytes + 32 * kk), operand(at + a_bytes + 32 * kk), k > 0 || kk > 0);
    warpgroup_commit();
    warpgroup_wait<1>();
    if (k > 0 && threadIdx.x % 128 == 0) barrier_arrive(before);
    before = pipeline.empty + 8 * ring.stage;
    ring.advance();
  }
  warpgroup_wait<0>();
  if (threadIdx.x % 128 == 0) barrier_arrive(before);
}

template <u32 N, u32 Stages>
__device__ inline void score_tiles(
  char* shared_memory, const Screen& p, const TensorMap* slices, const TensorMap* columns, const float* base_io, const float* bound_io, const float* translation_it,
  const Scales* scales_i, float* row_max, u32* best_i, u16* scores
) {
  const Pipeline<N, Stages> pipeline(shared_memory);
  auto& memory = *(ScoreMemory<N>*)(shared_memory + (Pipeline<N, Stages>::bytes + 127) / 128 * 128);
  // As many slots as a tile has segments: base, then bound.
  float* terms = (float*)(&memory + 1);
  pipeline.init();
  const u32 row_tiles = p.stride / tile_rows;
  const u32 tiles = row_tiles * p.column_tiles;
  const u32 steps = p.width / 64;
  auto along = [](u32 k) { return k * 64; };
  Ring<Stages> ring;
  u32 phase = 0;
  if (threadIdx.x >= consumers) {
    if (threadIdx.x > consumers) return;
    const u32 to = shared_address(terms);
    for (u32 at = blockIdx.x; at < tiles; at += gridDim.x, phase ^= 1) {
      const Tile tile = tile_of(at, row_tiles, p.column_tiles);
      const u32 first = tile.column * p.per_tile;
      produce(pipeline, ring, slices, columns, tile.row * tile_rows, (u32)segment_column(p, first), steps, along, along);
      const u32 count = least(p.per_tile, p.segments - first);
      barrier_wait(pipeline.terms_empty, phase ^ 1);
      barrier_expect(pipeline.terms_full, 2 * count * tile_rows * 4);
      for (u32 slot = 0; slot < count; slot++) {
        const u64 from = (u64)((first + slot) / p.chunks) * p.stride + tile.row * tile_rows;
        copy_row(to + slot * tile_rows * 4, base_io + from, tile_rows * 4, pipeline.terms_full);
        copy_row(to + (p.per_tile + slot) * tile_rows * 4, bound_io + from, tile_rows * 4, pipeline.terms_full);
      }
    }
    return;
  }
  float sums[1][N / 8][4];
  const u32 row0 = threadIdx.x / 32 * 16;
  auto base = [&](u32 slot, u32 row) { return terms[slot * tile_rows + row]; };
  auto bound = [&](u32 slot, u32 row) { return terms[(p.per_tile + slot) * tile_rows + row]; };
  for (u32 at = blockIdx.x; at < tiles; at += gridDim.x, phase ^= 1) {
    const Tile tile = tile_of(at, row_tiles, p.column_tiles);
    const u32 first = tile.column * p.per_tile;
    const Column column = threadIdx.x < N ? column_of(p, tile.column, threadIdx.x, translation_it, scales_i) : Column{log_zero, 0, most_segments(N)};
    auto seen = [&](u32 slot) { return __ldcg(best_i + (first + slot) / p.chunks); };
    consume(pipeline, ring, steps, sums[0]);
    const ScoreEpilogue<N, 1, N / 8, consumers> epilogue{p, memory, tile.row, tile.column, threadIdx.x};
    meet<consumers>();
    epilogue.prepare(column);
    meet<consumers>();
    epilogue.scores(sums, row0, 0, [](u32, u32) { return 1.0f; });
    barrier_wait(pipeline.terms_full, phase);
    meet<consumers>();
    epilogue.row_maxima(base, row_max, best_i);
    meet<consumers>();
    epilogue.needs(base, bound, seen);
    barrier_arrive(pipeline.terms_empty);
    meet<consumers>();
    epilogue.write(sums, row0, 0, scores);
  }
}
