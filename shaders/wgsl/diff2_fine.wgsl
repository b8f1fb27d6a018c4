// diff2_gc of the children c = (rotation, shift) of group g: sum_k 1/2 w C^2 |S|^2 - Re conj(S) w C X e. One workgroup a group:
// lanes stride through the pixels and meet four child orientations with four child translations at a time. Slices of a range of rows are at
// hand, or made from the projector, in the same buffer. On request minus
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
  rows_a_class: u32, class_length: u32, correlation: u32, first_row: u32, made_rows: u32, padding: f32, max_r2: f32,
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
// By lane: crosses of four orientations with four translations, and energies of the four orientations.
var<workgroup> crosses: array<mat4x4f, 64>;
var<workgroup> energies: array<vec4f, 64>;
var<workgroup> image_power: array<f32, 64>;
var<workgroup> own_sample: u32;

fn slice_of(row: u32, k: u32, x: i32, y: i32) -> vec2f {
  if (p.made_rows != 0u) { return projector[(row - p.first_row) * p.pixels + k]; }
  return slice_value(
    row % p.rows_a_class, (row / p.rows_a_class) * p.class_length, x, y, p.padding, i32(p.radius), p.max_r2,
  );
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let g = group_index(wid);
  if (g >= p.end_group) { return; }
  let children = p.rotations * p.shifts;
  let i = particle_of(g, p.particles);
  if (lane == 0u) { own_sample = first_sample[g]; }
  let coarse = workgroupUniformLoad(&own_sample) / children;
  let parent = coarse / p.translations;
  let translation = coarse % p.translations;
  let first = parent * p.rotations;
  if (p.made_rows != 0u && (first < p.first_row || first >= p.first_row + p.made_rows)) { return; }
  for (var r = 0u; r < p.rotations; r += 4u) {
    let row = first + r;
    let rotations = min(4u, p.rotations - r);
    for (var s = 0u; s < p.shifts; s += 4u) {
      let t = translation * p.shifts + s;
      let shifts = min(4u, p.shifts - s);
      var cross = mat4x4f();
      var energy = vec4f(0.0);
      var power = 0.0;
      for (var k = lane; k < p.pixels; k += 64u) {
        let x = pixel_x(xy[k]);
        let y = pixel_y(xy[k]);
        let operand = operands[i * p.pixels + k];
        // Real and imaginary parts of X e for four translations.
        var re = vec4f(0.0);
        var im = vec4f(0.0);
        let moved = cmul(operand.xy, phase_at(t, x, y, p.size));
        re.x = moved.x;
        im.x = moved.y;
        if (shifts > 1u) {
          let second = cmul(operand.xy, phase_at(t + 1u, x, y, p.size));
          re.y = second.x;
          im.y = second.y;
        }
        if (shifts > 2u) {
          let third = cmul(operand.xy, phase_at(t + 2u, x, y, p.size));
          re.z = third.x;
          im.z = third.y;
        }
        if (shifts > 3u) {
          let fourth = cmul(operand.xy, phase_at(t + 3u, x, y, p.size));
          re.w = fourth.x;
          im.w = fourth.y;
        }
        power += operand.w;
        let s0 = slice_of(row, k, x, y);
        cross[0] += s0.x * re + s0.y * im;
        energy.x += operand.z * dot(s0, s0);
        if (rotations > 1u) {
          let s1 = slice_of(row + 1u, k, x, y);
          cross[1] += s1.x * re + s1.y * im;
          energy.y += operand.z * dot(s1, s1);
        }
        if (rotations > 2u) {
          let s2 = slice_of(row + 2u, k, x, y);
          cross[2] += s2.x * re + s2.y * im;
          energy.z += operand.z * dot(s2, s2);
        }
        if (rotations > 3u) {
          let s3 = slice_of(row + 3u, k, x, y);
          cross[3] += s3.x * re + s3.y * im;
          energy.w += operand.z * dot(s3, s3);
        }
      }
      crosses[lane] = cross;
      energies[lane] = energy;
      image_power[lane] = power;
      for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
          crosses[lane] += crosses[lane + half];
          energies[lane] += energies[lane + half];
          image_power[lane] += image_power[lane + half];
        }
      }
      let own_r = lane / 4u;
      let own_s = lane % 4u;
      if (own_r < rotations && own_s < shifts) {
        let total = energies[0][own_r];
        var value = total - crosses[0][own_r][own_s];
        if (p.correlation != 0u) {
          let norm = 2.0 * total * image_power[0];
          value = 0.0;
          if (norm > 0.0) { value = -crosses[0][own_r][own_s] / sqrt(norm); }
        }
        diff2[g * children + (r + own_r) * p.shifts + s + own_s] = value;
      }
      workgroupBarrier();
    }
  }
}
