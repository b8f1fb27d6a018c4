// Kept samples of each row (i, o): counts[row] how many, counts[rows + row] whether any. Listed samples (`classes` is not 0) have rows (i, class,
// candidate).
//#include common/groups.wgsl
//#include common/segments.wgsl
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, orientations: u32, each: u32, classes: u32, particles: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> threshold: array<f32>;
@group(0) @binding(3) var<storage, read_write> counts: array<u32>;
@group(0) @binding(4) var<storage, read_write> starts: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group_index(wid) * 64u + lane;
  if (row >= p.rows) { return; }
  var i = 0u;
  if (p.classes > 0u) { i = particle_of(row / p.classes, p.particles); } else { i = row / p.orientations; }
  let least = threshold[i];
  var count = 0u;
  for (var t = 0u; t < p.each; t += 1u) {
    let value = values[row * p.each + t];
    if (value >= least && value > 0.0) { count += 1u; }
  }
  counts[row] = count;
  counts[p.rows + row] = min(count, 1u);
}
