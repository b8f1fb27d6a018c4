// Log prior of every candidate, by class and candidate: class + direction + in-plane angle; and the first coarse sample of each, by particle, class
// and candidate. One invocation a row (particle, class, candidate).
//#include common/groups.wgsl
//#include common/segments.wgsl
//#include common/listed.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, particles: u32, classes: u32, translations: u32, own_translation: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> direction_starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> direction_prior: array<f32>;
@group(0) @binding(4) var<storage, read_write> psi_starts: array<u32>;
@group(0) @binding(5) var<storage, read_write> psi_prior: array<f32>;
@group(0) @binding(6) var<storage, read_write> class_prior: array<f32>;
@group(0) @binding(7) var<storage, read_write> prior: array<f32>;
@group(0) @binding(8) var<storage, read_write> first_sample: array<u32>;
const log_zero = -1e30;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = group_index(wid) * 64u + lane;
  if (at >= p.count) { return; }
  let i = particle_of(at / p.classes, p.particles);
  let first = starts[i];
  let own = starts[i + 1u] - first;
  let row = at - p.classes * first;
  let n = row % own;
  let angles = psi_starts[i + 1u] - psi_starts[i];
  let o = listed_orientation(row, first, own, p.count / p.classes);
  let of_class = class_prior[row / own];
  var value = log_zero;
  if (of_class > log_zero) {
    value = of_class + direction_prior[direction_starts[i] + n / angles] + psi_prior[psi_starts[i] + n % angles];
  }
  prior[o] = value;
  first_sample[at] = o * p.translations + p.own_translation * i;
}
