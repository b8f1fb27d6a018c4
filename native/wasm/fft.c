// Transforms of four complex signals at a time: element j of all four is a vector of real and one of imaginary parts. Any length:
// Stockham's self-sorting passes (Van Loan 1992, 1.7), Bluestein's convolution where a prime factor is above 13.
#include "common.h"

typedef struct {
  f4 re, im;
} signals;

static inline signals turn(signals a, complex w) {
  return (signals){a.re * splat(w.re) - a.im * splat(w.im), a.re * splat(w.im) + a.im * splat(w.re)};
}
static inline signals plus(signals a, signals b) { return (signals){a.re + b.re, a.im + b.im}; }
static inline signals minus(signals a, signals b) { return (signals){a.re - b.re, a.im - b.im}; }
// a times -i
static inline signals quarter(signals a) { return (signals){a.im, -a.re}; }

static void pass2(const signals *from, signals *to, u32 stride, u32 groups, const complex *roots, u32 step) {
  for (u32 b = 0; b < groups; b++) {
    complex w = roots[b * step];
    const signals *in = from + stride * b;
    signals *out = to + stride * 2 * b;
    for (u32 q = 0; q < stride; q++) {
      signals u = in[q], v = in[q + stride * groups];
      out[q] = plus(u, v);
      out[q + stride] = turn(minus(u, v), w);
    }
  }
}

static void pass4(const signals *from, signals *to, u32 stride, u32 groups, const complex *roots, u32 step) {
  u32 jump = stride * groups;
  for (u32 b = 0; b < groups; b++) {
    complex w1 = roots[b * step], w2 = roots[2 * b * step], w3 = roots[3 * b * step];
    const signals *in = from + stride * b;
    signals *out = to + stride * 4 * b;
    for (u32 q = 0; q < stride; q++) {
      signals a0 = in[q], a1 = in[q + jump], a2 = in[q + 2 * jump], a3 = in[q + 3 * jump];
      signals even = plus(a0, a2), odd = plus(a1, a3), low = minus(a0, a2), high = quarter(minus(a1, a3));
      out[q] = plus(even, odd);
      out[q + stride] = turn(plus(low, high), w1);
      out[q + 2 * stride] = turn(minus(even, odd), w2);
      out[q + 3 * stride] = turn(minus(low, high), w3);
    }
  }
}

static void pass_odd(u32 n, u32 radix, const signals *from, signals *to, u32 stride, u32 groups, const complex *roots, u32 step) {
  u32 jump = stride * groups, unit = n / radix, half = radix / 2;
  for (u32 b = 0; b < groups; b++)
    for (u32 q = 0; q < stride; q++) {
      const signals *in = from + stride * b + q;
      signals *out = to + stride * radix * b + q;
      // Sums and differences of the elements j and radix - j meet cosines and sines.
      signals sums[6], differences[6], total = in[0];
      for (u32 j = 1; j <= half; j++) {
        sums[j - 1] = plus(in[j * jump], in[(radix - j) * jump]);
        differences[j - 1] = minus(in[j * jump], in[(radix - j) * jump]);
        total = plus(total, sums[j - 1]);
      }
      out[0] = total;
      for (u32 k = 1; k <= half; k++) {
        signals even = in[0], odd = {splat(0), splat(0)};
        for (u32 j = 1; j <= half; j++) {
          complex w = roots[j * k % radix * unit];
          even.re += sums[j - 1].re * splat(w.re);
          even.im += sums[j - 1].im * splat(w.re);
          odd.re += differences[j - 1].re * splat(w.im);
          odd.im += differences[j - 1].im * splat(w.im);
        }
        // i odd
        signals across = {-odd.im, odd.re};
        out[k * stride] = turn(plus(even, across), roots[b * k * step]);
        out[(radix - k) * stride] = turn(minus(even, across), roots[b * (radix - k) * step]);
      }
    }
}

// Transforms `data`; the result is in `data` or `other`, which is returned. n has no prime factor above 13.
static signals *smooth_fft(u32 n, signals *data, signals *other, const complex *roots) {
  static const u8 radices[7] = {4, 2, 3, 5, 7, 11, 13};
  u32 stride = 1, length = n;
  for (u32 which = 0; which < 7; which++) {
    u32 radix = radices[which];
    while (length % radix == 0) {
      u32 groups = length / radix;
      if (radix == 4) pass4(data, other, stride, groups, roots, n / length);
      else if (radix == 2) pass2(data, other, stride, groups, roots, n / length);
      else pass_odd(n, radix, data, other, stride, groups, roots, n / length);
      signals *result = other;
      other = data;
      data = result;
      stride *= radix;
      length = groups;
    }
  }
  return data;
}

// A transform of length n: its roots, or those of Bluestein's convolution of length m with its chirp and the chirp's transform.
typedef struct {
  u32 n, m;
  const complex *roots, *chirp, *spectrum;
} axis;

static inline u32 room(const axis *a) { return a->m ? a->m : a->n; }

// Both arrays hold room(axis) elements.
static signals *any_fft(const axis *a, signals *data, signals *other) {
  if (a->m == 0) return smooth_fft(a->n, data, other, a->roots);
  for (u32 j = 0; j < a->n; j++) data[j] = turn(data[j], a->chirp[j]);
  for (u32 j = a->n; j < a->m; j++) data[j] = (signals){splat(0), splat(0)};
  signals *result = smooth_fft(a->m, data, other, a->roots);
  // The way back: conjugated before and after.
  for (u32 j = 0; j < a->m; j++) {
    result[j] = turn(result[j], a->spectrum[j]);
    result[j].im = -result[j].im;
  }
  result = smooth_fft(a->m, result, result == data ? other : data, a->roots);
  float scale = 1.0f / (float)a->m;
  for (u32 j = 0; j < a->n; j++) {
    result[j].im = -result[j].im;
    result[j] = turn(result[j], (complex){a->chirp[j].re * scale, a->chirp[j].im * scale});
  }
  return result;
}

// Rows of four signals to vectors, and back: transposition of four numbers of four rows.
static inline void transpose(f4 *v) {
  f4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
  f4 c = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

// Real rows to half transforms: rows r and r + 4 are real and imaginary part of one signal. Items: eight rows.
KERNEL(fft_rows, const float *values; complex *spectra; const complex *roots; const complex *chirp; const complex *spectrum; u32 n; u32 m; u32 rows; float scale;) {
  axis a = {p->n, p->m, p->roots, p->chirp, p->spectrum};
  u32 n = p->n, columns = n / 2 + 1;
  signals data[room(&a)], other[room(&a)];
  for (u32 item = first; item < end; item++) {
    u32 row = 8 * item, own = min_u(8, p->rows - row);
    const float *from[8];
    for (u32 r = 0; r < 8; r++) from[r] = p->values + (row + min_u(r, own - 1)) * n;
    u32 j = 0;
    for (; j + 4 <= n; j += 4) {
      f4 re[4], im[4];
      for (u32 r = 0; r < 4; r++) {
        re[r] = load4(from[r] + j);
        im[r] = load4(from[r + 4] + j);
      }
      transpose(re);
      transpose(im);
      for (u32 e = 0; e < 4; e++) data[j + e] = (signals){re[e], im[e]};
    }
    for (; j < n; j++)
      data[j] = (signals){{from[0][j], from[1][j], from[2][j], from[3][j]}, {from[4][j], from[5][j], from[6][j], from[7][j]}};
    const signals *z = any_fft(&a, data, other);
    f4 half = splat(0.5f * p->scale);
    for (u32 x = 0; x < columns; x++) {
      signals u = z[x], v = z[x == 0 ? 0 : n - x];
      f4 one_re = half * (u.re + v.re), one_im = half * (u.im - v.im);
      f4 two_re = half * (u.im + v.im), two_im = half * (v.re - u.re);
      for (u32 r = 0; r < 4; r++) {
        if (r < own) p->spectra[(row + r) * columns + x] = (complex){one_re[r], one_im[r]};
        if (r + 4 < own) p->spectra[(row + r + 4) * columns + x] = (complex){two_re[r], two_im[r]};
      }
    }
  }
}

// The reverse, not scaled; imaginary parts of columns 0 and n / 2 do not count. Items: eight rows.
KERNEL(fft_rows_back, const complex *spectra; float *values; const complex *roots; const complex *chirp; const complex *spectrum; u32 n; u32 m; u32 rows;) {
  axis a = {p->n, p->m, p->roots, p->chirp, p->spectrum};
  u32 n = p->n, columns = n / 2 + 1;
  signals data[room(&a)], other[room(&a)];
  for (u32 item = first; item < end; item++) {
    u32 row = 8 * item, own = min_u(8, p->rows - row);
    const complex *from[8];
    for (u32 r = 0; r < 8; r++) from[r] = p->spectra + (row + min_u(r, own - 1)) * columns;
    for (u32 x = 0; x < columns; x++) {
      f4 one_re, one_im, two_re, two_im;
      for (u32 r = 0; r < 4; r++) {
        one_re[r] = from[r][x].re;
        one_im[r] = from[r][x].im;
        two_re[r] = from[r + 4][x].re;
        two_im[r] = from[r + 4][x].im;
      }
      if (x == 0 || 2 * x == n) one_im = two_im = splat(0);
      // The conjugate of the wanted signals: forward transforms of it are conjugates of the values.
      data[x] = (signals){one_re - two_im, -(one_im + two_re)};
      if (x > 0 && 2 * x < n) data[n - x] = (signals){one_re + two_im, one_im - two_re};
    }
    const signals *z = any_fft(&a, data, other);
    u32 j = 0;
    for (; j + 4 <= n && own == 8; j += 4) {
      f4 re[4], im[4];
      for (u32 e = 0; e < 4; e++) {
        re[e] = z[j + e].re;
        im[e] = -z[j + e].im;
      }
      transpose(re);
      transpose(im);
      for (u32 r = 0; r < 4; r++) {
        store4(p->values + (row + r) * n + j, re[r]);
        store4(p->values + (row + r + 4) * n + j, im[r]);
      }
    }
    for (; j < n; j++)
      for (u32 r = 0; r < own; r++) p->values[(row + r) * n + j] = r < 4 ? z[j].re[r] : -z[j].im[r - 4];
  }
}

// Lines of [outer][n][inner], in place. Items: eight lines.
KERNEL(fft_lines, complex *data; const complex *roots; const complex *chirp; const complex *spectrum; u32 n; u32 m; u32 inner; u32 lines; u32 inverse;) {
  axis a = {p->n, p->m, p->roots, p->chirp, p->spectrum};
  u32 n = p->n, inner = p->inner;
  signals data[room(&a)], other[room(&a)];
  f4 sign = splat(p->inverse ? -1 : 1);
  for (u32 item = 2 * first; item < 2 * end; item++) {
    u32 line = 4 * item;
    if (line >= p->lines) break;
    u32 own = min_u(4, p->lines - line);
    u32 at[4];
    for (u32 r = 0; r < 4; r++) {
      u32 l = line + min_u(r, own - 1);
      at[r] = l / inner * n * inner + l % inner;
    }
    if (at[3] == at[0] + 3) {
      for (u32 j = 0; j < n; j++) {
        const float *from = (const float *)(p->data + at[0] + j * inner);
        f4 low = load4(from), high = load4(from + 4);
        data[j] = (signals){__builtin_shufflevector(low, high, 0, 2, 4, 6), sign * __builtin_shufflevector(low, high, 1, 3, 5, 7)};
      }
      const signals *z = any_fft(&a, data, other);
      for (u32 j = 0; j < n; j++) {
        float *to = (float *)(p->data + at[0] + j * inner);
        f4 im = sign * z[j].im;
        store4(to, __builtin_shufflevector(z[j].re, im, 0, 4, 1, 5));
        store4(to + 4, __builtin_shufflevector(z[j].re, im, 2, 6, 3, 7));
      }
    } else {
      for (u32 j = 0; j < n; j++)
        for (u32 r = 0; r < 4; r++) {
          complex value = p->data[at[r] + j * inner];
          data[j].re[r] = value.re;
          data[j].im[r] = sign[0] * value.im;
        }
      const signals *z = any_fft(&a, data, other);
      for (u32 j = 0; j < n; j++)
        for (u32 r = 0; r < own; r++) p->data[at[r] + j * inner] = (complex){z[j].re[r], sign[0] * z[j].im[r]};
    }
  }
}
