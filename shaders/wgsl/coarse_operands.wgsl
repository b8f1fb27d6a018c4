// Operands of the coarse pass. Columns j = (i, t):
//   products:    shifted_jk = w C X e,      energy_ik = 1/2 w C^2
//   correlation: shifted_jk = C X e,        energy_ik = C^2
//   tiles:       shifted_jk = sqrt(w) X e,  energy_ik = C sqrt(w)
//#include common/groups.wgsl
//#include common/pixels.wgsl
//#include common/complex.wgsl
//#include common/phases.wgsl
struct Params {
  first_group: u32, end_group: u32,
  count: u32, pixels: u32, translations: u32, size: u32, y_at: u32, mode: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> images: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> ctf: array<f32>;
@group(0) @binding(3) var<storage, read_write> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> phases: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> xy: array<u32>;
@group(0) @binding(6) var<storage, read_write> shifted: array<vec2f>;
@group(0) @binding(7) var<storage, read_write> energy: array<f32>;

const products = 0u;
const correlation = 1u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let k = id % p.pixels;
  let t = (id / p.pixels) % p.translations;
  let at = (id / p.pixels / p.translations) * p.pixels + k;
  let c = ctf[at];
  var factor = c;
  var second = c * c;
  if (p.mode == products) {
    factor = weights[at] * c;
    second = 0.5 * weights[at] * c * c;
  } else if (p.mode != correlation) {
    factor = sqrt(weights[at]);
    second = c * factor;
  }
  shifted[id] = factor * cmul(images[at], phase_at(t, pixel_x(xy[k]), pixel_y(xy[k]), p.size));
  if (t == 0u) { energy[at] = second; }
}
