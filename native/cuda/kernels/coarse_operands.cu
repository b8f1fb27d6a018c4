// Operands of the coarse pass. Columns j = (i, t):
//   products:    shifted_jk = w C X e,      energy_ik = 1/2 w C^2
//   correlation: shifted_jk = C X e,        energy_ik = C^2
//   tiles:       shifted_jk = sqrt(w) X e,  energy_ik = C sqrt(w)
#include "common/phases.cuh"
#include "common/pixels.cuh"

enum Mode : u32 { products, correlation, tiles };

KERNEL(coarse_operands, 256)(
  const real2* images, const real* ctf, const real* weights, const real2* phases, const u32* xy, real2* shifted, real* energy, u64 count, u32 pixels,
  u32 translations, u32 size, u32 y_at, u32 mode
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place column = place_of(id, pixels);
  const Place image = place_of(column.row, translations);
  const u32 k = column.column, t = image.column;
  const u64 at = image.row * pixels + k;
  const real c = ctf[at];
  real factor = c;
  real second = c * c;
  if (mode == products) {
    factor = weights[at] * c;
    second = real(0.5) * factor * c;
  } else if (mode == tiles) {
    factor = sqrt(weights[at]);
    second = c * factor;
  }
  shifted[id] = factor * cmul(images[at], phase_at(phases, y_at, size, t, pixel_x(xy[k]), pixel_y(xy[k])));
  if (t == 0) energy[at] = second;
}
