// weight = (weight + prior_s) / norm; prior_s < 0 stands for 1 / (0.001 weight). Outside the sphere the weight counts as 0.
//#include common/groups.wgsl
//#include common/centred.wgsl
struct Params {
  first_group: u32, end_group: u32,
  count: u32, radius: u32, limit: u32, shells: u32, min_shell: u32, padding: f32, norm: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> prior: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let r2 = length2(centred_point(p.radius, id));
  let shell = padded_shell(r2, p.padding);
  let own = select(0.0, weight[id], r2 <= p.limit);
  var added = 0.0;
  if (r2 < p.limit && shell >= p.min_shell && shell < p.shells) {
    added = prior[shell];
    if (added < 0.0) { added = select(0.0, 1.0 / (0.001 * own), own > 1e-20); }
  }
  weight[id] = (own + added) / p.norm;
}
