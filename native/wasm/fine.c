// Children of the kept samples: their scores and their weighted sums.
#include "slice.h"

// Most numbers (real and imaginary) of a block of pixels, and of all shifted images of a particle in a block.
enum { fine_block = 512, shifted_room = 1 << 18, tile_r = 4, tile_s = 2 };

// Tables [t] of exp(-2 pi i ..) of translations, multiplied at pixels xy[0 .. count).
static inline void phase_row(const complex *phases, u32 y_at, u32 size, u32 t, const u32 *xy, u32 count, complex *out) {
  const complex *tx = phases + t * (size / 2 + 1), *ty = phases + y_at + t * size + size / 2 - 1;
  for (u32 k = 0; k < count; k++) out[k] = cmul(tx[pixel_x(xy[k])], ty[pixel_y(xy[k])]);
}

// Products of four rows with two rows of `width` numbers (even): [r][s].
static inline void tile_products(const float *const *a, const float *const *b, u32 width, float out[tile_r][tile_s]) {
  f4 sum[tile_r][tile_s];
#pragma clang loop unroll(full)
  for (u32 r = 0; r < tile_r; r++)
#pragma clang loop unroll(full)
    for (u32 s = 0; s < tile_s; s++) sum[r][s] = splat(0);
  const float *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3], *b0 = b[0], *b1 = b[1];
#define TILE_STEP(load)              \
  {                                  \
    f4 s0 = load(b0 + k), s1 = load(b1 + k); \
    f4 r0 = load(a0 + k);            \
    sum[0][0] += r0 * s0;            \
    sum[0][1] += r0 * s1;            \
    f4 r1 = load(a1 + k);            \
    sum[1][0] += r1 * s0;            \
    sum[1][1] += r1 * s1;            \
    f4 r2 = load(a2 + k);            \
    sum[2][0] += r2 * s0;            \
    sum[2][1] += r2 * s1;            \
    f4 r3 = load(a3 + k);            \
    sum[3][0] += r3 * s0;            \
    sum[3][1] += r3 * s1;            \
  }
  u32 k = 0;
  for (; k + 4 <= width; k += 4) TILE_STEP(load4)
  if (k < width) TILE_STEP(load2)
#undef TILE_STEP
#pragma clang loop unroll(full)
  for (u32 r = 0; r < tile_r; r++)
#pragma clang loop unroll(full)
    for (u32 s = 0; s < tile_s; s++) out[r][s] = lanes_sum(sum[r][s]);
}

// sum_k factor_k |S_k|^2
static inline float slice_energy(const float *slice, const float *factor, u32 count) {
  f4 sum = splat(0);
  u32 k = 0;
  for (; k + 2 <= count; k += 2) {
    f4 s = load4(slice + 2 * k);
    sum += (f4){factor[k], factor[k], factor[k + 1], factor[k + 1]} * s * s;
  }
  for (; k < count; k++) {
    f4 s = load2(slice + 2 * k);
    sum += splat(factor[k]) * s * s;
  }
  return lanes_sum(sum);
}

// Operands of a particle: w C X, then 1/2 w C^2 behind those of all particles (w = 1 without weights). Items: particles.
KERNEL(fine_operands, const complex *images; const float *ctf; const float *weights; complex *products; float *factors; u32 pixels;) {
  for (u32 id = first * p->pixels; id < end * p->pixels; id++) {
    float factor = p->weights ? p->ctf[id] * p->weights[id] : p->ctf[id];
    p->products[id] = (complex){factor * p->images[id].re, factor * p->images[id].im};
    p->factors[id] = 0.5f * factor * p->ctf[id];
  }
}

typedef struct {
  const complex *made;
  u32 first_row, rows;
} child_rows;

static inline int outside(const child_rows *kept, u32 row) {
  return kept->made && (row < kept->first_row || row >= kept->first_row + kept->rows);
}

// End of the groups from g0 that have its parent orientation; `samples` fine samples each.
static inline u32 run_end(const u32 *first_sample, u32 g0, u32 end, u32 samples, u32 *parent) {
  *parent = first_sample[g0] / samples;
  u32 g1 = g0 + 1;
  while (g1 < end && first_sample[g1] / samples == *parent) g1++;
  return g1;
}

// Rows of slices of up to `count` children from row `row` at pixels k0 .. k0 + own: made before, or interpolated into `buffer`.
static inline void child_slices(const projector *from, const float *matrices, const child_rows *kept, u32 row, u32 count, const u32 *xy, u32 pixels, u32 k0, u32 own, float (*buffer)[fine_block], const float **out) {
  for (u32 r = 0; r < count; r++) {
    if (kept->made) out[r] = (const float *)(kept->made + (row + r - kept->first_row) * pixels + k0);
    else {
      slice_values(from, matrices, row + r, xy + k0, own, (complex *)buffer[r]);
      out[r] = buffer[r];
    }
  }
}

// diff2_gc of the children c = (rotation, shift) of group g: energies less crosses, or minus the crosses alone for fine_correlation. Shifted
// images of a particle are made once for a block of pixels, slices once for a run of groups with one parent orientation. Items: particles.
KERNEL(diff2_fine, const complex *projector_data; const complex *made; const float *matrices; const u32 *xy; const complex *products; const float *factors; const complex *phases; const u32 *starts; const u32 *first_sample; float *diff2; u32 pixels; u32 translations; u32 rotations; u32 shifts; u32 size; u32 y_at; u32 radius; u32 rows_a_class; u32 class_length; u32 correlation; u32 first_row; u32 made_rows; float padding; float max_r2;) {
  projector from = {p->projector_data, (i32)p->radius, p->rows_a_class, p->class_length, p->padding, p->max_r2};
  child_rows kept = {p->made, p->first_row, p->made_rows};
  u32 K = p->pixels, T = p->translations, S = p->shifts, children = p->rotations * S;
  u32 width = min_u(fine_block, shifted_room / (T * S)) / 4 * 4;
  float shifted[T * S * width];
  float buffer[tile_r][fine_block];
  complex phase[fine_block / 2];
  u8 ready[T];
  for (u32 i = first; i < end; i++)
    for (u32 k0 = 0; k0 < K; k0 += width / 2) {
      u32 own = min_u(width / 2, K - k0);
      for (u32 t = 0; t < T; t++) ready[t] = 0;
      for (u32 g0 = p->starts[i], g1; g0 < p->starts[i + 1]; g0 = g1) {
        u32 parent;
        g1 = run_end(p->first_sample, g0, p->starts[i + 1], children * T, &parent);
        u32 row = parent * p->rotations;
        if (outside(&kept, row)) continue;
        for (u32 g = g0; g < g1; g++) {
          u32 t = p->first_sample[g] / children % T;
          if (ready[t]) continue;
          ready[t] = 1;
          for (u32 s = t * S; s < (t + 1) * S; s++) {
            phase_row(p->phases, p->y_at, p->size, s, p->xy + k0, own, phase);
            complex *to = (complex *)(shifted + s * width);
            for (u32 k = 0; k < own; k++) to[k] = cmul(p->products[i * K + k0 + k], phase[k]);
          }
        }
        for (u32 r = 0; r < p->rotations; r += tile_r) {
          u32 count = min_u(tile_r, p->rotations - r);
          const float *slices[tile_r];
          float energy[tile_r] = {0};
          child_slices(&from, p->matrices, &kept, row + r, count, p->xy, K, k0, own, buffer, slices);
          // A tile reads all of its rows.
          for (u32 a = count; a < tile_r; a++) slices[a] = slices[0];
          if (!p->correlation)
            for (u32 a = 0; a < count; a++) energy[a] = slice_energy(slices[a], p->factors + i * K + k0, own);
          for (u32 g = g0; g < g1; g++) {
            u32 t = p->first_sample[g] / children % T;
            for (u32 s = 0; s < S; s += tile_s) {
              const float *two[tile_s] = {shifted + (t * S + s) * width, shifted + (t * S + min_u(s + 1, S - 1)) * width};
              float cross[tile_r][tile_s];
              tile_products(slices, two, 2 * own, cross);
              for (u32 a = 0; a < count; a++)
                for (u32 b = 0; b < min_u(tile_s, S - s); b++) {
                  float *to = p->diff2 + g * children + (r + a) * S + s + b;
                  float value = energy[a] - cross[a][b];
                  *to = k0 == 0 ? value : *to + value;
                }
            }
          }
        }
      }
    }
}

// Minus the crosses to minus the normalised correlations. Items: particles.
KERNEL(fine_correlation, const complex *projector_data; const complex *made; const float *matrices; const u32 *xy; const complex *images; const float *factors; const u32 *starts; const u32 *first_sample; float *diff2; u32 pixels; u32 translations; u32 rotations; u32 shifts; u32 radius; u32 rows_a_class; u32 class_length; u32 first_row; u32 made_rows; float padding; float max_r2;) {
  projector from = {p->projector_data, (i32)p->radius, p->rows_a_class, p->class_length, p->padding, p->max_r2};
  child_rows kept = {p->made, p->first_row, p->made_rows};
  u32 K = p->pixels, T = p->translations, S = p->shifts, children = p->rotations * S;
  float buffer[tile_r][fine_block];
  for (u32 i = first; i < end; i++) {
    f64 power = 0;
    for (u32 k = i * K; k < (i + 1) * K; k++)
      power += (f64)p->images[k].re * p->images[k].re + (f64)p->images[k].im * p->images[k].im;
    for (u32 g0 = p->starts[i], g1; g0 < p->starts[i + 1]; g0 = g1) {
      u32 parent;
      g1 = run_end(p->first_sample, g0, p->starts[i + 1], children * T, &parent);
      u32 row = parent * p->rotations;
      if (outside(&kept, row)) continue;
      for (u32 r = 0; r < p->rotations; r++) {
        f64 energy = 0;
        for (u32 k0 = 0; k0 < K; k0 += fine_block / 2) {
          u32 own = min_u(fine_block / 2, K - k0);
          const float *slice;
          child_slices(&from, p->matrices, &kept, row + r, 1, p->xy, K, k0, own, buffer, &slice);
          energy += (f64)slice_energy(slice, p->factors + i * K + k0, own);
        }
        // Factors are half of those of the norm.
        f64 norm = 2 * energy * power;
        float scale = norm > 0 ? (float)(1 / __builtin_sqrt(norm)) : 0;
        for (u32 g = g0; g < g1; g++)
          for (u32 s = 0; s < S; s++) p->diff2[g * children + r * S + s] *= scale;
      }
    }
  }
}

// Items: views.
KERNEL(view_totals, const float *values; const u32 *run_groups; float *totals; u32 rotations; u32 shifts;) {
  for (u32 view = first; view < end; view++) {
    u32 run = view / p->rotations, r = view % p->rotations;
    float sum = 0;
    for (u32 g = p->run_groups[run]; g < p->run_groups[run + 1]; g++)
      for (u32 s = 0; s < p->shifts; s++) sum += p->values[(g * p->rotations + r) * p->shifts + s];
    p->totals[view] = sum;
  }
}

// The row of the results of every view of a block. Items: merged views.
KERNEL(view_rows, const u32 *merged; const u32 *members; u32 *rows;) {
  for (u32 m = first; m < end; m++)
    for (u32 at = p->merged[2 * m]; at < p->merged[2 * m + 2]; at++) p->rows[p->members[2 * at]] = p->merged[2 * m + 1];
}

// Samples whose phases are added up at one time.
enum { list_room = 64, sum_block = 128 };

// sums += sum over the listed samples of weight x phases, `width` numbers a row (a multiple of 16).
static inline void add_phases(const float *phases, u32 width, const u32 *list, const float *weights, u32 count, float *sums) {
  for (u32 k = 0; k < width; k += 16) {
    f4 a = load4(sums + k), b = load4(sums + k + 4), c = load4(sums + k + 8), d = load4(sums + k + 12);
    for (u32 n = 0; n < count; n++) {
      const float *row = phases + list[n] * width + k;
      f4 w = splat(weights[n]);
      a += w * load4(row);
      b += w * load4(row + 4);
      c += w * load4(row + 8);
      d += w * load4(row + 12);
    }
    store4(sums + k, a);
    store4(sums + k + 4, b);
    store4(sums + k + 8, c);
    store4(sums + k + 12, d);
  }
}

static inline f4 doubled(const float *at, int pair) {
  f4 v = pair ? load2(at) : splat(at[0]);
  return __builtin_shufflevector(v, v, 0, 0, 1, 1);
}
static inline f4 numbers(const complex *at, int pair) { return pair ? load4(&at->re) : load2(&at->re); }
static inline void put(complex *at, f4 value, int pair) {
  if (pair) store4(&at->re, value);
  else *at = (complex){value[0], value[1]};
}
// Complex products of two pairs of numbers.
static inline f4 cmul2(f4 a, f4 b) {
  f4 re = __builtin_shufflevector(a, a, 0, 0, 2, 2), im = __builtin_shufflevector(a, a, 1, 1, 3, 3);
  f4 across = __builtin_shufflevector(b, b, 1, 0, 3, 2) * (f4){-1, 1, -1, 1};
  return re * b + im * across;
}

// Sums over the samples of views, at `width` pixels an item: the phases of a view's samples are added up before they meet the images.
//   terms += (Re F A*, total |F|^2), A the sum of the masked image; numerator += C w x that of the image without mask; weight += C^2 w total
KERNEL(weighted_sums, const complex *projector_data; const complex *made; const float *matrices; const u32 *xy; const complex *images; const complex *unmasked; const float *ctf; const float *view_ctf; const float *noise; const complex *phases; const float *values; const u32 *first_sample; const u32 *run_groups; const u32 *views; const u32 *rows; const float *totals; const u32 *orientation; complex *terms; complex *numerator; float *weight; u32 view_count; u32 particles; u32 pixels; u32 width; u32 translations; u32 rotations; u32 shifts; u32 size; u32 y_at; u32 radius; u32 rows_a_class; u32 class_length; u32 first_row; float padding; float max_r2;) {
  projector from = {p->projector_data, (i32)p->radius, p->rows_a_class, p->class_length, p->padding, p->max_r2};
  u32 K = p->pixels, T = p->translations, S = p->shifts, children = p->rotations * S;
  float phases[T * S * 2 * p->width];
  float sums[2 * sum_block];
  complex buffer[sum_block];
  for (u32 item = first; item < end; item++) {
    u32 k0 = item * p->width, own = min_u(p->width, K - k0);
    for (u32 t = 0; t < T * S; t++) {
      complex *row = (complex *)(phases + t * 2 * p->width);
      phase_row(p->phases, p->y_at, p->size, t, p->xy + k0, own, row);
      for (u32 k = own; k < p->width; k++) row[k] = (complex){0, 0};
    }
    for (u32 view = 0; view < p->view_count; view++) {
      u32 run = p->views[2 * view] / p->rotations, r = p->views[2 * view] % p->rotations, i = p->views[2 * view + 1];
      u32 list[list_room], count = 0;
      float weights[list_room];
      for (u32 k = 0; k < 2 * p->width; k++) sums[k] = 0;
      for (u32 g = p->run_groups[run]; g < p->run_groups[run + 1]; g++) {
        u32 t = p->first_sample[g] / children % T * S;
        for (u32 s = 0; s < S; s++) {
          float w = p->values[g * children + r * S + s];
          if (w == 0) continue;
          if (count == list_room) {
            add_phases(phases, 2 * p->width, list, weights, count, sums);
            count = 0;
          }
          list[count] = t + s;
          weights[count++] = w;
        }
      }
      add_phases(phases, 2 * p->width, list, weights, count, sums);
      const complex *slice = buffer;
      u32 row = p->orientation[view], slot = row / p->rows_a_class;
      if (p->made) slice = p->made + (row - p->first_row) * K + k0;
      else slice_values(&from, p->matrices, row, p->xy + k0, own, buffer);
      u32 at = i * K + k0;
      complex *terms = p->terms + slot * p->particles * K + at, *numerator = p->numerator + p->rows[view] * K + k0;
      float *weight = p->weight + p->rows[view] * K + k0;
      float total = p->totals[view];
      for (u32 k = 0; k < own; k += 2) {
        int pair = k + 1 < own;
        f4 phase = load4(sums + 2 * k), ctf = doubled(p->ctf + at + k, pair);
        f4 view_ctf = doubled(p->view_ctf + at + k, pair), factor = view_ctf * doubled(p->noise + at + k, pair);
        f4 masked = cmul2(numbers(p->images + at + k, pair), phase), plain = cmul2(numbers(p->unmasked + at + k, pair), phase);
        f4 model = ctf * numbers(slice + k, pair);
        f4 cross = model * masked, power = model * model;
        f4 both = __builtin_shufflevector(cross, power, 0, 4, 2, 6) + __builtin_shufflevector(cross, power, 1, 5, 3, 7);
        put(terms + k, numbers(terms + k, pair) + both * (f4){1, total, 1, total}, pair);
        put(numerator + k, numbers(numerator + k, pair) + factor * plain, pair);
        f4 added = view_ctf * factor * splat(total);
        weight[k] += added[0];
        if (pair) weight[k + 1] += added[2];
      }
    }
  }
}

// sums_cis3 = sums over shells of both terms and of |X|^2. Items: particles of all classes.
KERNEL(shell_terms, const complex *terms; const complex *images; const u32 *by_shell; float *sums; u32 pixels; u32 shells; u32 particles;) {
  for (u32 i = first; i < end; i++)
    for (u32 s = 0; s < p->shells; s++) {
      f64 one = 0, two = 0, power = 0;
      for (u32 at = p->by_shell[s]; at < p->by_shell[s + 1]; at++) {
        u32 k = p->by_shell[p->shells + 1 + at];
        complex term = p->terms[i * p->pixels + k], image = p->images[i % p->particles * p->pixels + k];
        one += term.re;
        two += term.im;
        power += (f64)image.re * image.re + (f64)image.im * image.im;
      }
      float *to = p->sums + 3 * (i * p->shells + s);
      to[0] = (float)one;
      to[1] = (float)two;
      to[2] = (float)power;
    }
}
