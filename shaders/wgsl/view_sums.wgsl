// sums_vk = sum over the samples of a view of w X e(k, t), for both images of its particle.
//#include common/groups.wgsl
//#include common/pixels.wgsl
//#include common/complex.wgsl
//#include common/phases.wgsl
struct Params {
  first_group: u32, end_group: u32,
  count: u32, pixels: u32, rotations: u32, shifts: u32, translations: u32, size: u32, y_at: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> first_sample: array<u32>;
@group(0) @binding(3) var<storage, read_write> run_groups: array<u32>;
@group(0) @binding(4) var<storage, read_write> views: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> phases: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> xy: array<u32>;
@group(0) @binding(7) var<storage, read_write> both: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> sums: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let children = p.rotations * p.shifts;
  let k = id % p.pixels;
  let view = views[id / p.pixels];
  let r = view.x % p.rotations;
  let run = view.x / p.rotations;
  let x = pixel_x(xy[k]);
  let y = pixel_y(xy[k]);
  // The sum of w e is one number for both images.
  var phase = vec2f(0.0);
  for (var g = run_groups[run]; g < run_groups[run + 1u]; g += 1u) {
    let translation = (first_sample[g] / children) % p.translations;
    for (var s = 0u; s < p.shifts; s += 1u) {
      let weight = values[g * children + r * p.shifts + s];
      if (weight != 0.0) { phase += weight * phase_at(translation * p.shifts + s, x, y, p.size); }
    }
  }
  let image = both[view.y * p.pixels + k];
  sums[id] = vec4f(cmul(image.xy, phase), cmul(image.zw, phase));
}
