// numerator_vk = CTF w_k x (sum of the images without mask), weight_vk = CTF^2 w_k x total_v.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, pixels: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> views: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> totals: array<f32>;
@group(0) @binding(4) var<storage, read_write> ctf: array<f32>;
@group(0) @binding(5) var<storage, read_write> weights: array<f32>;
@group(0) @binding(6) var<storage, read_write> numerator: array<vec2f>;
@group(0) @binding(7) var<storage, read_write> weight: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let view = id / p.pixels;
  let at = views[view].y * p.pixels + id % p.pixels;
  let factor = ctf[at] * weights[at];
  numerator[id] = factor * sums[id].zw;
  weight[id] = ctf[at] * factor * totals[view];
}
