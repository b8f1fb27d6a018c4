// matrices[(c, d, a)] = transposed Rz(psi) x direction, for candidate c, child d of its direction and child a of its in-plane angle; candidates by
// particle, direction and angle. One thread a matrix (nine numbers, row-major).
#include "common/segments.cuh"

KERNEL(list_orientations, 256)(
  const u32* starts, const u32* direction_starts, const u32* direction_list, const u32* psi_starts, const u32* psi_list, const real* directions,
  const real2* psis, real* matrices, u64 count, u32 particles, u32 direction_children, u32 psi_children
) {
  const u64 at = thread_index();
  if (at >= count) return;
  const Place place = place_of(at, direction_children * psi_children);
  const u32 candidate = (u32)place.row;
  const u32 i = particle_of(starts, candidate, particles);
  const u32 n = candidate - starts[i];
  const u32 angles = psi_starts[i + 1] - psi_starts[i];
  const u32 direction = direction_list[direction_starts[i] + n / angles] * direction_children + place.column / psi_children;
  const real2 turn = psis[psi_list[psi_starts[i] + n % angles] * psi_children + place.column % psi_children];
  const real* const row = directions + 9 * (u64)direction;
  real* const matrix = matrices + 9 * at;
  for (u32 column = 0; column < 3; column++) {
    const real x = row[column], y = row[3 + column];
    matrix[3 * column] = turn.x * x + turn.y * y;
    matrix[3 * column + 1] = turn.x * y - turn.y * x;
    matrix[3 * column + 2] = row[6 + column];
  }
}
