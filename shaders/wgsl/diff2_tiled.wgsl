// diff2_iot = 1/2 sum_k |energy_ik S_ok - shifted_jk|^2 - constant_i, columns j = (i, t): formula 5.2 of Zhang et al. 2018. A tile of 32
// orientations x 32 columns shares its loads; the sum over pixels goes in parts of 16 that lie in workgroup memory.
//#include common/groups.wgsl
struct Params {
  first_group: u32, end_group: u32,
  columns: u32, orientations: u32, pixels: u32, translations: u32, tiles_j: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> slices: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> shifted: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> energy: array<f32>;
@group(0) @binding(4) var<storage, read_write> constants: array<f32>;
@group(0) @binding(5) var<storage, read_write> diff2: array<f32>;
const tile = 32u;
const depth = 16u;
// One more column than the tile keeps rows in different banks.
var<workgroup> tile_s: array<vec2f, 528>;
var<workgroup> tile_x: array<vec2f, 528>;
var<workgroup> tile_c: array<f32, 528>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_index(wid);
  if (group >= p.end_group) { return; }
  let o0 = (group / p.tiles_j) * tile;
  let j0 = (group % p.tiles_j) * tile;
  let row = lane / 16u;
  let column = lane % 16u;
  var sums = vec4f(0.0);
  for (var k0 = 0u; k0 < p.pixels; k0 += depth) {
    for (var entry = lane; entry < tile * depth; entry += 256u) {
      let k = k0 + entry % depth;
      let o = o0 + entry / depth;
      let j = j0 + entry / depth;
      let at = (entry % depth) * (tile + 1u) + entry / depth;
      var s = vec2f(0.0);
      var x = vec2f(0.0);
      var c = 0.0;
      if (k < p.pixels && o < p.orientations) { s = slices[o * p.pixels + k]; }
      if (k < p.pixels && j < p.columns) {
        x = shifted[j * p.pixels + k];
        c = energy[(j / p.translations) * p.pixels + k];
      }
      tile_s[at] = s;
      tile_x[at] = x;
      tile_c[at] = c;
    }
    workgroupBarrier();
    for (var k = 0u; k < depth; k += 1u) {
      let base = k * (tile + 1u);
      let s0 = tile_s[base + row];
      let s1 = tile_s[base + row + 16u];
      let x0 = tile_x[base + column];
      let x1 = tile_x[base + column + 16u];
      let c0 = tile_c[base + column];
      let c1 = tile_c[base + column + 16u];
      let d0 = c0 * s0 - x0;
      let d1 = c1 * s0 - x1;
      let d2 = c0 * s1 - x0;
      let d3 = c1 * s1 - x1;
      sums += vec4f(dot(d0, d0), dot(d1, d1), dot(d2, d2), dot(d3, d3));
    }
    workgroupBarrier();
  }
  for (var entry = 0u; entry < 4u; entry += 1u) {
    let o = o0 + row + 16u * (entry / 2u);
    let j = j0 + column + 16u * (entry % 2u);
    if (o >= p.orientations || j >= p.columns) { continue; }
    let i = j / p.translations;
    diff2[(i * p.orientations + o) * p.translations + j % p.translations] = 0.5 * sums[entry] - constants[i];
  }
}
