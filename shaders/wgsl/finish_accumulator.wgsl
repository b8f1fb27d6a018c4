// Numbers of an accumulator, with the Friedel mates of the plane x = 0 added to each other.
//#include common/groups.wgsl
//#include common/centred.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, radius: u32, first: u32, unit: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> accumulator: array<u32>;
@group(0) @binding(2) var<storage, read_write> data: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> weight: array<f32>;

// A 64-bit integer as float: the sign is taken off first, so that small numbers keep their digits.
fn number(low: u32, high: u32) -> f32 {
  let negative = high >= 0x80000000u;
  let h = select(high, ~high + select(0u, 1u, low == 0u), negative);
  let l = select(low, ~low + 1u, negative);
  let size = (f32(h) * 4294967296.0 + f32(l)) * p.unit;
  return select(size, -size, negative);
}

fn element(at: u32) -> vec3f {
  let a = 6u * (p.first + at);
  return vec3f(
    number(accumulator[a], accumulator[a + 1u]),
    number(accumulator[a + 2u], accumulator[a + 3u]),
    number(accumulator[a + 4u], accumulator[a + 5u]),
  );
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid) * 64u + lane;
  if (id >= p.count) { return; }
  let q = centred_point(p.radius, id);
  var value = element(id);
  if (q.x == 0 && any(q != vec3i(0))) { value += element(centred_index(i32(p.radius), -q)) * vec3f(1.0, -1.0, 1.0); }
  data[id] = value.xy;
  weight[id] = value.z;
}
