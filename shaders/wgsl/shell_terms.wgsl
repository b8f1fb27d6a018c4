// sums_cis3 = sums over shell s of both terms and of |X|^2. One workgroup a class, particle and shell; lanes stride through the shell's pixels.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, pixels: u32, shells: u32, particles: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> terms: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> images: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> by_shell: array<u32>;
@group(0) @binding(4) var<storage, read_write> results: array<f32>;
var<workgroup> sums: array<vec3f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_index(wid);
  if (group >= p.end_group) { return; }
  let i = group / p.shells;
  let shell = group % p.shells;
  var sum = vec3f(0.0);
  for (var at = by_shell[shell] + lane; at < by_shell[shell + 1u]; at += 64u) {
    let k = by_shell[p.shells + 1u + at];
    let x = images[(i % p.particles) * p.pixels + k];
    sum += vec3f(terms[i * p.pixels + k], dot(x, x));
  }
  sums[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
  if (lane < 3u) { results[3u * group + lane] = sums[0][lane]; }
}
