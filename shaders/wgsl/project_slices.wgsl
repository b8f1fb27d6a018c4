// slices_ok: central slices of the centred half array, trilinear, at pixels k of inverse orientations o: rows of `matrices` in order, or as
// `rows` lists them.
//#include common/groups.wgsl
//#include common/pixels.wgsl
//#include common/centred.wgsl
//#include common/slice.wgsl
struct Params {
  first_group: u32, end_group: u32,
  count: u32, pixels: u32, listed: u32, first_row: u32, rows_a_class: u32, class_length: u32, radius: u32, padding: f32, max_r2: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> projector: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> matrices: array<f32>;
@group(0) @binding(3) var<storage, read_write> xy: array<u32>;
@group(0) @binding(4) var<storage, read_write> rows: array<u32>;
@group(0) @binding(5) var<storage, read_write> slices: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let packed = xy[id % p.pixels];
  var orientation = p.first_row + id / p.pixels;
  if (p.listed != 0u) { orientation = rows[id / p.pixels]; }
  slices[id] = slice_value(orientation % p.rows_a_class, (orientation / p.rows_a_class) * p.class_length, pixel_x(packed), pixel_y(packed), p.padding, i32(p.radius), p.max_r2);
}
