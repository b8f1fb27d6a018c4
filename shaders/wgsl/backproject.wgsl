// Views spread into an accumulator with trilinear weights: six words an element, three 64-bit integers (real, imaginary, weight) in units
// of `unit`. Integer sums do not depend on their order. status[0] = 1 where a contribution is not finite or does not fit.
//#include common/groups.wgsl
//#include common/pixels.wgsl
//#include common/centred.wgsl
//#include common/slice_point.wgsl
struct Params {
  first_group: u32, end_group: u32,
  count: u32, pixels: u32, radius: u32, rows_a_class: u32, class_length: u32, padding: f32, limit: f32, per_unit: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> numerator: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> matrices: array<f32>;
@group(0) @binding(4) var<storage, read_write> orientation: array<u32>;
@group(0) @binding(5) var<storage, read_write> xy: array<u32>;
@group(0) @binding(6) var<storage, read_write> accumulator: array<atomic<u32>>;
@group(0) @binding(7) var<storage, read_write> status: array<atomic<u32>>;
const largest = 1.152921504606847e18;

fn add_fixed(at: u32, value: f32) {
  let scaled = round(abs(value) * p.per_unit);
  if (!(scaled < largest)) {
    atomicMax(&status[0], 1u);
    return;
  }
  var high = u32(floor(scaled / 4294967296.0));
  var low = u32(scaled - f32(high) * 4294967296.0);
  if (value < 0.0) {
    high = ~high + select(0u, 1u, low == 0u);
    low = ~low + 1u;
  }
  if (low != 0u) {
    let before = atomicAdd(&accumulator[at], low);
    high += select(0u, 1u, before + low < before);
  }
  if (high != 0u) { atomicAdd(&accumulator[at + 1u], high); }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let x = pixel_x(xy[id % p.pixels]);
  let y = pixel_y(xy[id % p.pixels]);
  if (x == 0 && y < 0) { return; }
  let share = weight[id];
  if ((bitcast<u32>(share) & 0x7f800000u) == 0x7f800000u) { atomicMax(&status[0], 1u); }
  if (!(share > 0.0)) { return; }
  let row = orientation[id / p.pixels];
  var q = slice_point(row % p.rows_a_class, f32(x), f32(y), p.padding);
  if (dot(q, q) > p.limit) { return; }
  var value = numerator[id];
  if (q.x < 0.0) {
    q = -q;
    value.y = -value.y;
  }
  let first = (row / p.rows_a_class) * p.class_length;
  let radius = i32(p.radius);
  let base = clamp(vec3i(floor(q)), vec3i(0, -radius, -radius), vec3i(radius - 1));
  let f = q - vec3f(base);
  for (var corner = 0u; corner < 8u; corner += 1u) {
    let step = vec3u(corner & 1u, (corner >> 1u) & 1u, corner >> 2u);
    let part = select(1.0 - f, f, step == vec3u(1u));
    let factor = part.x * part.y * part.z;
    if (factor == 0.0) { continue; }
    let at = 6u * (first + centred_index(radius, base + vec3i(step)));
    add_fixed(at, factor * value.x);
    add_fixed(at + 2u, factor * value.y);
    add_fixed(at + 4u, factor * share);
  }
}
