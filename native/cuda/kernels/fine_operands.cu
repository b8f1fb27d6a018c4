// operands_ik = (Re w C X, Im w C X, 1/2 w C^2, |X|^2); w = 1 for correlations.
#include "common/base.cuh"

KERNEL(fine_operands, 256)(const real2* images, const real* ctf, const real* weights, real4* operands, u64 count, u32 correlation) {
  const u64 id = thread_index();
  if (id >= count) return;
  const real factor = correlation != 0 ? ctf[id] : ctf[id] * weights[id];
  const real2 image = images[id];
  operands[id] = {factor * image.x, factor * image.y, real(0.5) * factor * ctf[id], power(image)};
}
