// moments_i4 = sums of w (1, x, y, x^2 + y^2) over the samples of a particle. One workgroup a particle, one order.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, children: u32, shifts: u32, translations: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> first_sample: array<u32>;
@group(0) @binding(4) var<storage, read_write> shifts_t: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> moments: array<vec4f>;
var<workgroup> sums: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group_index(wid);
  if (i >= p.end_group) { return; }
  var sum = vec4f(0.0);
  for (var at = starts[i] * p.children + lane; at < starts[i + 1u] * p.children; at += 64u) {
    let coarse = first_sample[at / p.children] / p.children;
    let shift = shifts_t[(coarse % p.translations) * p.shifts + at % p.shifts];
    sum += values[at] * vec4f(1.0, shift, dot(shift, shift));
  }
  sums[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
  if (lane == 0u) { moments[i] = sums[0]; }
}
