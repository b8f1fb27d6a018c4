// constant_i = 1/2 sum_k w_ik |X_ik|^2, or sum_k |X_ik|^2 (`plain`). One workgroup a particle; lanes stride through the pixels, then a tree.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, pixels: u32, plain: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> images: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> constants: array<f32>;
var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group_index(wid);
  if (i >= p.end_group) { return; }
  var sum = 0.0;
  for (var k = lane; k < p.pixels; k += 64u) {
    let x = images[i * p.pixels + k];
    if (p.plain != 0u) { sum += dot(x, x); }
    else { sum += 0.5 * weights[i * p.pixels + k] * dot(x, x); }
  }
  sums[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
  if (lane == 0u) { constants[i] = sums[0]; }
}
