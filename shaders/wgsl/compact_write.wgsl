// The compressed layout from the prefix sums: starts, first samples, starts of runs and their first groups. What is beyond a capacity is
// not written. Listed samples (`classes` is not 0): rows by particle, class and candidate.
//#include common/groups.wgsl
//#include common/segments.wgsl
//#include common/listed.wgsl
struct Params {
  first_group: u32, end_group: u32,
  rows: u32, orientations: u32, translations: u32, each: u32, classes: u32, particles: u32,
  children: u32, capacity: u32, run_capacity: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> threshold: array<f32>;
@group(0) @binding(3) var<storage, read_write> counts: array<u32>;
@group(0) @binding(4) var<storage, read_write> group_starts: array<u32>;
@group(0) @binding(5) var<storage, read_write> first_sample: array<u32>;
@group(0) @binding(6) var<storage, read_write> run_starts: array<u32>;
@group(0) @binding(7) var<storage, read_write> run_groups: array<u32>;
@group(0) @binding(8) var<storage, read_write> starts: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group_index(wid) * 64u + lane;
  if (row >= p.rows) { return; }
  var i = row / p.orientations;
  var o = row % p.orientations;
  // Particles whose rows begin here, and those behind them that have none.
  var begins = i;
  var ends = select(i, i + 1u, o == 0u);
  if (p.classes > 0u) {
    i = particle_of(row / p.classes, p.particles);
    let first = starts[i];
    let own = starts[i + 1u] - first;
    o = listed_orientation(row - p.classes * first, first, own, p.rows / p.classes);
    ends = select(0u, i + 1u, row == p.classes * first);
    begins = i;
    while (begins > 0u && starts[begins - 1u] == first) { begins -= 1u; }
  }
  let block = 2u * p.rows + 2u * (row / 1024u);
  let first = counts[row] + counts[block];
  let run = counts[p.rows + row] + counts[block + 1u];
  for (var j = begins; j < ends; j += 1u) {
    group_starts[j] = first;
    run_starts[j] = run;
  }
  let least = threshold[i];
  var group = first;
  for (var t = 0u; t < p.each; t += 1u) {
    let value = values[row * p.each + t];
    if (value >= least && value > 0.0) {
      let translation = select(t, i, p.each < p.translations);
      if (group < p.capacity) { first_sample[group] = (o * p.translations + translation) * p.children; }
      group += 1u;
    }
  }
  if (group > first && run < p.run_capacity) { run_groups[run] = first; }
  if (row == p.rows - 1u) {
    let runs = run + min(group - first, 1u);
    for (var j = i + 1u; j <= p.particles; j += 1u) {
      group_starts[j] = group;
      run_starts[j] = runs;
    }
    if (runs <= p.run_capacity) { run_groups[runs] = group; }
  }
}
