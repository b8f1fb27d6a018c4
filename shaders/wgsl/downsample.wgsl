// out = data / weight on the grid without padding: elements that round to the same frequency are added; 0 where the weight is 0.
//#include common/groups.wgsl
//#include common/centred.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, radius: u32, out_radius: u32, padding: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> data: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<vec2f>;

// round(k / padding), halves away from zero
fn rounded(k: i32) -> i32 {
  let size = i32(floor(f32(abs(k)) / p.padding + 0.5));
  return select(size, -size, k < 0);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let wanted = centred_point(p.out_radius, id);
  let radius = i32(p.radius);
  let reach = i32(ceil(0.5 * p.padding)) + 1;
  let middle = vec3i(round(vec3f(wanted) * p.padding));
  let low = max(middle - reach, vec3i(0, -radius, -radius));
  let high = min(middle + reach, vec3i(radius));
  var sum = vec3f(0.0);
  for (var z = low.z; z <= high.z; z += 1) {
    if (rounded(z) != wanted.z) { continue; }
    for (var y = low.y; y <= high.y; y += 1) {
      if (rounded(y) != wanted.y) { continue; }
      for (var x = low.x; x <= high.x; x += 1) {
        if (rounded(x) != wanted.x) { continue; }
        let at = centred_index(radius, vec3i(x, y, z));
        sum += vec3f(data[at], weight[at]);
      }
    }
  }
  result[id] = select(vec2f(0.0), sum.xy / sum.z, sum.z > 0.0);
}
