// packed_ik = spectra at the pixels of a set, times (-1)^(x + y): cropped, phase origin at the centre pixel.
//#include common/groups.wgsl
//#include common/pixels.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, box: u32, pixels: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> spectra: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> xy: array<u32>;
@group(0) @binding(3) var<storage, read_write> packed: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let x = pixel_x(xy[id % p.pixels]);
  let y = pixel_y(xy[id % p.pixels]);
  let row = u32(select(y, y + i32(p.box), y < 0));
  let value = spectra[((id / p.pixels) * p.box + row) * (p.box / 2u + 1u) + u32(x)];
  packed[id] = select(value, -value, ((x + y) & 1) != 0);
}
