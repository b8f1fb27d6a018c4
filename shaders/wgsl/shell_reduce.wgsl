// sums_s4 = sum over planes of partial_zs4, in order.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, shells: u32, planes: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> partials: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let shell = group_index(wid) * 64u + lane;
  if (shell >= p.shells) { return; }
  var sum = vec4f(0.0);
  for (var plane = 0u; plane < p.planes; plane += 1u) { sum += partials[plane * p.shells + shell]; }
  sums[shell] = sum;
}
