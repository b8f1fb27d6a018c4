// spectrum *= raised cosine from 1 at radius `low` to 0 at `high`.
//#include common/groups.wgsl
//#include common/pixels.wgsl
//#include common/trig.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, n: u32, low: f32, high: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> spectrum: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let columns = p.n / 2u + 1u;
  let x = f32(id % columns);
  let y = f32(frequency((id / columns) % p.n, p.n));
  let z = f32(frequency(id / columns / p.n, p.n));
  let radius = sqrt(x * x + y * y + z * z);
  if (radius < p.low) { return; }
  var factor = 0.0;
  if (radius <= p.high) { factor = 0.5 + 0.5 * cis_turns((radius - p.low) / (2.0 * (p.high - p.low))).x; }
  spectrum[id] *= factor;
}
