// partial_zs4 = sum of Re a b*, |a|^2, |b|^2, count over the elements of plane z and shell s. Half transforms of a cube or square (`radius` 0,
// side n) or centred half arrays inside r^2 <= limit. One workgroup a plane, a lane for every 64th shell.
//#include common/groups.wgsl
//#include common/pixels.wgsl
//#include common/centred.wgsl
struct Params { first_group: u32, end_group: u32, n: u32, planes: u32, radius: u32, limit: u32, shells: u32, first: u32, padding: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> a: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> b: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let plane = group_index(wid);
  if (plane >= p.end_group) { return; }
  let centred = p.radius > 0u;
  let side = select(p.n, 2u * p.radius + 1u, centred);
  let columns = select(p.n / 2u + 1u, p.radius + 1u, centred);
  var z = 0;
  if (centred) { z = i32(plane) - i32(p.radius); } else if (p.planes > 1u) { z = frequency(plane, p.n); }
  for (var shell = lane; shell < p.shells; shell += 64u) {
    var sum = vec4f(0.0);
    for (var row = 0u; row < side; row += 1u) {
      var y = i32(row) - i32(p.radius);
      if (!centred) { y = frequency(row, p.n); }
      let across = u32(y * y + z * z);
      let inner = max(0.0, f32(shell) - 0.5) * p.padding;
      let rest = inner * inner - f32(across);
      for (var x = u32(max(0.0, sqrt(max(0.0, rest)) - 2.0)); x < columns; x += 1u) {
        let r2 = x * x + across;
        let s = padded_shell(r2, p.padding);
        if (s > shell || (centred && r2 > p.limit)) { break; }
        if (s < shell) { continue; }
        let at = p.first + (plane * side + row) * columns + x;
        sum += vec4f(dot(a[at], b[at]), dot(a[at], a[at]), dot(b[at], b[at]), 1.0);
      }
    }
    partials[plane * p.shells + shell] = sum;
  }
}
