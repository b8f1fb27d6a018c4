// The centred half array of a padded half transform: elements with least <= r^2 <= limit, times scale (-1)^(x + y + z).
//#include common/groups.wgsl
//#include common/centred.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, radius: u32, padded_box: u32, least: u32, limit: u32, at: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> spectrum: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> projector: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let q = centred_point(p.radius, id);
  let columns = p.padded_box / 2u + 1u;
  var value = vec2f(0.0);
  if (length2(q) >= p.least && length2(q) <= p.limit && u32(q.x) < columns) {
    let row = vec3u(vec3i(q.x, select(q.y, q.y + i32(p.padded_box), q.y < 0), select(q.z, q.z + i32(p.padded_box), q.z < 0)));
    value = p.scale * spectrum[(row.z * p.padded_box + row.y) * columns + row.x];
    if (((q.x + q.y + q.z) & 1) != 0) { value = -value; }
  }
  projector[p.at + id] = value;
}
