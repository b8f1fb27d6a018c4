// both_ik = (masked image, CTF w x image without mask), for view_sums; energies_ik = CTF^2 w.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> images: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> unmasked: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> ctf: array<f32>;
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> both: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> energies: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let factor = ctf[id] * weights[id];
  both[id] = vec4f(images[id], factor * unmasked[id]);
  energies[id] = ctf[id] * factor;
}
