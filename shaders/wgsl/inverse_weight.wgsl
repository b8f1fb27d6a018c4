// estimate = 1 / max(weight, floor_s) by integer shell, the last one reused beyond; 1 where that is 0, 0 outside the sphere.
//#include common/groups.wgsl
//#include common/centred.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, radius: u32, limit: u32, shells: u32, padding: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> floors: array<f32>;
@group(0) @binding(3) var<storage, read_write> estimate: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let r2 = length2(centred_point(p.radius, id));
  let divisor = max(weight[id], floors[min(padded_floor(r2, p.padding), p.shells - 1u)]);
  estimate[id] = select(select(1.0, 1.0 / divisor, divisor > 0.0), 0.0, r2 > p.limit);
}
