// Real rows as complex rows of the same length (odd lengths).
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> rows: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = group_index(wid) * 64u + lane;
  if (at < p.count) { rows[at] = vec2f(values[at], 0.0); }
}
