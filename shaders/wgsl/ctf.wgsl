// ctf_ik = -sin(gamma) exp(b r^2) scale, gamma / 2 pi = xx x^2 + xy x y + yy y^2 + fourth r^4 - offset (Mindell & Grigorieff 2003).
// Eight numbers a particle: xx, xy, yy, fourth, offset, b, scale, flags (1 intact first peak, 2 absolute, 4 sign, 8 squared).
//#include common/groups.wgsl
//#include common/pixels.wgsl
//#include common/trig.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, pixels: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(2) var<storage, read_write> xy: array<u32>;
@group(0) @binding(3) var<storage, read_write> values: array<f32>;

const smallest = 1e-8;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let row = 8u * (id / p.pixels);
  let x = f32(pixel_x(xy[id % p.pixels]));
  let y = f32(pixel_y(xy[id % p.pixels]));
  let r2 = x * x + y * y;
  let flags = u32(parameters[row + 7u]);
  let turns = parameters[row] * x * x + parameters[row + 1u] * x * y + parameters[row + 2u] * y * y
    + parameters[row + 3u] * r2 * r2 - parameters[row + 4u];
  var value = -cis_turns(turns).y;
  if ((flags & 1u) != 0u && abs(turns) < 0.25) { value = 1.0; }
  value *= exp(parameters[row + 5u] * r2);
  if ((flags & 2u) != 0u) { value = abs(value); }
  else if ((flags & 4u) != 0u) { value = select(1.0, -1.0, value < 0.0); }
  value *= parameters[row + 6u];
  if (abs(value) < smallest) { value = select(smallest, -smallest, value < 0.0); }
  values[id] = select(value, value * value, (flags & 8u) != 0u);
}
