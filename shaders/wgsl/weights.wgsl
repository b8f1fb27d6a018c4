// Scores to weights, in place: exp(L - max L), L = log priors - scale x score; not finite or forbidden: 0. One workgroup a particle; every sum in
// one order. Dense samples: `segment` values a particle; compressed: groups starts[i] .. starts[i + 1] of `children`; listed (`each` is not 0):
// candidates starts[i] .. starts[i + 1] of every class, `each` values a row, for all `translations` or the one whose number is the particle's.
//#include common/groups.wgsl
//#include common/listed.wgsl
struct Params {
  first_group: u32, end_group: u32,
  dense: u32, segment: u32, children: u32, orientations: u32, translations: u32, per_particle: u32, each: u32, candidates: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> first_sample: array<u32>;
@group(0) @binding(4) var<storage, read_write> prior_o: array<f32>;
@group(0) @binding(5) var<storage, read_write> prior_t: array<f32>;
@group(0) @binding(6) var<storage, read_write> log_max: array<f32>;
@group(0) @binding(7) var<storage, read_write> sum_i: array<f32>;
@group(0) @binding(8) var<storage, read_write> best: array<u32>;
const log_zero = -1e30;
var<workgroup> most: array<f32, 256>;
var<workgroup> where_most: array<u32, 256>;

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group_index(wid);
  if (i >= p.end_group) { return; }
  var begin = i * p.segment;
  var end = begin + p.segment;
  if (p.dense == 0u) {
    begin = starts[i] * p.children;
    end = starts[i + 1u] * p.children;
  }
  var top = log_zero;
  var top_at = begin;
  for (var at = begin + lane; at < end; at += 256u) {
    var coarse = at - begin;
    if (p.each > 0u) {
      let first = starts[i];
      let o = listed_orientation((at - begin) / p.each, first, starts[i + 1u] - first, p.candidates);
      coarse = o * p.translations + select((at - begin) % p.each, i, p.each < p.translations);
    } else if (p.dense == 0u) {
      coarse = first_sample[at / p.children] / p.children;
    }
    let o = coarse / p.translations + p.per_particle * i * p.orientations;
    let prior = prior_o[o];
    let prior_shift = prior_t[i * p.translations + coarse % p.translations];
    var value = log_zero;
    if (is_finite(values[at]) && prior > log_zero && prior_shift > log_zero) { value = prior + prior_shift - p.scale * values[at]; }
    values[at] = value;
    if (value > top) {
      top = value;
      top_at = at;
    }
  }
  most[lane] = top;
  where_most[lane] = top_at;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      let other = most[lane + half];
      if (other > most[lane] || (other == most[lane] && where_most[lane + half] < where_most[lane])) {
        most[lane] = other;
        where_most[lane] = where_most[lane + half];
      }
    }
  }
  workgroupBarrier();
  top = most[0];
  top_at = where_most[0];
  workgroupBarrier();
  var sum = 0.0;
  for (var at = begin + lane; at < end; at += 256u) {
    var weight = 0.0;
    if (values[at] > log_zero) { weight = exp(values[at] - top); }
    values[at] = weight;
    sum += weight;
  }
  most[lane] = sum;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { most[lane] += most[lane + half]; }
  }
  if (lane == 0u) {
    log_max[i] = top;
    sum_i[i] = most[0];
    best[i] = top_at - begin;
  }
}
