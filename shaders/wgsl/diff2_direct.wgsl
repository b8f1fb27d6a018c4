// diff2_ot of one particle: 1/2 sum_k w |C S_ok - X e(k, t)|^2 less its constant, as RELION works: a particle at a time, no sharing. One
// workgroup an orientation; lanes stride through the pixels, then a tree.
//#include common/groups.wgsl
//#include common/pixels.wgsl
//#include common/complex.wgsl
//#include common/phases.wgsl
struct Params {
  first_group: u32, end_group: u32,
  particle: u32, orientations: u32, pixels: u32, translations: u32, size: u32, y_at: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> slices: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> images: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> ctf: array<f32>;
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> phases: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> xy: array<u32>;
@group(0) @binding(7) var<storage, read_write> diff2: array<f32>;
var<workgroup> sums: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let o = group_index(wid);
  if (o >= p.end_group) { return; }
  for (var t = 0u; t < p.translations; t += 1u) {
    var sum = vec2f(0.0);
    for (var k = lane; k < p.pixels; k += 64u) {
      let at = p.particle * p.pixels + k;
      let x = cmul(images[at], phase_at(t, pixel_x(xy[k]), pixel_y(xy[k]), p.size));
      let d = ctf[at] * slices[o * p.pixels + k] - x;
      sum += 0.5 * weights[at] * vec2f(dot(d, d), dot(x, x));
    }
    sums[lane] = sum;
    for (var half = 32u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane < half) { sums[lane] += sums[lane + half]; }
    }
    if (lane == 0u) { diff2[(p.particle * p.orientations + o) * p.translations + t] = sums[0].x - sums[0].y; }
    workgroupBarrier();
  }
}
