//#include common/slice_point.wgsl
// Slice of the centred half array `projector` number `base_at` / length, by trilinear interpolation at a pixel; 0 beyond `max_r2` (squared pixels).
fn slice_value(orientation: u32, base_at: u32, x: i32, y: i32, padding: f32, radius: i32, max_r2: f32) -> vec2f {
  if (f32(x * x + y * y) > max_r2) { return vec2f(0.0); }
  var q = slice_point(orientation, f32(x), f32(y), padding);
  let mirrored = q.x < 0.0;
  if (mirrored) { q = -q; }
  let base = floor(q);
  let f = q - base;
  // Rounding may put a point of the outermost shell on the far side of the array's last plane.
  let corner = clamp(vec3i(base), vec3i(0, -radius, -radius), vec3i(radius - 1));
  let columns = u32(radius + 1);
  let plane = columns * u32(2 * radius + 1);
  let at = base_at + centred_index(radius, corner);
  let low = mix(
    mix(projector[at], projector[at + 1u], f.x),
    mix(projector[at + columns], projector[at + columns + 1u], f.x),
    f.y,
  );
  let high = mix(
    mix(projector[at + plane], projector[at + plane + 1u], f.x),
    mix(projector[at + plane + columns], projector[at + plane + columns + 1u], f.x),
    f.y,
  );
  let value = mix(low, high, f.z);
  return select(value, vec2f(value.x, -value.y), mirrored);
}
