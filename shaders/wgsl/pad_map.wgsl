// The map in the middle of a zero cube, divided by sinc^2(r / padded box) on request.
//#include common/groups.wgsl
//#include common/trig.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, box: u32, padded_box: u32, correct: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> map: array<f32>;
@group(0) @binding(2) var<storage, read_write> padded: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let margin = p.padded_box / 2u - p.box / 2u;
  let q = vec3u(id % p.padded_box, (id / p.padded_box) % p.padded_box, id / (p.padded_box * p.padded_box)) - margin;
  if (any(q >= vec3u(p.box))) {
    padded[id] = 0.0;
    return;
  }
  let value = map[(q.z * p.box + q.y) * p.box + q.x];
  let s = sinc(length(vec3f(q) - f32(p.box / 2u)) / f32(p.padded_box));
  padded[id] = select(value, value / (s * s), p.correct != 0u);
}
