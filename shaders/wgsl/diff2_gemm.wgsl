// cross_oj = sum_k Re conj(S_ok) shifted_jk for columns j = (i, t), a product of depth 2K, and from it
//   diff2_iot = energies_io - cross (squared difference less its constant), or
//   -cross / sqrt(energies_io norms_i) (`correlation`).
// A workgroup makes 128 orientations x 128 columns, a lane 8 x 8, from tiles of 8 complex pixels in workgroup memory (16 KiB). Rows of a
// tile are permuted (xor) so that neither stores nor loads meet in a bank.
//#include common/groups.wgsl
struct Params {
  first_group: u32, end_group: u32,
  columns: u32, orientations: u32, pixels: u32, translations: u32, tiles_o: u32, correlation: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> slices: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> shifted: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> energies: array<f32>;
@group(0) @binding(4) var<storage, read_write> norms: array<f32>;
@group(0) @binding(5) var<storage, read_write> diff2: array<f32>;
const tile = 128u;
const depth = 8u;
var<workgroup> tile_s: array<vec4f, 512>;
var<workgroup> tile_x: array<vec4f, 512>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_index(wid);
  if (group >= p.end_group) { return; }
  let o0 = (group % p.tiles_o) * tile;
  let j0 = (group / p.tiles_o) * tile;
  let kk = lane % depth;
  let four = lane / depth;
  let row = lane / 16u;
  let column = lane % 16u;
  let store = (2u * kk) * 32u + (four ^ kk);
  // Rows beyond the end read the last one; their results are not stored.
  let last_o = p.orientations - 1u;
  let last_j = p.columns - 1u;
  let s_at = vec4u(min(o0 + 4u * four, last_o), min(o0 + 4u * four + 1u, last_o), min(o0 + 4u * four + 2u, last_o), min(o0 + 4u * four + 3u, last_o)) * p.pixels;
  let x_at = vec4u(min(j0 + 4u * four, last_j), min(j0 + 4u * four + 1u, last_j), min(j0 + 4u * four + 2u, last_j), min(j0 + 4u * four + 3u, last_j)) * p.pixels;
  var sums: array<vec4f, 16>;
  for (var k0 = 0u; k0 < p.pixels; k0 += depth) {
    let k = k0 + kk;
    if (k < p.pixels) {
      let s0 = slices[s_at.x + k];
      let s1 = slices[s_at.y + k];
      let s2 = slices[s_at.z + k];
      let s3 = slices[s_at.w + k];
      let x0 = shifted[x_at.x + k];
      let x1 = shifted[x_at.y + k];
      let x2 = shifted[x_at.z + k];
      let x3 = shifted[x_at.w + k];
      tile_s[store] = vec4f(s0.x, s1.x, s2.x, s3.x);
      tile_s[store + 32u] = vec4f(s0.y, s1.y, s2.y, s3.y);
      tile_x[store] = vec4f(x0.x, x1.x, x2.x, x3.x);
      tile_x[store + 32u] = vec4f(x0.y, x1.y, x2.y, x3.y);
    } else {
      tile_s[store] = vec4f(0.0);
      tile_s[store + 32u] = vec4f(0.0);
      tile_x[store] = vec4f(0.0);
      tile_x[store + 32u] = vec4f(0.0);
    }
    workgroupBarrier();
    for (var j = 0u; j < 2u * depth; j += 1u) {
      let turn = j / 2u;
      let a0 = tile_s[j * 32u + (row ^ turn)];
      let a1 = tile_s[j * 32u + ((row + 16u) ^ turn)];
      let b0 = tile_x[j * 32u + (column ^ turn)];
      let b1 = tile_x[j * 32u + ((column + 16u) ^ turn)];
      sums[0] += a0.x * b0;
      sums[1] += a0.x * b1;
      sums[2] += a0.y * b0;
      sums[3] += a0.y * b1;
      sums[4] += a0.z * b0;
      sums[5] += a0.z * b1;
      sums[6] += a0.w * b0;
      sums[7] += a0.w * b1;
      sums[8] += a1.x * b0;
      sums[9] += a1.x * b1;
      sums[10] += a1.y * b0;
      sums[11] += a1.y * b1;
      sums[12] += a1.z * b0;
      sums[13] += a1.z * b1;
      sums[14] += a1.w * b0;
      sums[15] += a1.w * b1;
    }
    workgroupBarrier();
  }
  for (var a = 0u; a < 8u; a += 1u) {
    let o = o0 + 4u * row + (a & 3u) + 64u * (a >> 2u);
    if (o >= p.orientations) { continue; }
    for (var b = 0u; b < 8u; b += 1u) {
      let j = j0 + 4u * column + (b & 3u) + 64u * (b >> 2u);
      if (j >= p.columns) { continue; }
      let i = j / p.translations;
      let cross = sums[2u * a + (b >> 2u)][b & 3u];
      let energy = energies[i * p.orientations + o];
      var value = energy - cross;
      if (p.correlation != 0u) {
        let norm = energy * norms[i];
        value = 0.0;
        if (norm > 0.0) { value = -cross / sqrt(norm); }
      }
      diff2[(i * p.orientations + o) * p.translations + j % p.translations] = value;
    }
  }
}
