// The point of a pixel at an inverse orientation (`matrices`, nine numbers each), in elements of the padded array.
fn slice_point(orientation: u32, x: f32, y: f32, padding: f32) -> vec3f {
  let m = 9u * orientation;
  return padding * vec3f(
    matrices[m] * x + matrices[m + 1u] * y,
    matrices[m + 3u] * x + matrices[m + 4u] * y,
    matrices[m + 6u] * x + matrices[m + 7u] * y,
  );
}
