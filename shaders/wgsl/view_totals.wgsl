// total_v = sum of the weights of every view (run, child orientation).
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, rotations: u32, shifts: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> run_groups: array<u32>;
@group(0) @binding(3) var<storage, read_write> totals: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let view = group_index(wid) * 64u + lane;
  if (view >= p.count) { return; }
  let children = p.rotations * p.shifts;
  let run = view / p.rotations;
  let r = view % p.rotations;
  var total = 0.0;
  for (var g = run_groups[run]; g < run_groups[run + 1u]; g += 1u) {
    for (var s = 0u; s < p.shifts; s += 1u) { total += values[g * children + r * p.shifts + s]; }
  }
  totals[view] = total;
}
