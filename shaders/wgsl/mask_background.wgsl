// Sums of (1 - m) v and 1 - m of an image or map, in parts of `part` elements: partial [i][parts] (x: sum of values, y: of weights).
// Every part is summed in one order: lanes stride through it, then a tree.
//#include common/groups.wgsl
//#include common/trig.wgsl
//#include common/soft_edge.wgsl
struct Params {
  first_group: u32, end_group: u32,
  size: u32, box: u32, depth: u32, parts: u32, part: u32, radius: f32, width: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec2f>;
var<workgroup> sums: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_index(wid);
  if (group >= p.end_group) { return; }
  let i = group / p.parts;
  let begin = (group % p.parts) * p.part;
  let end = min(begin + p.part, p.size);
  var sum = vec2f(0.0);
  for (var at = begin + lane; at < end; at += 64u) {
    let weight = 1.0 - soft_edge(centre_distance(at, p.box, p.depth), p.radius, p.width);
    sum += weight * vec2f(values[i * p.size + at], 1.0);
  }
  sums[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
  if (lane == 0u) { partials[group] = sums[0]; }
}
