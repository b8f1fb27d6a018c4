// Views added to rows of numerator_vk (the sums of their weighted images without mask) and of weight_vk (CTF^2 w x total_v), in order.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, pixels: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> merged: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> members: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> totals: array<f32>;
@group(0) @binding(5) var<storage, read_write> energies: array<f32>;
@group(0) @binding(6) var<storage, read_write> numerator: array<vec2f>;
@group(0) @binding(7) var<storage, read_write> weight: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let k = id % p.pixels;
  let own = merged[id / p.pixels];
  let end = merged[id / p.pixels + 1u].x;
  let out = own.y * p.pixels + k;
  var image = numerator[out];
  var energy = weight[out];
  for (var at = own.x; at < end; at += 1u) {
    let member = members[at];
    image += sums[member.x * p.pixels + k].zw;
    energy += energies[member.y * p.pixels + k] * totals[member.x];
  }
  numerator[out] = image;
  weight[out] = energy;
}
