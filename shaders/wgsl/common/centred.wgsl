// Centred half arrays: x = 0 .. radius, y and z = -radius .. radius.
fn centred_index(radius: i32, q: vec3i) -> u32 {
  return u32(((q.z + radius) * (2 * radius + 1) + q.y + radius) * (radius + 1) + q.x);
}

fn centred_point(radius: u32, index: u32) -> vec3i {
  let columns = radius + 1u;
  let side = 2u * radius + 1u;
  let row = index / columns;
  return vec3i(i32(index % columns), i32(row % side) - i32(radius), i32(row / side) - i32(radius));
}

fn length2(q: vec3i) -> u32 {
  return u32(q.x * q.x + q.y * q.y + q.z * q.z);
}

// round(sqrt(r2) / padding), exact for whole paddings.
fn padded_shell(r2: u32, padding: f32) -> u32 {
  var s = u32(sqrt(f32(r2)) / padding + 0.5);
  let above = (f32(s) + 0.5) * padding;
  if (f32(r2) >= above * above) { s += 1u; }
  let below = (f32(s) - 0.5) * padding;
  if (s > 0u && f32(r2) < below * below) { s -= 1u; }
  return s;
}

// floor(sqrt(r2) / padding)
fn padded_floor(r2: u32, padding: f32) -> u32 {
  var s = u32(sqrt(f32(r2)) / padding);
  let above = (f32(s) + 1.0) * padding;
  if (f32(r2) >= above * above) { s += 1u; }
  let below = f32(s) * padding;
  if (s > 0u && f32(r2) < below * below) { s -= 1u; }
  return s;
}
