// The compressed layout from the prefix sums: starts, first samples, starts of runs and their first groups. What is beyond a capacity is
// not written.
//#include common/groups.wgsl
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, orientations: u32, translations: u32, children: u32, capacity: u32, run_capacity: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> threshold: array<f32>;
@group(0) @binding(3) var<storage, read_write> counts: array<u32>;
@group(0) @binding(4) var<storage, read_write> starts: array<u32>;
@group(0) @binding(5) var<storage, read_write> first_sample: array<u32>;
@group(0) @binding(6) var<storage, read_write> run_starts: array<u32>;
@group(0) @binding(7) var<storage, read_write> run_groups: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group_index(wid) * 64u + lane;
  if (row >= p.rows) { return; }
  let i = row / p.orientations;
  let o = row % p.orientations;
  let block = 2u * p.rows + 2u * (row / 1024u);
  let first = counts[row] + counts[block];
  let run = counts[p.rows + row] + counts[block + 1u];
  if (o == 0u) {
    starts[i] = first;
    run_starts[i] = run;
  }
  let least = threshold[i];
  var group = first;
  for (var t = 0u; t < p.translations; t += 1u) {
    let value = values[row * p.translations + t];
    if (value >= least && value > 0.0) {
      if (group < p.capacity) { first_sample[group] = (o * p.translations + t) * p.children; }
      group += 1u;
    }
  }
  if (group > first && run < p.run_capacity) { run_groups[run] = first; }
  if (row == p.rows - 1u) {
    let runs = run + min(group - first, 1u);
    starts[i + 1u] = group;
    run_starts[i + 1u] = runs;
    if (runs <= p.run_capacity) { run_groups[runs] = group; }
  }
}
