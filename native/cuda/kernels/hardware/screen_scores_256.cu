// Scores of the screen (screen_hopper.cuh), 256 columns a tile.
// Single precision.
// Dynamic shared memory: 232448 bytes.
#include "screen_hopper.cuh"

DYNAMIC_SHARED(shared_memory);

KERNEL(screen_scores_256, 288, 1)(
  const Screen* screen, const TensorMap* slices, const TensorMap* columns, const float* base_io, const float* bound_io, const float* translation_it,
  const Scales* scales_i, float* row_max, u32* best_i, u16* scores
) {
  const Screen p = *screen;
  score_tiles<256, 4>(shared_memory, p, slices, columns, base_io, bound_io, translation_it, scales_i, row_max, best_i, scores);
}
