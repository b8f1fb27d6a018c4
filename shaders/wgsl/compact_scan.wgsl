// Exclusive prefix sums of both columns of `counts` inside blocks of 1024 rows, in place; totals of the blocks behind them (stage 0).
// Stage 1 makes the totals exclusive prefix sums, the grand totals last.
//#include common/groups.wgsl
struct Params { first_group: u32, end_group: u32, rows: u32, blocks: u32, stage: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> counts: array<u32>;
const lanes = 256u;
const rows_a_lane = 4u;
var<workgroup> sums: array<vec2u, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let block = group_index(wid);
  if (block >= p.end_group) { return; }
  if (p.stage == 1u) {
    if (lane == 0u) {
      var total = vec2u(0u);
      for (var b = 0u; b < p.blocks; b += 1u) {
        let at = 2u * p.rows + 2u * b;
        let own = vec2u(counts[at], counts[at + 1u]);
        counts[at] = total.x;
        counts[at + 1u] = total.y;
        total += own;
      }
      counts[2u * p.rows + 2u * p.blocks] = total.x;
      counts[2u * p.rows + 2u * p.blocks + 1u] = total.y;
    }
    return;
  }
  let first = (block * lanes + lane) * rows_a_lane;
  var own = vec2u(0u);
  for (var row = first; row < min(first + rows_a_lane, p.rows); row += 1u) {
    own += vec2u(counts[row], counts[p.rows + row]);
  }
  sums[lane] = own;
  for (var reach = 1u; reach < lanes; reach *= 2u) {
    workgroupBarrier();
    var below = vec2u(0u);
    if (lane >= reach) { below = sums[lane - reach]; }
    workgroupBarrier();
    sums[lane] += below;
  }
  var running = sums[lane] - own;
  for (var row = first; row < min(first + rows_a_lane, p.rows); row += 1u) {
    let here = vec2u(counts[row], counts[p.rows + row]);
    counts[row] = running.x;
    counts[p.rows + row] = running.y;
    running += here;
  }
  if (lane == lanes - 1u) {
    counts[2u * p.rows + 2u * block] = running.x;
    counts[2u * p.rows + 2u * block + 1u] = running.y;
  }
}
