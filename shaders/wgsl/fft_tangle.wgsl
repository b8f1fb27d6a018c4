// The reverse of fft_untangle, not scaled. Even n: Z_x = X_x + X*_(m-x) + i exp(2 pi i x / n) (X_x - X*_(m-x)); odd n: whole complex rows.
// Imaginary parts of columns 0 and n / 2 do not count: they cancel in a real row.
//#include common/groups.wgsl
//#include common/complex.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, n: u32, roots_at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> spectra: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> rows: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> roots: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let columns = p.n / 2u + 1u;
  if (p.n % 2u == 1u) {
    let x = id % p.n;
    let row = id / p.n;
    let mirrored = x >= columns;
    let value = spectra[row * columns + select(x, p.n - x, mirrored)];
    rows[id] = vec2f(value.x, select(select(value.y, -value.y, mirrored), 0.0, x == 0u));
    return;
  }
  let m = p.n / 2u;
  let x = id % m;
  let row = id / m;
  var a = spectra[row * columns + x];
  var b = conj(spectra[row * columns + m - x]);
  if (x == 0u) {
    a.y = 0.0;
    b.y = 0.0;
  }
  let d = cmul(a - b, conj(roots[p.roots_at + x]));
  rows[id] = a + b + vec2f(-d.y, d.x);
}
