// cross_oj = sum_k Re conj(S_ok) shifted_jk for columns j = (i, t), a product of depth 2K, and from it
//   diff2_iot = energies_io - cross (squared difference less its constant), or
//   -cross / sqrt(energies_io norms_i) (`correlation`).
// A workgroup makes 128 orientations x 128 columns, a lane 8 x 8, from tiles of 8 complex pixels in workgroup memory (16 KiB). Rows of a
// tile are permuted (xor) so that neither stores nor loads meet in a bank.
//#include common/groups.wgsl
struct Params {
  first_group: u32, end_group: u32,
  columns: u32, orientations: u32, pixels: u32, translations: u32, tiles_j: u32, correlation: u32,
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

fn store(o: u32, j: u32, cross: f32) {
  if (j >= p.columns) { return; }
  let i = j / p.translations;
  let energy = energies[i * p.orientations + o];
  var value = energy - cross;
  if (p.correlation != 0u) {
    let norm = energy * norms[i];
    value = 0.0;
    if (norm > 0.0) { value = -cross / sqrt(norm); }
  }
  diff2[(i * p.orientations + o) * p.translations + j % p.translations] = value;
}

// Components are named, not indexed: an index would move the sums out of registers.
fn store_row(o: u32, j: u32, low: vec4f, high: vec4f) {
  if (o >= p.orientations) { return; }
  store(o, j, low.x);
  store(o, j + 1u, low.y);
  store(o, j + 2u, low.z);
  store(o, j + 3u, low.w);
  store(o, j + 64u, high.x);
  store(o, j + 65u, high.y);
  store(o, j + 66u, high.z);
  store(o, j + 67u, high.w);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_index(wid);
  if (group >= p.end_group) { return; }
  let o0 = (group / p.tiles_j) * tile;
  let j0 = (group % p.tiles_j) * tile;
  let kk = lane % depth;
  let four = lane / depth;
  let row = lane / 16u;
  let column = lane % 16u;
  let store_at = (2u * kk) * 32u + (four ^ kk);
  // Rows beyond the end read the last one; their results are not stored.
  let last_o = p.orientations - 1u;
  let last_j = p.columns - 1u;
  let s_at = vec4u(min(o0 + 4u * four, last_o), min(o0 + 4u * four + 1u, last_o), min(o0 + 4u * four + 2u, last_o), min(o0 + 4u * four + 3u, last_o)) * p.pixels;
  let x_at = vec4u(min(j0 + 4u * four, last_j), min(j0 + 4u * four + 1u, last_j), min(j0 + 4u * four + 2u, last_j), min(j0 + 4u * four + 3u, last_j)) * p.pixels;
  var sums: array<vec4f, 16>;
  var s0 = slices[s_at.x + min(kk, p.pixels - 1u)];
  var s1 = slices[s_at.y + min(kk, p.pixels - 1u)];
  var s2 = slices[s_at.z + min(kk, p.pixels - 1u)];
  var s3 = slices[s_at.w + min(kk, p.pixels - 1u)];
  var x0 = shifted[x_at.x + min(kk, p.pixels - 1u)];
  var x1 = shifted[x_at.y + min(kk, p.pixels - 1u)];
  var x2 = shifted[x_at.z + min(kk, p.pixels - 1u)];
  var x3 = shifted[x_at.w + min(kk, p.pixels - 1u)];
  if (kk >= p.pixels) {
    s0 = vec2f(0.0);
    x0 = vec2f(0.0);
    s1 = vec2f(0.0);
    x1 = vec2f(0.0);
    s2 = vec2f(0.0);
    x2 = vec2f(0.0);
    s3 = vec2f(0.0);
    x3 = vec2f(0.0);
  }
  for (var k0 = 0u; k0 < p.pixels; k0 += depth) {
    tile_s[store_at] = vec4f(s0.x, s1.x, s2.x, s3.x);
    tile_s[store_at + 32u] = vec4f(s0.y, s1.y, s2.y, s3.y);
    tile_x[store_at] = vec4f(x0.x, x1.x, x2.x, x3.x);
    tile_x[store_at + 32u] = vec4f(x0.y, x1.y, x2.y, x3.y);
    workgroupBarrier();
    // The next tile is on its way from memory while this one is used.
    let k = k0 + depth + kk;
    let inside = select(0.0, 1.0, k < p.pixels);
    let next = min(k, p.pixels - 1u);
    s0 = inside * slices[s_at.x + next];
    s1 = inside * slices[s_at.y + next];
    s2 = inside * slices[s_at.z + next];
    s3 = inside * slices[s_at.w + next];
    x0 = inside * shifted[x_at.x + next];
    x1 = inside * shifted[x_at.y + next];
    x2 = inside * shifted[x_at.z + next];
    x3 = inside * shifted[x_at.w + next];
    for (var turn = 0u; turn < depth; turn += 1u) {
      // Real parts, then imaginary parts.
      {
        let base = turn * 64u;
        let a0 = tile_s[base + (row ^ turn)];
        let a1 = tile_s[base + ((row + 16u) ^ turn)];
        let b0 = tile_x[base + (column ^ turn)];
        let b1 = tile_x[base + ((column + 16u) ^ turn)];
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
      {
        let base = turn * 64u + 32u;
        let a0 = tile_s[base + (row ^ turn)];
        let a1 = tile_s[base + ((row + 16u) ^ turn)];
        let b0 = tile_x[base + (column ^ turn)];
        let b1 = tile_x[base + ((column + 16u) ^ turn)];
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
    }
    workgroupBarrier();
  }
  store_row(o0 + 4u * row + 0u, j0 + 4u * column, sums[0], sums[1]);
  store_row(o0 + 4u * row + 1u, j0 + 4u * column, sums[2], sums[3]);
  store_row(o0 + 4u * row + 2u, j0 + 4u * column, sums[4], sums[5]);
  store_row(o0 + 4u * row + 3u, j0 + 4u * column, sums[6], sums[7]);
  store_row(o0 + 4u * row + 0u + 64u, j0 + 4u * column, sums[8], sums[9]);
  store_row(o0 + 4u * row + 1u + 64u, j0 + 4u * column, sums[10], sums[11]);
  store_row(o0 + 4u * row + 2u + 64u, j0 + 4u * column, sums[12], sums[13]);
  store_row(o0 + 4u * row + 3u + 64u, j0 + 4u * column, sums[14], sums[15]);
}
