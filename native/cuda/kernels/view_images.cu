// both_ik = (masked image, CTF w x image without mask), for view_sums; energies_ik = CTF^2 w.
#include "common/base.cuh"

KERNEL(view_images, 256)(
  const real2* images, const real2* unmasked, const real* ctf, const real* weights, real4* both, real* energies, u64 count
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const real factor = ctf[id] * weights[id];
  both[id] = {images[id].x, images[id].y, factor * unmasked[id].x, factor * unmasked[id].y};
  energies[id] = ctf[id] * factor;
}
