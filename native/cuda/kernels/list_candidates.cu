// Log prior of every candidate, by class and candidate: class + direction + in-plane angle; and the first coarse sample of each, by particle, class
// and candidate (`own_translation`: that of the particle's number). One thread a row (particle, class, candidate).
#include "common/listed.cuh"

constexpr real log_zero = real(-1e30);

KERNEL(list_candidates, 256)(
  const u32* starts, const u32* direction_starts, const real* direction_prior, const u32* psi_starts, const real* psi_prior,
  const real* class_prior, real* prior, u32* first_sample, u64 count, u32 particles, u32 classes, u32 translations, u32 own_translation
) {
  const u64 at = thread_index();
  if (at >= count) return;
  const u32 i = particle_of(starts, (u32)(at / classes), particles);
  const u32 first = starts[i];
  const u32 members = starts[i + 1] - first;
  const u32 row = (u32)(at - (u64)classes * first);
  const u32 n = row % members;
  const u32 angles = psi_starts[i + 1] - psi_starts[i];
  const u32 o = listed_orientation(row, first, members, (u32)(count / classes));
  const real of_class = class_prior[row / members];
  real value = log_zero;
  if (of_class > log_zero) value = of_class + direction_prior[direction_starts[i] + n / angles] + psi_prior[psi_starts[i] + n % angles];
  prior[o] = value;
  first_sample[at] = o * translations + own_translation * i;
}
