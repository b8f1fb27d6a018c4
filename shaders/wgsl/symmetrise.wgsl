// out(r) = in(r) + sum over operators of in(R r), trilinear, inside r^2 <= limit.
//#include common/groups.wgsl
//#include common/centred.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, radius: u32, limit: u32, operator_count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> data: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> operators: array<f32>;
@group(0) @binding(4) var<storage, read_write> out_data: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> out_weight: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let radius = i32(p.radius);
  let own = centred_point(p.radius, id);
  var sum = vec3f(data[id], weight[id]);
  if (length2(own) <= p.limit) {
    let r = vec3f(own);
    for (var n = 0u; n < p.operator_count; n += 1u) {
      let m = 9u * n;
      var q = vec3f(
        dot(vec3f(operators[m], operators[m + 1u], operators[m + 2u]), r),
        dot(vec3f(operators[m + 3u], operators[m + 4u], operators[m + 5u]), r),
        dot(vec3f(operators[m + 6u], operators[m + 7u], operators[m + 8u]), r),
      );
      let mirrored = q.x < 0.0;
      if (mirrored) { q = -q; }
      let base = clamp(vec3i(floor(q)), vec3i(0, -radius, -radius), vec3i(radius - 1));
      let f = q - vec3f(base);
      var value = vec3f(0.0);
      for (var corner = 0u; corner < 8u; corner += 1u) {
        let step = vec3u(corner & 1u, (corner >> 1u) & 1u, corner >> 2u);
        let part = select(1.0 - f, f, step == vec3u(1u));
        let at = centred_index(radius, base + vec3i(step));
        value += part.x * part.y * part.z * vec3f(data[at], weight[at]);
      }
      sum += value * vec3f(1.0, select(1.0, -1.0, mirrored), 1.0);
    }
  }
  out_data[id] = sum.xy;
  out_weight[id] = sum.z;
}
