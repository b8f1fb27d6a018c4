// The smallest of the weights (0 to 1) that hold `1 - tail` of the sum, at most `cap` of them, per particle. Radix selection over the bits
// of the weights, eight at a time from the top: a histogram with the count and the mass of each bin. Masses are 64-bit integers, 2^40 to
// the power of two below the largest weight, so the result does not depend on any order. One workgroup a particle.
//#include common/groups.wgsl
struct Params {
  first_group: u32, end_group: u32,
  dense: u32, segment: u32, children: u32, cap: u32, tail: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> threshold: array<f32>;
@group(0) @binding(4) var<storage, read_write> count_i: array<u32>;
var<workgroup> bin_count: array<atomic<u32>, 256>;
var<workgroup> bin_low: array<atomic<u32>, 256>;
var<workgroup> bin_high: array<atomic<u32>, 256>;
var<workgroup> top: atomic<u32>;
var<workgroup> prefix: u32;
var<workgroup> done: u32;
// Mass wanted, and mass and count of what lies above the prefix.
var<workgroup> wanted: vec2u;
var<workgroup> above: vec2u;
var<workgroup> above_count: u32;

// 64-bit numbers as (low, high).
fn add64(a: vec2u, b: vec2u) -> vec2u {
  let low = a.x + b.x;
  return vec2u(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn sub64(a: vec2u, b: vec2u) -> vec2u {
  return vec2u(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}

fn greater64(a: vec2u, b: vec2u) -> bool {
  return a.y > b.y || (a.y == b.y && a.x > b.x);
}

fn mul64(a: vec2u, b: u32) -> vec2u {
  let low = a.x & 0xffffu;
  let high = a.x >> 16u;
  let b0 = b & 0xffffu;
  let b1 = b >> 16u;
  let middle = high * b0;
  var result = vec2u(low * b0, high * b1 + a.y * b);
  result = add64(result, vec2u(middle << 16u, middle >> 16u));
  let other = low * b1;
  return add64(result, vec2u(other << 16u, other >> 16u));
}

// `inverse`: of the power of two below the largest weight.
fn mass_of(weight: f32, inverse: f32) -> vec2u {
  let scaled = round(weight * inverse * 1099511627776.0);
  let high = floor(scaled / 4294967296.0);
  return vec2u(u32(scaled - high * 4294967296.0), u32(high));
}

fn float64(a: vec2u) -> f32 {
  return f32(a.y) * 4294967296.0 + f32(a.x);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group_index(wid);
  if (i >= p.end_group) { return; }
  var begin = i * p.segment;
  var end = begin + p.segment;
  if (p.dense == 0u) {
    begin = starts[i] * p.children;
    end = starts[i + 1u] * p.children;
  }
  if (lane == 0u) {
    prefix = 0u;
    done = 0u;
    above = vec2u(0u);
    above_count = 0u;
    atomicStore(&top, 0u);
  }
  workgroupBarrier();
  var own_top = 0u;
  for (var at = begin + lane; at < end; at += 256u) { own_top = max(own_top, bitcast<u32>(values[at])); }
  atomicMax(&top, own_top);
  workgroupBarrier();
  let below = atomicLoad(&top) & 0x7f800000u;
  let inverse = select(1.0, bitcast<f32>(0x7f000000u - below), below > 0u);
  for (var level = 0u; level < 4u; level += 1u) {
    let shift = 24u - 8u * level;
    atomicStore(&bin_count[lane], 0u);
    atomicStore(&bin_low[lane], 0u);
    atomicStore(&bin_high[lane], 0u);
    workgroupBarrier();
    if (done == 0u) {
      for (var at = begin + lane; at < end; at += 256u) {
        let bits = bitcast<u32>(values[at]);
        if (bits == 0u || (level > 0u && (bits >> (shift + 8u)) != prefix)) { continue; }
        let bin = (bits >> shift) & 255u;
        let mass = mass_of(values[at], inverse);
        atomicAdd(&bin_count[bin], 1u);
        let before = atomicAdd(&bin_low[bin], mass.x);
        atomicAdd(&bin_high[bin], mass.y + select(0u, 1u, before + mass.x < before));
      }
    }
    workgroupBarrier();
    if (lane == 0u && done == 0u) {
      if (level == 0u) {
        var total = vec2u(0u);
        for (var bin = 0u; bin < 256u; bin += 1u) {
          total = add64(total, vec2u(atomicLoad(&bin_low[bin]), atomicLoad(&bin_high[bin])));
        }
        let rest = round(float64(total) * p.tail);
        let high = floor(rest / 4294967296.0);
        wanted = sub64(total, vec2u(u32(rest - high * 4294967296.0), u32(high)));
      }
      var rest = 0u;
      for (var bin = 0u; bin < 256u; bin += 1u) { rest += atomicLoad(&bin_count[bin]); }
      var chosen = 256u;
      for (var step = 0u; step < 256u && rest > 0u; step += 1u) {
        let bin = 255u - step;
        let count = atomicLoad(&bin_count[bin]);
        if (count == 0u) { continue; }
        let mass = add64(above, vec2u(atomicLoad(&bin_low[bin]), atomicLoad(&bin_high[bin])));
        // Where nothing crosses, all are needed: the last bin that has any.
        if (greater64(mass, wanted) || above_count + count >= p.cap || count == rest) {
          chosen = bin;
          break;
        }
        above = mass;
        above_count += count;
        rest -= count;
      }
      if (chosen == 256u) {
        done = 1u;
        threshold[i] = 3.4028234e38;
        count_i[i] = 0u;
      } else {
        prefix = (prefix << 8u) | chosen;
        if (level == 3u) {
          // All entries of this bin are equal: how many of them are needed?
          let one = mass_of(bitcast<f32>(prefix), inverse);
          let most = min(atomicLoad(&bin_count[chosen]), p.cap - above_count);
          var low = 1u;
          var high = max(most, 1u);
          while (low < high) {
            let middle = (low + high) / 2u;
            if (greater64(add64(above, mul64(one, middle)), wanted)) { high = middle; } else { low = middle + 1u; }
          }
          threshold[i] = bitcast<f32>(prefix);
          count_i[i] = above_count + low;
        }
      }
    }
    workgroupBarrier();
  }
}
