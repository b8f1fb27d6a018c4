// The half transform of a padded cube from data x estimate inside r^2 <= radius^2, times (-1)^(x + y + z), 0 elsewhere.
//#include common/groups.wgsl
//#include common/pixels.wgsl
//#include common/centred.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, radius: u32, padded_box: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> data: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> estimate: array<f32>;
@group(0) @binding(3) var<storage, read_write> spectrum: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let columns = p.padded_box / 2u + 1u;
  let row = id / columns;
  let q = vec3i(i32(id % columns), frequency(row % p.padded_box, p.padded_box), frequency(row / p.padded_box, p.padded_box));
  var value = vec2f(0.0);
  if (length2(q) <= p.radius * p.radius) {
    let at = centred_index(i32(p.radius), q);
    value = estimate[at] * data[at];
    if (((q.x + q.y + q.z) & 1) != 0) { value = -value; }
  }
  spectrum[id] = value;
}
