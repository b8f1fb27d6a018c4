// energies_io = sum_k |S_ok|^2 energy_ik: a product of 64 orientations x 64 particles a workgroup, 4 x 4 a lane, 16 pixels at a time.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, particles: u32, orientations: u32, pixels: u32, tiles_o: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> slices: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> energy: array<f32>;
@group(0) @binding(3) var<storage, read_write> energies: array<f32>;
var<workgroup> power_ko: array<vec4f, 256>;
var<workgroup> factor_ki: array<vec4f, 256>;

fn power(o: u32, k: u32) -> f32 {
  if (o >= p.orientations || k >= p.pixels) { return 0.0; }
  let s = slices[o * p.pixels + k];
  return dot(s, s);
}

fn factor(i: u32, k: u32) -> f32 {
  if (i >= p.particles || k >= p.pixels) { return 0.0; }
  return energy[i * p.pixels + k];
}

// Components are named, not indexed: an index would move the sums out of registers.
fn store_row(i: u32, o: u32, sums: vec4f) {
  if (i >= p.particles) { return; }
  let at = i * p.orientations + o;
  if (o < p.orientations) { energies[at] = sums.x; }
  if (o + 1u < p.orientations) { energies[at + 1u] = sums.y; }
  if (o + 2u < p.orientations) { energies[at + 2u] = sums.z; }
  if (o + 3u < p.orientations) { energies[at + 3u] = sums.w; }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_index(wid);
  if (group >= p.end_group) { return; }
  let o0 = (group % p.tiles_o) * 64u;
  let i0 = (group / p.tiles_o) * 64u;
  let kk = lane % 16u;
  let four = lane / 16u;
  let column = lane % 16u;
  var sums: array<vec4f, 4>;
  for (var k0 = 0u; k0 < p.pixels; k0 += 16u) {
    let o = o0 + 4u * four;
    let i = i0 + 4u * four;
    let k = k0 + kk;
    power_ko[kk * 16u + (four ^ (kk & 7u))] = vec4f(power(o, k), power(o + 1u, k), power(o + 2u, k), power(o + 3u, k));
    factor_ki[kk * 16u + (four ^ (kk & 7u))] = vec4f(factor(i, k), factor(i + 1u, k), factor(i + 2u, k), factor(i + 3u, k));
    workgroupBarrier();
    for (var j = 0u; j < 16u; j += 1u) {
      let a = power_ko[j * 16u + (column ^ (j & 7u))];
      let b = factor_ki[j * 16u + (four ^ (j & 7u))];
      sums[0] += b.x * a;
      sums[1] += b.y * a;
      sums[2] += b.z * a;
      sums[3] += b.w * a;
    }
    workgroupBarrier();
  }
  store_row(i0 + 4u * four + 0u, o0 + 4u * column, sums[0]);
  store_row(i0 + 4u * four + 1u, o0 + 4u * column, sums[1]);
  store_row(i0 + 4u * four + 2u, o0 + 4u * column, sums[2]);
  store_row(i0 + 4u * four + 3u, o0 + 4u * column, sums[3]);
}
