// One pass of Stockham's self-sorting transform (Van Loan 1992, 1.7) over arrays [outer][n][inner]:
//   to[q + stride (radix b + k)] = w^(b k) sum_j from[q + stride (b + groups j)] exp(-+ 2 pi i j k / radix)
// with stride = inner x product of the radices before, groups = length / radix, w the n-th root to the power n / length.
//#include common/groups.wgsl
//#include common/complex.wgsl
struct Params {
  first_group: u32, end_group: u32,
  count: u32, n: u32, inner: u32, radix: u32, stride: u32, groups: u32, step: u32, roots_at: u32, inverse: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> source: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> to: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> roots: array<vec2f>;

fn root(index: u32) -> vec2f {
  let w = roots[p.roots_at + index];
  return select(w, conj(w), p.inverse != 0u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let q = id % p.stride;
  let rest = id / p.stride;
  let b = rest % p.groups;
  let base = (rest / p.groups) * p.n * p.inner;
  let jump = p.stride * p.groups;
  let in_at = base + q + p.stride * b;
  let out_at = base + q + p.stride * p.radix * b;
  let turn = select(-1.0, 1.0, p.inverse != 0u);
  if (p.radix == 2u) {
    let u = source[in_at];
    let v = source[in_at + jump];
    to[out_at] = u + v;
    to[out_at + p.stride] = cmul(u - v, root(b * p.step));
    return;
  }
  if (p.radix == 4u) {
    let a0 = source[in_at];
    let a1 = source[in_at + jump];
    let a2 = source[in_at + 2u * jump];
    let a3 = source[in_at + 3u * jump];
    let even = a0 + a2;
    let odd = a1 + a3;
    let even_diff = a0 - a2;
    let d = a1 - a3;
    let odd_diff = turn * vec2f(-d.y, d.x);
    to[out_at] = even + odd;
    to[out_at + p.stride] = cmul(even_diff + odd_diff, root(b * p.step));
    to[out_at + 2u * p.stride] = cmul(even - odd, root(2u * b * p.step));
    to[out_at + 3u * p.stride] = cmul(even_diff - odd_diff, root(3u * b * p.step));
    return;
  }
  let unit = p.n / p.radix;
  for (var k = 0u; k < p.radix; k += 1u) {
    var sum = vec2f(0.0);
    for (var j = 0u; j < p.radix; j += 1u) {
      sum += cmul(source[in_at + j * jump], root(((j * k) % p.radix) * unit));
    }
    to[out_at + k * p.stride] = cmul(sum, root(b * k * p.step));
  }
}
