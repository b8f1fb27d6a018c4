// Bluestein's transform of lines of any length n as a convolution of length m (1970, IEEE Trans. Audio Electroacoust. 18:451), for lines
// first_line .. first_line + lines of arrays [outer][n][inner]; work is [m][lines].
//   stage 0: work = line x chirp, zero padded; stage 1: work x spectrum of the chirp; stage 2: line = work x chirp / m
// An inverse transform is the conjugate of the transform of the conjugate.
//#include common/groups.wgsl
//#include common/complex.wgsl
struct Params {
  first_group: u32, end_group: u32,
  count: u32, stage: u32, n: u32, m: u32, inner: u32, first_line: u32, line_count: u32, chirp_at: u32, spectrum_at: u32, inverse: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> lines: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> work: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> tables: array<vec2f>;

fn turned(value: vec2f) -> vec2f {
  return select(value, conj(value), p.inverse != 0u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let j = id / p.line_count;
  let line = p.first_line + id % p.line_count;
  let at = (line / p.inner) * p.n * p.inner + j * p.inner + line % p.inner;
  if (p.stage == 0u) {
    var value = vec2f(0.0);
    if (j < p.n) { value = cmul(turned(lines[at]), tables[p.chirp_at + j]); }
    work[id] = value;
  } else if (p.stage == 1u) {
    work[id] = cmul(work[id], tables[p.spectrum_at + j]);
  } else if (j < p.n) {
    lines[at] = turned(cmul(work[id], tables[p.chirp_at + j])) / f32(p.m);
  }
}
