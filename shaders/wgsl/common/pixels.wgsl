// Pixels of a half transform, packed as x | y << 16.
fn pixel_x(packed: u32) -> i32 {
  return i32(packed & 0xffffu);
}

fn pixel_y(packed: u32) -> i32 {
  return i32(packed) >> 16u;
}

// Frequency of index i of an axis of n in FFT order: n / 2 is positive.
fn frequency(i: u32, n: u32) -> i32 {
  return select(i32(i) - i32(n), i32(i), 2u * i <= n);
}

// round(sqrt(r2)), exact: halves never occur.
fn shell_of(r2: u32) -> u32 {
  var s = u32(sqrt(f32(r2)) + 0.5);
  if (r2 > s * s + s) { s += 1u; }
  if (s > 0u && r2 <= s * s - s) { s -= 1u; }
  return s;
}
