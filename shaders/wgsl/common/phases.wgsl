// Phase of translation t at a pixel, from `phases`: [t][size / 2 + 1] for x, then from p.y_at [t][size] for y.
fn phase_at(t: u32, x: i32, y: i32, size: u32) -> vec2f {
  return cmul(phases[t * (size / 2u + 1u) + u32(x)], phases[p.y_at + t * size + u32(y + i32(size / 2u) - 1)]);
}
