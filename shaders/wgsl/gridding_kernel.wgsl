// values_zyx *= kernel[|index| scale], indices counted from element 0 both ways; 0 beyond the table.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, side: u32, entries: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> table: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let index = vec3u(id % p.side, (id / p.side) % p.side, id / (p.side * p.side));
  let q = vec3f(index) - select(vec3f(0.0), vec3f(f32(p.side)), index >= vec3u(p.side / 2u));
  let entry = u32(sqrt(dot(q, q)) * p.scale);
  var factor = 0.0;
  if (entry < p.entries) { factor = table[entry]; }
  values[id] *= factor;
}
