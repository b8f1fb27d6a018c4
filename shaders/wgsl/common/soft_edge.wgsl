// Raised cosine: 1 inside radius, 0 beyond radius + width. Needs trig.wgsl.
fn soft_edge(distance: f32, radius: f32, width: f32) -> f32 {
  if (distance < radius) { return 1.0; }
  if (distance > radius + width) { return 0.0; }
  return 0.5 - 0.5 * cis_turns((radius + width - distance) / (2.0 * width)).x;
}

// Distance of an element of a square or cube of `box` to its centre element.
fn centre_distance(at: u32, box: u32, depth: u32) -> f32 {
  let c = f32(box / 2u);
  let x = f32(at % box) - c;
  let y = f32((at / box) % box) - c;
  let z = select(f32(at / (box * box)) - c, 0.0, depth == 1u);
  return sqrt(x * x + y * y + z * z);
}
