// Scores to weights, their selection and compressed layout. Items are particles unless told otherwise.
#include "math.h"

static const float log_zero = -1e30f;

// Where the values of a particle are: `segment` each where samples are dense, groups starts[i] .. starts[i + 1] of `children` otherwise.
typedef struct {
  u32 from, to;
} range;
static inline range values_of(const u32 *starts, u32 segment, u32 children, u32 i) {
  if (starts == 0) return (range){i * segment, (i + 1) * segment};
  return (range){starts[i] * children, starts[i + 1] * children};
}

static inline f4 finite_mask(f4 v) { return (f4)(((i4)v & 0x7f800000) != 0x7f800000); }
static inline f4 choose(f4 mask, f4 yes, f4 no) { return (f4)wasm_v128_bitselect((v128_t)yes, (v128_t)no, (v128_t)mask); }

static inline f4 max4(f4 a, f4 b) { return (f4)wasm_f32x4_pmax((v128_t)a, (v128_t)b); }

// Log weights of a row of samples with priors prior + shifts[at] (prior + shift without table), in place; returns their largest by lane.
static inline f4 log_weight(f4 value, f4 prior, f4 shift, float scale) {
  f4 allowed = (f4)((prior > splat(log_zero)) & (shift > splat(log_zero)));
  return choose((f4)((i4)finite_mask(value) & (i4)allowed), prior + shift - splat(scale) * value, splat(log_zero));
}

static f4 log_weights(float *values, u32 count, float prior, const float *shifts, float shift, float scale, f4 most) {
  u32 at = 0;
  for (; at + 4 <= count; at += 4) {
    f4 weight = log_weight(load4(values + at), splat(prior), shifts ? load4(shifts + at) : splat(shift), scale);
    store4(values + at, weight);
    most = max4(most, weight);
  }
  for (; at < count; at++) {
    f4 weight = log_weight(splat(values[at]), splat(prior), splat(shifts ? shifts[at] : shift), scale);
    values[at] = weight[0];
    most = max4(most, weight);
  }
  return most;
}

// Rows of the samples of a particle: orientations, or class by class the candidates of its own (`classes` is not 0).
typedef struct {
  u32 count, first, own, candidates;
} row_list;
static inline row_list rows_of(const u32 *starts, u32 classes, u32 candidates, u32 orientations, u32 i) {
  if (classes == 0) return (row_list){orientations, 0, orientations, orientations};
  u32 own = starts[i + 1] - starts[i];
  return (row_list){classes * own, starts[i], own, candidates};
}
static inline u32 row_orientation(row_list rows, u32 row) { return row / rows.own * rows.candidates + rows.first + row % rows.own; }

// Listed samples (`classes` is not 0): `each` values a candidate, for all translations or the one whose number is the particle's.
KERNEL(weights, float *values; const u32 *starts; const u32 *first_sample; const float *prior_o; const float *prior_t; float *log_max; float *sums; u32 *best; u32 segment; u32 children; u32 orientations; u32 translations; u32 per_particle; u32 classes; u32 candidates; u32 each; float scale;) {
  for (u32 i = first; i < end; i++) {
    range own = values_of(p->starts, p->segment, p->children, i);
    const float *prior_o = p->prior_o + (p->per_particle ? i * p->orientations : 0);
    const float *prior_t = p->prior_t + i * p->translations;
    f4 tops = splat(log_zero);
    if (p->first_sample == 0) {
      row_list rows = rows_of(p->starts, p->classes, p->candidates, p->orientations, i);
      const float *shifts = prior_t + (p->each < p->translations ? i : 0);
      for (u32 row = 0; row < rows.count; row++)
        tops = log_weights(p->values + own.from + row * p->each, p->each, prior_o[row_orientation(rows, row)], shifts, 0, p->scale, tops);
    } else
      for (u32 g = p->starts[i]; g < p->starts[i + 1]; g++) {
        u32 coarse = p->first_sample[g] / p->children;
        tops = log_weights(p->values + g * p->children, p->children, prior_o[coarse / p->translations], 0, prior_t[coarse % p->translations], p->scale, tops);
      }
    float top = log_zero;
    for (u32 lane = 0; lane < 4; lane++) top = tops[lane] > top ? tops[lane] : top;
    u32 best = 0;
    if (top > log_zero)
      while (p->values[own.from + best] != top) best++;
    // Partial sums of 1,024 weights in float32, their sum in float64.
    f64 sum = 0;
    for (u32 at = own.from; at < own.to;) {
      u32 stop = min_u(at + 1024, own.to);
      f4 part = splat(0);
      for (; at + 4 <= stop; at += 4) {
        f4 value = load4(p->values + at), below = value - splat(top);
        f4 weight = splat(0);
        if (wasm_v128_any_true((v128_t)(below > splat(-87.0f)))) weight = (f4)((i4)exp4(below) & (value > splat(log_zero)));
        store4(p->values + at, weight);
        part += weight;
      }
      for (; at < stop; at++) {
        float value = p->values[at];
        p->values[at] = value > log_zero ? exp4(splat(value - top))[0] : 0;
        sum += p->values[at];
      }
      sum += (f64)lanes_sum(part);
    }
    p->log_max[i] = top;
    p->sums[i] = (float)sum;
    p->best[i] = best;
  }
}

static inline u32 bits_of(float value) {
  union {
    float value;
    u32 bits;
  } both = {value};
  return both.bits;
}
static inline float float_of(u32 bits) {
  union {
    u32 bits;
    float value;
  } both = {bits};
  return both.value;
}

// Masses are 64-bit integers, so no order matters; `units` to one: 2^40 to the power of two below the largest weight.
static inline u64 mass_of(float weight, f64 units) { return (u64)__builtin_rint((f64)weight * units); }

typedef struct {
  u32 counts[256], rest;
  u64 masses[256], total;
} histogram;

static void add_weight(histogram *to, float weight, f64 units, u32 level, u32 prefix) {
  u32 bits = bits_of(weight), shift = 24 - 8 * level;
  if (bits == 0 || (level > 0 && bits >> (shift + 8) != prefix)) return;
  u64 mass = mass_of(weight, units);
  to->counts[bits >> shift & 255]++;
  to->masses[bits >> shift & 255] += mass;
  to->total += mass;
  to->rest++;
}

// Counts and masses of the weights from `least`, by eight of their bits, where those above are `prefix`.
static void fill_histogram(histogram *to, const float *values, u32 count, float least, f64 units, u32 level, u32 prefix) {
  *to = (histogram){0};
  u32 at = 0;
  for (; at + 4 <= count; at += 4) {
    f4 four = load4(values + at);
    if (!wasm_v128_any_true((v128_t)(four >= splat(least)))) continue;
    for (u32 lane = 0; lane < 4; lane++)
      if (four[lane] >= least) add_weight(to, four[lane], units, level, prefix);
  }
  for (; at < count; at++)
    if (values[at] >= least) add_weight(to, values[at], units, level, prefix);
}

// The smallest of the weights (0 to 1) that hold 1 - tail of the sum, at most `cap` of them: radix selection over the bits of the weights,
// eight at a time from the top.
KERNEL(select_significant, const float *values; const u32 *starts; float *threshold; u32 *count_i; u32 segment; u32 children; u32 cap; f64 tail;) {
  for (u32 i = first; i < end; i++) {
    range own = values_of(p->starts, p->segment, p->children, i);
    u32 prefix = 0, above_count = 0;
    u64 wanted = 0, above = 0;
    f4 tops = splat(0);
    u32 at = own.from;
    for (; at + 4 <= own.to; at += 4) tops = max4(tops, load4(p->values + at));
    for (; at < own.to; at++) tops = max4(tops, splat(p->values[at]));
    float top = 0;
    for (u32 lane = 0; lane < 4; lane++) top = tops[lane] > top ? tops[lane] : top;
    float below = float_of(bits_of(top) & 0x7f800000);
    f64 units = below > 0 ? 0x1p40 / (f64)below : 0x1p40;
    // Smaller weights have no mass.
    float least = below * 0x1p-41f;
    histogram bins;
    p->threshold[i] = 3.4028234e38f;
    p->count_i[i] = 0;
    for (u32 level = 0; level < 4; level++) {
      fill_histogram(&bins, p->values + own.from, own.to - own.from, least, units, level, prefix);
      if (level == 0) {
        u64 left = (u64)__builtin_rint((f64)bins.total * p->tail);
        if (left == 0 && least > 0) {
          // Nothing may be left out: those without mass count as well.
          least = 0;
          fill_histogram(&bins, p->values + own.from, own.to - own.from, least, units, level, prefix);
        }
        wanted = bins.total - left;
      }
      u32 *counts = bins.counts, rest = bins.rest;
      u64 *masses = bins.masses;
      // Where nothing crosses, all are needed: the last bin that has any.
      u32 bin = 256;
      while (rest > 0) {
        if (counts[--bin] == 0) continue;
        if (above + masses[bin] > wanted || above_count + counts[bin] >= p->cap || counts[bin] == rest) break;
        above += masses[bin];
        above_count += counts[bin];
        rest -= counts[bin];
      }
      if (rest == 0) break;
      prefix = prefix << 8 | bin;
      if (level < 3) continue;
      // All entries of this bin are equal: how many of them are needed?
      u64 one = mass_of(float_of(prefix), units);
      u32 most = min_u(counts[bin], p->cap - above_count);
      u32 needed = 1;
      while (needed < most && above + one * needed <= wanted) needed++;
      p->threshold[i] = float_of(prefix);
      p->count_i[i] = above_count + needed;
    }
  }
}

// Groups and runs of every particle: counts[2 i], counts[2 i + 1].
KERNEL(compact_count, const float *values; const u32 *starts; const float *threshold; u32 *counts; u32 segment; u32 children; u32 orientations; u32 classes; u32 candidates; u32 each;) {
  for (u32 i = first; i < end; i++) {
    u32 groups = 0, runs = 0;
    float threshold = p->threshold[i];
    const float *values = p->values + values_of(p->starts, p->segment, p->children, i).from;
    row_list rows = rows_of(p->starts, p->classes, p->candidates, p->orientations, i);
    for (u32 row = 0; row < rows.count; row++, values += p->each) {
      u32 kept = 0;
      for (u32 t = 0; t < p->each; t++) kept += values[t] >= threshold && values[t] != 0;
      groups += kept;
      runs += kept > 0;
    }
    p->counts[2 * i] = groups;
    p->counts[2 * i + 1] = runs;
  }
}

// Starts of groups and runs. One item.
KERNEL(compact_scan, const u32 *counts; u32 *starts; u32 *run_starts; u32 *run_groups; u32 particles; u32 run_capacity;) {
  if (first >= end) return;
  p->starts[0] = p->run_starts[0] = 0;
  for (u32 i = 0; i < p->particles; i++) {
    p->starts[i + 1] = p->starts[i] + p->counts[2 * i];
    p->run_starts[i + 1] = p->run_starts[i] + p->counts[2 * i + 1];
  }
  u32 runs = p->run_starts[p->particles];
  if (runs <= p->run_capacity) p->run_groups[runs] = p->starts[p->particles];
}

KERNEL(compact_write, const float *values; const u32 *starts; const float *threshold; const u32 *group_starts; const u32 *run_starts; u32 *first_sample; u32 *run_groups; u32 segment; u32 children; u32 orientations; u32 classes; u32 candidates; u32 each; u32 translations; u32 fine_children; u32 capacity; u32 run_capacity;) {
  for (u32 i = first; i < end; i++) {
    u32 group = p->group_starts[i], run = p->run_starts[i];
    float threshold = p->threshold[i];
    const float *values = p->values + values_of(p->starts, p->segment, p->children, i).from;
    row_list rows = rows_of(p->starts, p->classes, p->candidates, p->orientations, i);
    u32 shift = p->each < p->translations ? i : 0;
    for (u32 row = 0; row < rows.count; row++, values += p->each) {
      u32 begun = group;
      for (u32 t = 0; t < p->each; t++) {
        if (!(values[t] >= threshold) || values[t] == 0) continue;
        if (group < p->capacity) p->first_sample[group] = (row_orientation(rows, row) * p->translations + t + shift) * p->fine_children;
        group++;
      }
      if (group == begun) continue;
      if (run < p->run_capacity) p->run_groups[run] = begun;
      run++;
    }
  }
}

// Log priors of candidates, by class and candidate, and the first coarse sample of each, by particle, class and candidate.
KERNEL(list_candidates, const u32 *starts; const u32 *direction_starts; const float *direction_prior; const u32 *psi_starts; const float *psi_prior; const float *class_prior; float *prior_o; u32 *first_sample; u32 classes; u32 candidates; u32 translations; u32 own;) {
  for (u32 i = first; i < end; i++) {
    row_list rows = rows_of(p->starts, p->classes, p->candidates, 0, i);
    u32 angles = p->psi_starts[i + 1] - p->psi_starts[i], *first_sample = p->first_sample + p->classes * rows.first;
    for (u32 row = 0; row < rows.count; row++) {
      u32 n = row % rows.own, o = row_orientation(rows, row);
      float of_class = p->class_prior[row / rows.own];
      float angular = p->direction_prior[p->direction_starts[i] + n / angles] + p->psi_prior[p->psi_starts[i] + n % angles];
      p->prior_o[o] = of_class > log_zero ? of_class + angular : log_zero;
      first_sample[row] = o * p->translations + (p->own ? i : 0);
    }
  }
}

KERNEL(normalise_weights, float *values; const u32 *starts; const float *threshold; const float *sums; u32 segment; u32 children;) {
  for (u32 i = first; i < end; i++) {
    range own = values_of(p->starts, p->segment, p->children, i);
    for (u32 at = own.from; at < own.to; at++) p->values[at] = p->values[at] < p->threshold[i] ? 0 : p->values[at] / p->sums[i];
  }
}

KERNEL(translation_moments, const float *values; const u32 *starts; const u32 *first_sample; const float *translations_t2; float *moments; u32 children; u32 shifts; u32 translations;) {
  for (u32 i = first; i < end; i++) {
    f64 sums[4] = {0};
    for (u32 g = p->starts[i]; g < p->starts[i + 1]; g++) {
      u32 t = p->first_sample[g] / p->children % p->translations * p->shifts;
      for (u32 c = 0; c < p->children; c++) {
        f64 w = p->values[g * p->children + c];
        f64 x = p->translations_t2[2 * (t + c % p->shifts)], y = p->translations_t2[2 * (t + c % p->shifts) + 1];
        sums[0] += w;
        sums[1] += w * x;
        sums[2] += w * y;
        sums[3] += w * (x * x + y * y);
      }
    }
    for (u32 m = 0; m < 4; m++) p->moments[4 * i + m] = (float)sums[m];
  }
}
