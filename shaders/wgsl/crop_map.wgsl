// The middle of a padded cube, times `scale`.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, box: u32, padded_box: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> padded: array<f32>;
@group(0) @binding(2) var<storage, read_write> map: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let margin = p.padded_box / 2u - p.box / 2u;
  let q = vec3u(id % p.box, (id / p.box) % p.box, id / (p.box * p.box)) + margin;
  map[id] = p.scale * padded[(q.z * p.padded_box + q.y) * p.padded_box + q.x];
}
