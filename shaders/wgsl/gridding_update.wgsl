// estimate /= max(1e-6, |grid|) inside r^2 < limit; grid in the order of an odd FFT.
//#include common/groups.wgsl
//#include common/centred.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, radius: u32, limit: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> estimate: array<f32>;
@group(0) @binding(2) var<storage, read_write> grid: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let q = centred_point(p.radius, id);
  if (length2(q) >= p.limit) { return; }
  let side = i32(2u * p.radius + 1u);
  let row = vec3u((q + side) % side);
  estimate[id] /= max(1e-6, length(grid[(row.z * u32(side) + row.y) * (p.radius + 1u) + u32(q.x)]));
}
