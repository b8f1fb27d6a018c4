// operands_ik = (Re w C X, Im w C X, 1/2 w C^2, |X|^2); w = 1 for correlations.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, correlation: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> images: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> ctf: array<f32>;
@group(0) @binding(3) var<storage, read_write> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> operands: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  var factor = ctf[id];
  if (p.correlation == 0u) { factor *= weights[id]; }
  operands[id] = vec4f(factor * images[id], 0.5 * factor * ctf[id], dot(images[id], images[id]));
}
