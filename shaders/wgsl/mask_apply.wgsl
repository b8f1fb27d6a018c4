// values = m v + (1 - m) background; the background is a noise image or the weighted mean from the partial sums of mask_background.
//#include common/groups.wgsl
//#include common/trig.wgsl
//#include common/soft_edge.wgsl
struct Params {
  first_group: u32, end_group: u32,
  count: u32, size: u32, box: u32, depth: u32, parts: u32, noise_fill: u32, radius: f32, width: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> noise: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let i = id / p.size;
  let mask = soft_edge(centre_distance(id % p.size, p.box, p.depth), p.radius, p.width);
  if (mask == 1.0) { return; }
  var background = 0.0;
  if (p.noise_fill != 0u) {
    background = noise[id];
  } else {
    var sum = vec2f(0.0);
    for (var part = 0u; part < p.parts; part += 1u) { sum += partials[i * p.parts + part]; }
    if (sum.y > 0.0) { background = sum.x / sum.y; }
  }
  values[id] = mask * values[id] + (1.0 - mask) * background;
}
