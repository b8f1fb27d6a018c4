// Mean of both half sets inside r^2 <= limit, written to both.
//#include common/groups.wgsl
//#include common/centred.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, radius: u32, limit: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> data1: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> weight1: array<f32>;
@group(0) @binding(3) var<storage, read_write> data2: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> weight2: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count || length2(centred_point(p.radius, id)) > p.limit) { return; }
  let data = 0.5 * (data1[id] + data2[id]);
  let weight = 0.5 * (weight1[id] + weight2[id]);
  data1[id] = data;
  data2[id] = data;
  weight1[id] = weight;
  weight2[id] = weight;
}
