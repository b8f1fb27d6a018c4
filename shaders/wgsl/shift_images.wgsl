// out_iyx = factor_i images_m(y - dy)(x - dx) with m, dx, dy = moves_i; what moves in is 0.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, box: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> images: array<f32>;
@group(0) @binding(2) var<storage, read_write> moved: array<f32>;
@group(0) @binding(3) var<storage, read_write> moves: array<u32>;
@group(0) @binding(4) var<storage, read_write> factor: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let box = i32(p.box);
  let i = id / (p.box * p.box);
  let x = i32(id % p.box) - i32(moves[3u * i + 1u]);
  let y = i32((id / p.box) % p.box) - i32(moves[3u * i + 2u]);
  var value = 0.0;
  if (x >= 0 && x < box && y >= 0 && y < box) {
    value = factor[i] * images[(moves[3u * i] * p.box + u32(y)) * p.box + u32(x)];
  }
  moved[id] = value;
}
