// both_ik = (masked image, image without mask), for view_sums.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> images: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> unmasked: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> both: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id < p.count) { both[id] = vec4f(images[id], unmasked[id]); }
}
