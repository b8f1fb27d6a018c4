// terms_cik += sum over the views of particle i and class c in this block of (Re F A*, total |F|^2), F = CTF x slice, A the sum of its masked
// images. Views of a particle are in the order of their classes.
#include "common/base.cuh"

KERNEL(noise_terms, 256)(
  const u32* starts, const real2* slices, const real4* sums, const real* totals, const real* ctf, const u32* orientation, real2* terms, u64 count,
  u32 pixels, u32 rows_a_class, u32 first_row, u32 all_rows
) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place place = place_of(id, pixels);
  const u32 begin = starts[place.row], end = starts[place.row + 1];
  if (begin >= end) return;
  u32 slot = orientation[begin] / rows_a_class;
  real2 sum = terms[slot * count + id];
  for (u32 view = begin; view < end; view++) {
    const u32 own = orientation[view] / rows_a_class;
    if (own != slot) {
      terms[slot * count + id] = sum;
      slot = own;
      sum = terms[slot * count + id];
    }
    const u64 slice = all_rows != 0 ? orientation[view] - first_row : view;
    const real2 model = ctf[id] * slices[slice * pixels + place.column];
    const real4 image = sums[(u64)view * pixels + place.column];
    sum = sum + real2{dot(model, {image.x, image.y}), totals[view] * power(model)};
  }
  terms[slot * count + id] = sum;
}
