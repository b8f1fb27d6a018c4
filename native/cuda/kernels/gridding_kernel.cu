// values_zyx *= kernel[|index| scale], indices counted from element 0 both ways; 0 beyond the table.
#include "common/base.cuh"

__device__ inline double signed_index(u64 at, u32 side) { return (double)at - (at >= side / 2 ? (double)side : 0.0); }

KERNEL(gridding_kernel, 256)(real* values, const real* table, u64 count, u32 side, u32 entries, double scale) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place row = place_of(id, side);
  const Place plane = place_of(row.row, side);
  const double x = signed_index(row.column, side);
  const double y = signed_index(plane.column, side);
  const double z = signed_index(plane.row, side);
  const double entry = sqrt(x * x + y * y + z * z) * scale;
  values[id] *= entry < (double)entries ? table[(u32)entry] : real(0);
}
