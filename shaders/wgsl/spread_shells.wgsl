// out_ik = table[group_i][shell of pixel k]; 0 at the origin on request.
//#include common/groups.wgsl
//#include common/pixels.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, pixels: u32, shells: u32, zero_origin: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> table: array<f32>;
@group(0) @binding(2) var<storage, read_write> group_of: array<u32>;
@group(0) @binding(3) var<storage, read_write> xy: array<u32>;
@group(0) @binding(4) var<storage, read_write> values: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let x = pixel_x(xy[id % p.pixels]);
  let y = pixel_y(xy[id % p.pixels]);
  let shell = shell_of(u32(x * x + y * y));
  var value = 0.0;
  if (shell < p.shells && !(p.zero_origin != 0u && shell == 0u)) {
    value = table[group_of[id / p.pixels] * p.shells + shell];
  }
  values[id] = value;
}
