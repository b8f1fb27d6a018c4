// terms_cik += sum over the views of particle i and class c in this block of (Re F A*, total |F|^2), F = CTF x slice, A the sum of its masked
// images. Views of a particle are in the order of their classes.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, pixels: u32, rows_a_class: u32, first_row: u32, all_rows: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> slices: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> totals: array<f32>;
@group(0) @binding(5) var<storage, read_write> ctf: array<f32>;
@group(0) @binding(6) var<storage, read_write> orientation: array<u32>;
@group(0) @binding(7) var<storage, read_write> terms: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let i = id / p.pixels;
  let k = id % p.pixels;
  let end = starts[i + 1u];
  if (starts[i] >= end) { return; }
  var slot = orientation[starts[i]] / p.rows_a_class;
  var sum = terms[slot * p.count + id];
  for (var view = starts[i]; view < end; view += 1u) {
    let own = orientation[view] / p.rows_a_class;
    if (own != slot) {
      terms[slot * p.count + id] = sum;
      slot = own;
      sum = terms[slot * p.count + id];
    }
    let at = view * p.pixels + k;
    let model = ctf[id] * slices[select(view, orientation[view] - p.first_row, p.all_rows != 0u) * p.pixels + k];
    sum += vec2f(dot(model, sums[at].xy), totals[view] * dot(model, model));
  }
  terms[slot * p.count + id] = sum;
}
