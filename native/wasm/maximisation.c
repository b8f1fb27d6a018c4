// Accumulators and reconstruction on centred half arrays. Items: planes z unless told otherwise.
#include "math.h"

// Visit the elements of planes first .. end - 1: x, y, z, their squared length and index.
#define EACH_ELEMENT(radius, ...)                                      \
  for (i32 z = (i32)first - (radius); z < (i32)end - (radius); z++)    \
    for (i32 y = -(radius); y <= (radius); y++)                        \
      for (i32 x = 0; x <= (radius); x++) {                            \
        u32 r2 = length2(x, y, z), at = centred_index(radius, x, y, z); \
        __VA_ARGS__                                                    \
      }

// Pixels k0 .. k0 + count of one y and rising x.
typedef struct {
  u32 k0, count;
  i32 x, y;
} pixel_row;

static u32 pixel_rows(const u32 *xy, u32 pixels, pixel_row *rows) {
  u32 count = 0;
  for (u32 k = 0; k < pixels; k++) {
    if (k == 0 || xy[k] != xy[k - 1] + 1) {
      if (rows) rows[count] = (pixel_row){k, 0, pixel_x(xy[k]), pixel_y(xy[k])};
      count++;
    }
    if (rows) rows[count - 1].count++;
  }
  return count;
}

static const f64 largest = 1152921504606846976.0;  // 2^60
static const f64 exact = 2251799813685248.0;       // 2^51
static const f64 slack = 1e-3;

// The nearest integers of numbers below 2^51: added to 1.5 x 2^52 they are its last digits.
static inline l2 nearest2(d2 v) {
  d2 magic = {6755399441055744.0, 6755399441055744.0};
  return (l2)(v + magic) - (l2)magic;
}
// The same below 2^60, in two halves.
static inline l2 nearest_wide2(d2 v) {
  d2 high = (d2)wasm_f64x2_nearest((v128_t)(v * 0x1p-32));
  return (nearest2(high) << 32) + nearest2(v - high * 0x1p32);
}

static inline int below(f64 limit, f64 a, f64 b, f64 c) {
  return __builtin_fabs(a) < limit && __builtin_fabs(b) < limit && __builtin_fabs(c) < limit;
}

static inline void add2(i64 *at, l2 value) { wasm_v128_store(at, (v128_t)((l2)wasm_v128_load(at) + value)); }

// The first column from v on, which may be far outside.
static inline i32 column(f64 v) { return (i32)__builtin_ceil(v < -1e6 ? -1e6 : v > 1e6 ? 1e6 : v); }

// First plane of a slab. Over all orientations the planes at height z of a ball of radius 1 get a share of pixels like 1 - |z|: slabs of
// equal shares.
static i32 slab_start(u32 slab, u32 slabs, i32 radius) {
  f64 share = (f64)slab / slabs;
  f64 z = share < 0.5 ? __builtin_sqrt(2 * share) - 1 : 1 - __builtin_sqrt(2 - 2 * share);
  return slab == slabs ? radius + 1 : slab == 0 ? -radius : rounded(z * radius);
}

// Views spread into an accumulator with trilinear weights: three 64-bit integers an element (real, imaginary, weight), in units. An item
// is one of `slabs` ranges of planes; it adds what falls into its own. status[0] = 1 where a contribution is not finite or does not fit.
KERNEL(backproject, const complex *numerator; const float *weight; const float *matrices; const u32 *orientation; const u32 *xy; i64 *accumulator; u32 *status; u32 views; u32 pixels; u32 radius; u32 rows_a_class; u32 class_length; u32 slabs; float padding; float limit; f64 per_unit;) {
  i32 radius = (i32)p->radius, columns = radius + 1, side = 2 * radius + 1;
  u32 rows = pixel_rows(p->xy, p->pixels, 0);
  pixel_row row_of[rows];
  pixel_rows(p->xy, p->pixels, row_of);
  f64 most_r2 = 0;
  for (u32 k = 0; k < p->pixels; k++) {
    f64 r2 = length2(pixel_x(p->xy[k]), pixel_y(p->xy[k]), 0);
    if (r2 > most_r2) most_r2 = r2;
  }
  for (u32 slab = first; slab < end; slab++) {
    i32 low = slab_start(slab, p->slabs, radius), high = slab_start(slab + 1, p->slabs, radius);
    for (u32 v = 0; v < p->views; v++) {
      const float *m = p->matrices + 9 * (p->orientation[v] % p->rows_a_class);
      i64 *sums = p->accumulator + 3 * (u64)(p->orientation[v] / p->rows_a_class * p->class_length);
      float ax = p->padding * m[0], bx = p->padding * m[1], ay = p->padding * m[3], by = p->padding * m[4];
      float az = p->padding * m[6], bz = p->padding * m[7];
      // Heights of the outermost pixels.
      f64 reach = 1 + __builtin_sqrt(((f64)az * az + (f64)bz * bz) * most_r2);
      if (low - 1 > reach || high < -reach) continue;
      int steep = __builtin_fabsf(ax) > 1e-6f, rising = __builtin_fabsf(az) > 1e-6f && p->slabs > 1;
      f64 per_x = steep ? 1.0 / ax : 0, per_z = rising ? 1.0 / az : 0;
      for (u32 row = 0; row < rows * 2; row++) {
        pixel_row own = row_of[row / 2];
        int mirrored = row & 1;
        float y = (float)own.y;
        // Columns of this sign of q_x, and those that reach the slab; rounding may move either end by less than `slack` elements.
        i32 from = own.y < 0 && own.x == 0 ? 1 : own.x, to = own.x + (i32)own.count;
        if (steep) {
          f64 turn = -(f64)bx * y * per_x, more = slack * __builtin_fabs(per_x);
          if ((ax > 0) != mirrored) from = max_i(from, column(turn - more));
          else to = min_i(to, column(turn + more) + 1);
        }
        if (rising) {
          f64 least = mirrored ? -high : low - 1, most = mirrored ? 1 - low : high, more = slack * __builtin_fabs(per_z);
          f64 one = (least - (f64)bz * y) * per_z, two = (most - (f64)bz * y) * per_z;
          from = max_i(from, column((az > 0 ? one : two) - more));
          to = min_i(to, column((az > 0 ? two : one) + more) + 1);
        }
        for (i32 x = from; x < to; x++) {
          u32 id = v * p->pixels + own.k0 + (u32)(x - own.x);
          float share = p->weight[id];
          if (!(share > 0) && share == share) continue;
          float qx = ax * (float)x + bx * y, qy = ay * (float)x + by * y, qz = az * (float)x + bz * y;
          if ((qx < 0) != mirrored) continue;
          if (!(share > 0 && share < __builtin_inff())) {
            __atomic_store_n(p->status, 1, __ATOMIC_RELAXED);
            if (!(share > 0)) continue;
          }
          if (qx * qx + qy * qy + qz * qz > p->limit) continue;
          complex value = p->numerator[id];
          if (mirrored) {
            qx = -qx;
            qy = -qy;
            qz = -qz;
            value.im = -value.im;
          }
          i32 x0 = min_i((i32)qx, radius - 1);
          i32 y0 = min_i(max_i((i32)__builtin_floorf(qy), -radius), radius - 1);
          i32 z0 = min_i(max_i((i32)__builtin_floorf(qz), -radius), radius - 1);
          if (z0 + 1 < low || z0 >= high) continue;
          f64 re = value.re * p->per_unit, im = value.im * p->per_unit, w = share * p->per_unit;
          if (!below(largest, re, im, w)) {
            __atomic_store_n(p->status, 1, __ATOMIC_RELAXED);
            continue;
          }
          f64 fx = qx - (float)x0, fy = qy - (float)y0, fz = qz - (float)z0;
          d2 one = (d2){re, im} * (1 - fx), two = (d2){w * (1 - fx), re * fx}, three = (d2){im, w} * fx;
          int small = below(exact, re, im, w);
          for (i32 dz = 0; dz < 2; dz++) {
            if (z0 + dz < low || z0 + dz >= high) continue;
            for (i32 dy = 0; dy < 2; dy++) {
              f64 part = (dz ? fz : 1 - fz) * (dy ? fy : 1 - fy);
              i64 *to_sums = sums + 3 * (u32)(((z0 + dz + radius) * side + y0 + dy + radius) * columns + x0);
              if (small) {
                add2(to_sums, nearest2(one * part));
                add2(to_sums + 2, nearest2(two * part));
                add2(to_sums + 4, nearest2(three * part));
              } else {
                add2(to_sums, nearest_wide2(one * part));
                add2(to_sums + 2, nearest_wide2(two * part));
                add2(to_sums + 4, nearest_wide2(three * part));
              }
            }
          }
        }
      }
    }
  }
}

KERNEL(finish_accumulator, const i64 *accumulator; complex *data; float *weight; u32 radius; u32 first_element; f64 unit;) {
  i32 radius = (i32)p->radius;
  EACH_ELEMENT(radius, {
    const i64 *own = p->accumulator + 3 * (u64)(p->first_element + at);
    f64 re = (f64)own[0], im = (f64)own[1], w = (f64)own[2];
    if (x == 0 && r2 > 0) {
      const i64 *mate = p->accumulator + 3 * (u64)(p->first_element + centred_index(radius, 0, -y, -z));
      re += (f64)mate[0];
      im -= (f64)mate[1];
      w += (f64)mate[2];
    }
    p->data[at] = (complex){(float)(re * p->unit), (float)(im * p->unit)};
    p->weight[at] = (float)(w * p->unit);
  })
}

KERNEL(symmetrise, const complex *data; const float *weight; const float *operators; complex *out_data; float *out_weight; u32 radius; u32 limit; u32 count;) {
  i32 radius = (i32)p->radius, columns = radius + 1, plane = columns * (2 * radius + 1);
  EACH_ELEMENT(radius, {
    f64 re = p->data[at].re, im = p->data[at].im, w = p->weight[at];
    for (u32 n = 0; n < p->count && r2 <= p->limit; n++) {
      const float *m = p->operators + 9 * n;
      f64 qx = (f64)m[0] * x + (f64)m[1] * y + (f64)m[2] * z;
      f64 sign = qx < 0 ? -1 : 1;
      qx *= sign;
      f64 qy = sign * ((f64)m[3] * x + (f64)m[4] * y + (f64)m[5] * z);
      f64 qz = sign * ((f64)m[6] * x + (f64)m[7] * y + (f64)m[8] * z);
      i32 x0 = min_i((i32)qx, radius - 1);
      i32 y0 = min_i(max_i((i32)__builtin_floor(qy), -radius), radius - 1);
      i32 z0 = min_i(max_i((i32)__builtin_floor(qz), -radius), radius - 1);
      u32 base = centred_index(radius, x0, y0, z0);
      for (u32 corner = 0; corner < 8; corner++) {
        u32 dx = corner & 1, dy = corner >> 1 & 1, dz = corner >> 2;
        f64 part = (dx ? qx - x0 : 1 - (qx - x0)) * (dy ? qy - y0 : 1 - (qy - y0)) * (dz ? qz - z0 : 1 - (qz - z0));
        u32 from = base + dx + dy * (u32)columns + dz * (u32)plane;
        re += part * p->data[from].re;
        im += sign * part * p->data[from].im;
        w += part * p->weight[from];
      }
    }
    p->out_data[at] = (complex){(float)re, (float)im};
    p->out_weight[at] = (float)w;
  })
}

// partials_zs4 of one plane; shell_reduce adds the planes up. Both write float32 sums of float64.
static void store_shells(const f64 *sums, float *to, u32 shells) {
  for (u32 at = 0; at < 4 * shells; at++) to[at] = (float)sums[at];
}

KERNEL(shell_statistics, const float *weight; const float *threshold; float *partials; u32 radius; u32 limit; u32 shells; u32 cut; f64 padding;) {
  i32 radius = (i32)p->radius;
  f64 sums[4 * p->shells];
  for (u32 plane = first; plane < end; plane++) {
    for (u32 s = 0; s < 4 * p->shells; s++) sums[s] = 0;
    i32 z = (i32)plane - radius;
    for (i32 y = -radius; y <= radius; y++)
      for (i32 x = 0; x <= radius; x++) {
        u32 r2 = length2(x, y, z);
        if (r2 >= p->limit) break;
        u32 s = p->cut ? (u32)(__builtin_sqrt((f64)r2) / p->padding) : padded_shell(r2, p->padding);
        if (s >= p->shells) break;
        f64 w = p->weight[centred_index(radius, x, y, z)];
        sums[4 * s] += w;
        sums[4 * s + 1] += w * w;
        sums[4 * s + 2] += w >= p->threshold[s];
        sums[4 * s + 3] += 1;
      }
    store_shells(sums, p->partials + 4 * plane * p->shells, p->shells);
  }
}

// Half transforms of a square or cube (`radius` 0, side n), or centred half arrays inside r^2 <= limit.
KERNEL(shell_products, const complex *a; const complex *b; float *partials; u32 n; u32 planes; u32 radius; u32 limit; u32 first_element; u32 shells; f64 padding;) {
  u32 centred = p->radius > 0;
  i32 radius = (i32)p->radius;
  u32 side = centred ? 2 * p->radius + 1 : p->n, columns = centred ? p->radius + 1 : p->n / 2 + 1;
  f64 sums[4 * p->shells];
  for (u32 plane = first; plane < end; plane++) {
    for (u32 s = 0; s < 4 * p->shells; s++) sums[s] = 0;
    i32 z = centred ? (i32)plane - radius : p->planes > 1 ? frequency(plane, p->n) : 0;
    for (u32 row = 0; row < side; row++) {
      i32 y = centred ? (i32)row - radius : frequency(row, p->n);
      for (u32 x = 0; x < columns; x++) {
        u32 r2 = length2((i32)x, y, z);
        if (centred && r2 > p->limit) break;
        u32 s = padded_shell(r2, p->padding);
        if (s >= p->shells) break;
        u32 at = p->first_element + (plane * side + row) * columns + x;
        f64 ar = p->a[at].re, ai = p->a[at].im, br = p->b[at].re, bi = p->b[at].im;
        sums[4 * s] += ar * br + ai * bi;
        sums[4 * s + 1] += ar * ar + ai * ai;
        sums[4 * s + 2] += br * br + bi * bi;
        sums[4 * s + 3] += 1;
      }
    }
    store_shells(sums, p->partials + 4 * plane * p->shells, p->shells);
  }
}

// Items: shells.
KERNEL(shell_reduce, const float *partials; float *sums; u32 shells; u32 planes;) {
  for (u32 s = 4 * first; s < 4 * end; s++) {
    f64 sum = 0;
    for (u32 plane = 0; plane < p->planes; plane++) sum += p->partials[4 * plane * p->shells + s];
    p->sums[s] = (float)sum;
  }
}

KERNEL(join_halves, complex *data1; float *weight1; complex *data2; float *weight2; u32 radius; f64 limit;) {
  i32 radius = (i32)p->radius;
  EACH_ELEMENT(radius, {
    if (r2 > p->limit) continue;
    complex *a = p->data1 + at, *b = p->data2 + at;
    *a = *b = (complex){(a->re + b->re) / 2, (a->im + b->im) / 2};
    p->weight1[at] = p->weight2[at] = (p->weight1[at] + p->weight2[at]) / 2;
  })
}

// Items: planes of the result.
KERNEL(downsample, const complex *data; const float *weight; complex *result; u32 radius; u32 out_radius; f64 padding;) {
  i32 radius = (i32)p->radius, out = (i32)p->out_radius, reach = (i32)__builtin_ceil(0.5 * p->padding) + 1;
  EACH_ELEMENT(out, {
    (void)r2;
    i32 mx = rounded(x * p->padding), my = rounded(y * p->padding), mz = rounded(z * p->padding);
    f64 re = 0, im = 0, sum = 0;
    for (i32 sz = max_i(mz - reach, -radius); sz <= min_i(mz + reach, radius); sz++) {
      if (rounded(sz / p->padding) != z) continue;
      for (i32 sy = max_i(my - reach, -radius); sy <= min_i(my + reach, radius); sy++) {
        if (rounded(sy / p->padding) != y) continue;
        for (i32 sx = max_i(mx - reach, 0); sx <= min_i(mx + reach, radius); sx++) {
          if (rounded(sx / p->padding) != x) continue;
          u32 from = centred_index(radius, sx, sy, sz);
          re += p->data[from].re;
          im += p->data[from].im;
          sum += p->weight[from];
        }
      }
    }
    p->result[at] = sum > 0 ? (complex){(float)(re / sum), (float)(im / sum)} : (complex){0, 0};
  })
}

KERNEL(add_prior, float *weight; const float *prior; u32 radius; u32 limit; u32 shells; u32 min_shell; f64 padding; f64 norm;) {
  i32 radius = (i32)p->radius;
  EACH_ELEMENT(radius, {
    u32 shell = padded_shell(r2, p->padding);
    f64 own = r2 > p->limit ? 0 : p->weight[at];
    f64 added = 0;
    if (r2 < p->limit && shell >= p->min_shell && shell < p->shells) {
      added = p->prior[shell];
      if (added < 0) added = own > 1e-20 ? 1 / (0.001 * own) : 0;
    }
    p->weight[at] = (float)((own + added) / p->norm);
  })
}

KERNEL(gridding_product, const float *estimate; const float *weight; complex *grid; u32 radius;) {
  i32 radius = (i32)p->radius;
  u32 side = 2 * p->radius + 1;
  EACH_ELEMENT(radius, {
    (void)r2;
    p->grid[(wrapped(z, side) * side + wrapped(y, side)) * (p->radius + 1) + (u32)x] = (complex){p->estimate[at] * p->weight[at], 0};
  })
}

// Items: planes of a cube of odd side.
KERNEL(gridding_kernel, float *values; const float *table; u32 side; u32 entries; f64 scale;) {
  i32 side = (i32)p->side;
  for (i32 z = (i32)first; z < (i32)end; z++)
    for (i32 y = 0; y < side; y++)
      for (i32 x = 0; x < side; x++) {
        i32 fx = x < side / 2 ? x : x - side, fy = y < side / 2 ? y : y - side, fz = z < side / 2 ? z : z - side;
        f64 entry = __builtin_sqrt((f64)length2(fx, fy, fz)) * p->scale;
        p->values[(z * side + y) * side + x] *= entry < p->entries ? p->table[(u32)entry] : 0;
      }
}

KERNEL(gridding_update, float *estimate; const complex *grid; u32 radius; u32 limit;) {
  i32 radius = (i32)p->radius;
  u32 side = 2 * p->radius + 1;
  EACH_ELEMENT(radius, {
    if (r2 >= p->limit) continue;
    complex value = p->grid[(wrapped(z, side) * side + wrapped(y, side)) * (p->radius + 1) + (u32)x];
    float size = __builtin_sqrtf(value.re * value.re + value.im * value.im);
    p->estimate[at] /= size > 1e-6f ? size : 1e-6f;
  })
}

KERNEL(inverse_weight, const float *weight; const float *floors; float *estimate; u32 radius; u32 limit; u32 shells; f64 padding;) {
  i32 radius = (i32)p->radius;
  EACH_ELEMENT(radius, {
    u32 shell = min_u((u32)(__builtin_sqrt((f64)r2) / p->padding), p->shells - 1);
    float own = r2 > p->limit ? 0 : p->weight[at];
    float divisor = own > p->floors[shell] ? own : p->floors[shell];
    p->estimate[at] = r2 > p->limit ? 0 : divisor > 0 ? 1 / divisor : 1;
  })
}
