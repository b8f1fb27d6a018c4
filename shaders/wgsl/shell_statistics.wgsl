// partial_zs4 = sum w, sum w^2, count of w >= threshold_s, count over the elements of plane z and shell s with r^2 < limit. One workgroup
// a plane, a lane for every 64th shell; in a row the shell's columns are an interval.
//#include common/groups.wgsl
//#include common/centred.wgsl
struct Params {
  first_group: u32, end_group: u32,
  radius: u32, limit: u32, shells: u32, cut: u32, padding: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> threshold: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let plane = group_index(wid);
  if (plane >= p.end_group) { return; }
  let radius = i32(p.radius);
  let z = i32(plane) - radius;
  for (var shell = lane; shell < p.shells; shell += 64u) {
    var sum = vec4f(0.0);
    let inner = max(0.0, f32(shell) - select(0.5, 0.0, p.cut != 0u)) * p.padding;
    for (var y = -radius; y <= radius; y += 1) {
      let rest = inner * inner - f32(y * y + z * z);
      for (var x = i32(max(0.0, sqrt(max(0.0, rest)) - 2.0)); x <= radius; x += 1) {
        let r2 = u32(x * x + y * y + z * z);
        if (r2 >= p.limit) { break; }
        var s = padded_shell(r2, p.padding);
        if (p.cut != 0u) { s = padded_floor(r2, p.padding); }
        if (s > shell) { break; }
        if (s < shell) { continue; }
        let w = weight[centred_index(radius, vec3i(x, y, z))];
        sum += vec4f(w, w * w, select(0.0, 1.0, w >= threshold[shell]), 1.0);
      }
    }
    partials[plane * p.shells + shell] = sum;
  }
}
