// map /= sinc^2(r / padded box): the transform of the trilinear kernel.
//#include common/groups.wgsl
//#include common/trig.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, box: u32, padded_box: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> map: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let q = vec3f(vec3u(id % p.box, (id / p.box) % p.box, id / (p.box * p.box))) - f32(p.box / 2u);
  let s = sinc(length(q) / f32(p.padded_box));
  map[id] /= s * s;
}
