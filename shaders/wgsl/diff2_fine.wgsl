// diff2_gc of the children c = (rotation, shift) of group g: sum_k 1/2 w C^2 |S|^2 - Re conj(S) w C X e. One workgroup a group: for each
// child orientation lanes stride through the pixels, slice each once, and meet it with four child translations at a time. On request minus
// the normalised cross-correlation instead.
//#include common/groups.wgsl
//#include common/pixels.wgsl
//#include common/complex.wgsl
//#include common/phases.wgsl
//#include common/centred.wgsl
//#include common/slice.wgsl
//#include common/segments.wgsl
struct Params {
  first_group: u32, end_group: u32,
  particles: u32, pixels: u32, translations: u32, rotations: u32, shifts: u32, size: u32, y_at: u32, radius: u32,
  rows_a_class: u32, class_length: u32, correlation: u32, padding: f32, max_r2: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> projector: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> matrices: array<f32>;
@group(0) @binding(3) var<storage, read_write> xy: array<u32>;
@group(0) @binding(4) var<storage, read_write> operands: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> phases: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> starts: array<u32>;
@group(0) @binding(7) var<storage, read_write> first_sample: array<u32>;
@group(0) @binding(8) var<storage, read_write> diff2: array<f32>;
var<workgroup> crosses: array<vec4f, 64>;
// Sums of the energy and of |X|^2.
var<workgroup> powers: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let g = group_index(wid);
  if (g >= p.end_group) { return; }
  let children = p.rotations * p.shifts;
  let i = particle_of(g, p.particles);
  let coarse = first_sample[g] / children;
  let parent = coarse / p.translations;
  let translation = coarse % p.translations;
  for (var r = 0u; r < p.rotations; r += 1u) {
    for (var s = 0u; s < p.shifts; s += 4u) {
      let t = translation * p.shifts + s;
      let most = p.shifts - s;
      let row = parent * p.rotations + r;
      var cross = vec4f(0.0);
      var power = vec2f(0.0);
      for (var k = lane; k < p.pixels; k += 64u) {
        let x = pixel_x(xy[k]);
        let y = pixel_y(xy[k]);
        let slice = slice_value(
          row % p.rows_a_class, (row / p.rows_a_class) * p.class_length, x, y, p.padding, i32(p.radius), p.max_r2,
        );
        let operand = operands[i * p.pixels + k];
        power += vec2f(operand.z * dot(slice, slice), operand.w);
        // Re conj(S) X e = Re (conj(S) X) e
        let product = cmul(conj(slice), operand.xy);
        cross.x += cmul(product, phase_at(t, x, y, p.size)).x;
        if (most > 1u) { cross.y += cmul(product, phase_at(t + 1u, x, y, p.size)).x; }
        if (most > 2u) { cross.z += cmul(product, phase_at(t + 2u, x, y, p.size)).x; }
        if (most > 3u) { cross.w += cmul(product, phase_at(t + 3u, x, y, p.size)).x; }
      }
      crosses[lane] = cross;
      powers[lane] = power;
      for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
          crosses[lane] += crosses[lane + half];
          powers[lane] += powers[lane + half];
        }
      }
      if (lane < min(most, 4u)) {
        var value = powers[0].x - crosses[0][lane];
        if (p.correlation != 0u) {
          let norm = 2.0 * powers[0].x * powers[0].y;
          value = 0.0;
          if (norm > 0.0) { value = -crosses[0][lane] / sqrt(norm); }
        }
        diff2[g * children + r * p.shifts + s + lane] = value;
      }
      workgroupBarrier();
    }
  }
}
