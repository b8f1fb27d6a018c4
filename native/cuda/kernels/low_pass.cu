// spectrum *= raised cosine from 1 at radius `low` to 0 at `high`.
#include "common/pixels.cuh"
#include "common/trig.cuh"

KERNEL(low_pass, 256)(real2* spectrum, u64 count, u32 n, real low, real high) {
  const u64 id = thread_index();
  if (id >= count) return;
  const Place row = place_of(id, n / 2 + 1);
  const Place plane = place_of(row.row, n);
  const real x = (real)row.column;
  const real y = (real)frequency(plane.column, n);
  const real z = (real)frequency((u32)plane.row, n);
  const real radius = sqrt(x * x + y * y + z * z);
  if (radius < low) return;
  const real factor = radius <= high ? real(0.5) + real(0.5) * cis_turns((radius - low) / (2 * (high - low))).x : real(0);
  spectrum[id] = factor * spectrum[id];
}
