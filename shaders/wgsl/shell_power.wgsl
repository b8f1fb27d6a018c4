// power_is = sum over shell s of |F|^2; one workgroup an image and shell. Lanes take rows of the half transform in a fixed order; in a row
// the shell's columns are an interval.
//#include common/groups.wgsl
//#include common/pixels.wgsl
struct Params { first_group: u32, end_group: u32, box: u32, shells: u32, once: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> spectra: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> powers: array<f32>;
var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_index(wid);
  if (group >= p.end_group) { return; }
  let i = group / p.shells;
  let shell = group % p.shells;
  let columns = p.box / 2u + 1u;
  var sum = 0.0;
  for (var row = lane; row < p.box; row += 64u) {
    let y = frequency(row, p.box);
    let y2 = u32(y * y);
    let inner = max(0.0, f32(shell * shell) - f32(shell) - f32(y2));
    var x = u32(max(0.0, sqrt(inner) - 1.0));
    for (; x < columns; x += 1u) {
      let s = shell_of(x * x + y2);
      if (s > shell) { break; }
      if (s == shell && !(p.once != 0u && x == 0u && y < 0)) {
        let value = spectra[(i * p.box + row) * columns + x];
        sum += dot(value, value);
      }
    }
  }
  sums[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
  if (lane == 0u) { powers[group] = sums[0]; }
}
