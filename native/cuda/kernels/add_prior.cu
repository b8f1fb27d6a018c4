// weight = (weight + prior_s) / norm; prior_s < 0 stands for 1 / (0.001 weight). Outside the sphere the weight counts as 0.
#include "common/centred.cuh"

KERNEL(add_prior, 256)(real* weight, const real* prior, u64 count, u32 radius, u32 limit, u32 shells, u32 min_shell, double padding, real norm) {
  const u64 id = thread_index();
  if (id >= count) return;
  const u32 r2 = length2(centred_point(radius, id));
  const u32 shell = padded_shell(r2, padding);
  const real own = r2 <= limit ? weight[id] : real(0);
  real added = 0;
  if (r2 < limit && shell >= min_shell && shell < shells) {
    added = prior[shell];
    if (added < 0) added = own > real(1e-20) ? 1 / (real(0.001) * own) : real(0);
  }
  weight[id] = (own + added) / norm;
}
