// base_io and bound_io of the screen (screen_hopper.cuh), as screen_energy of screen_product.cu.
// Single precision.
// Dynamic shared memory: 197632 bytes.
#include "screen_hopper.cuh"

DYNAMIC_SHARED(shared_memory);

KERNEL(screen_energy_hopper, 288, 1)(
  const Screen* screen, const TensorMap* power, const TensorMap* factors, const float* orientation_o, const Scales* scales_i, float* base_io,
  float* bound_io
) {
  const Screen p = *screen;
  const Pipeline<256, 4> pipeline(shared_memory);
  pipeline.init();
  const u32 row_tiles = p.stride / tile_rows;
  const u32 column_tiles = ((p.particles + 7) / 8 * 16 + 255) / 256;
  const u32 steps = p.energy_width / 64;
  Ring<4> ring;
  const bool producer = threadIdx.x >= consumers;
  if (threadIdx.x > consumers) return;
  float sums[1][32][4];
  for (u32 at = blockIdx.x; at < row_tiles * column_tiles; at += gridDim.x) {
    const Tile tile = tile_of(at, row_tiles, column_tiles);
    if (producer) {
      produce(
        pipeline, ring, power, factors, tile.row * tile_rows, tile.column * 256, 3 * steps,
        [&](u32 k) { return (k < 2 * steps ? k : k - 2 * steps) * 64; }, [&](u32 k) { return (k < steps ? k : k - steps) * 64; }
      );
      continue;
    }
    consume(pipeline, ring, 3 * steps, sums[0]);
    store_energies<false>(
      p, sums, tile.row * tile_rows + threadIdx.x / 32 * 16, tile.column * 256, threadIdx.x, orientation_o, scales_i, nullptr, base_io, bound_io,
      nullptr
    );
  }
}
