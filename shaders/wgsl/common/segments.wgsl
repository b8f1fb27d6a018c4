// The particle of entry `at`: the last i with starts[i] <= at, for `count` particles (empty ones share a start).
fn particle_of(at: u32, count: u32) -> u32 {
  var low = 0u;
  var high = count;
  while (high - low > 1u) {
    let middle = (low + high) / 2u;
    if (starts[middle] <= at) { low = middle; } else { high = middle; }
  }
  return low;
}
