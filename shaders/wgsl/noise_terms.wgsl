// terms_cik += sum over the views of particle i and class c in this block of (Re F A*, total |F|^2), F = CTF x slice, A the sum of its masked
// images. Views of a particle are in the order of their classes. One workgroup takes 32 pixels of a particle; its rows of lanes share the views and
// are added up in their order, so that a particle with thousands of views does not wait for one lane.
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
const lanes = 32u;
const rows = 8u;
var<workgroup> parts: array<vec2f, 256>;
// First and past-the-end view, first and past-the-end class.
var<workgroup> own: vec4u;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_index(wid);
  if (group >= p.end_group) { return; }
  let columns = (p.pixels + lanes - 1u) / lanes;
  let i = group / columns;
  let k = group % columns * lanes + lane % lanes;
  if (lane == 0u) {
    let begin = starts[i];
    let end = starts[i + 1u];
    own = vec4u(begin, end, 0u, 0u);
    if (begin < end) {
      own.z = orientation[begin] / p.rows_a_class;
      own.w = orientation[end - 1u] / p.rows_a_class + 1u;
    }
  }
  let views = workgroupUniformLoad(&own);
  let id = i * p.pixels + k;
  var view = views.x + lane / lanes;
  for (var slot = views.z; slot < views.w; slot += 1u) {
    var sum = vec2f(0.0);
    while (view < views.y && orientation[view] / p.rows_a_class == slot) {
      if (k < p.pixels) {
        let model = ctf[id] * slices[select(view, orientation[view] - p.first_row, p.all_rows != 0u) * p.pixels + k];
        sum += vec2f(dot(model, sums[view * p.pixels + k].xy), totals[view] * dot(model, model));
      }
      view += rows;
    }
    parts[lane] = sum;
    workgroupBarrier();
    if (lane < lanes && k < p.pixels) {
      for (var row = 1u; row < rows; row += 1u) { sum += parts[row * lanes + lane]; }
      terms[slot * p.count + id] += sum;
    }
    workgroupBarrier();
  }
}
