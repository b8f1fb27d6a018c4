// Half transforms of real rows of length n, times `scale`. Even n: from complex rows Z of length m = n / 2 that hold pairs of values,
//   X_x = (Z_x + Z*_(m-x)) / 2 - i exp(-2 pi i x / n) (Z_x - Z*_(m-x)) / 2;
// odd n: the first columns of complex rows of length n.
//#include common/groups.wgsl
//#include common/complex.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, n: u32, roots_at: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> rows: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> spectra: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> roots: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let columns = p.n / 2u + 1u;
  let x = id % columns;
  let row = id / columns;
  if (p.n % 2u == 1u) {
    spectra[id] = p.scale * rows[row * p.n + x];
    return;
  }
  let m = p.n / 2u;
  let a = rows[row * m + x % m];
  let b = conj(rows[row * m + (m - x) % m]);
  let d = cmul(a - b, roots[p.roots_at + x]);
  spectra[id] = 0.5 * p.scale * (a + b + vec2f(d.y, -d.x));
}
