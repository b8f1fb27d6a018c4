// matrices[(c, d, a)] = transposed Rz(psi) x direction, for candidate c, child d of its direction and child a of its in-plane angle; candidates by
// particle, direction and angle. One invocation a matrix (nine numbers, row-major).
//#include common/groups.wgsl
//#include common/segments.wgsl
struct Params { first_group: u32, end_group: u32, count: u32, particles: u32, direction_children: u32, psi_children: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> direction_starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> direction_list: array<u32>;
@group(0) @binding(4) var<storage, read_write> psi_starts: array<u32>;
@group(0) @binding(5) var<storage, read_write> psi_list: array<u32>;
@group(0) @binding(6) var<storage, read_write> directions: array<f32>;
@group(0) @binding(7) var<storage, read_write> psis: array<vec2f>;
@group(0) @binding(8) var<storage, read_write> matrices: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = group_index(wid) * 64u + lane;
  if (at >= p.count) { return; }
  let children = p.direction_children * p.psi_children;
  let candidate = at / children;
  let child = at % children;
  let i = particle_of(candidate, p.particles);
  let n = candidate - starts[i];
  let angles = psi_starts[i + 1u] - psi_starts[i];
  let direction = direction_list[direction_starts[i] + n / angles] * p.direction_children + child / p.psi_children;
  let turn = psis[psi_list[psi_starts[i] + n % angles] * p.psi_children + child % p.psi_children];
  for (var column = 0u; column < 3u; column += 1u) {
    let x = directions[9u * direction + column];
    let y = directions[9u * direction + 3u + column];
    matrices[9u * at + 3u * column] = turn.x * x + turn.y * y;
    matrices[9u * at + 3u * column + 1u] = turn.x * y - turn.y * x;
    matrices[9u * at + 3u * column + 2u] = directions[9u * direction + 6u + column];
  }
}
