// Weights below their particle's threshold to 0, the others divided by its sum.
//#include common/groups.wgsl
//#include common/segments.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, children: u32, particles: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> threshold: array<f32>;
@group(0) @binding(4) var<storage, read_write> sum_i: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let i = particle_of(id / p.children, p.particles);
  let value = values[id];
  values[id] = select(value / sum_i[i], 0.0, value < threshold[i]);
}
