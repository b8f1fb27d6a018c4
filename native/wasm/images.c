// Images: shifts, masks, shells, pixel sets, CTF, filters.
#include "math.h"

// Items: rows of all images.
KERNEL(shift_images, const float *images; float *moved; const i32 *moves; const float *factor; u32 box;) {
  i32 box = (i32)p->box;
  for (u32 row = first; row < end; row++) {
    u32 i = row / p->box;
    const i32 *move = p->moves + 3 * i;
    i32 dx = move[1], sy = (i32)(row % p->box) - move[2];
    float *to = p->moved + row * p->box;
    const float *from = p->images + ((u32)move[0] * p->box + (u32)sy) * p->box;
    for (i32 x = 0; x < box; x++) {
      i32 sx = x - dx;
      to[x] = sy >= 0 && sy < box && sx >= 0 && sx < box ? p->factor[i] * from[sx] : 0;
    }
  }
}

// Squared distance in y and z of a row of a square or cube to the centre element.
static inline f64 row_distance2(u32 row, u32 box, u32 depth) {
  f64 y = (f64)(row % box) - box / 2;
  f64 z = depth == 1 ? 0 : (f64)(row / box) - box / 2;
  return y * y + z * z;
}

// Sums of (1 - m) v and 1 - m in parts of `part` elements. Items: parts of all images.
KERNEL(mask_background, const float *values; float *partials; u32 size; u32 box; u32 depth; u32 parts; u32 part; f64 radius; f64 width;) {
  for (u32 item = first; item < end; item++) {
    const float *values = p->values + (item / p->parts) * p->size;
    u32 from = (item % p->parts) * p->part;
    u32 to = min_u(from + p->part, p->size);
    f64 sum = 0, weight = 0;
    for (u32 at = from; at < to; at++) {
      f64 x = (f64)(at % p->box) - p->box / 2;
      f64 share = 1 - soft_edge(__builtin_sqrt(x * x + row_distance2(at / p->box, p->box, p->depth)), p->radius, p->width);
      sum += share * values[at];
      weight += share;
    }
    p->partials[2 * item] = (float)sum;
    p->partials[2 * item + 1] = (float)weight;
  }
}

// m v + (1 - m) background, the background a noise image or the mean of mask_background. Items: rows of all images.
KERNEL(mask_apply, float *values; const float *partials; const float *noise; u32 size; u32 box; u32 depth; u32 parts; f64 radius; f64 width;) {
  u32 rows = p->size / p->box;
  for (u32 item = first; item < end; item++) {
    u32 i = item / rows;
    f64 mean = 0;
    if (p->noise == 0) {
      f64 sum = 0, weight = 0;
      for (u32 part = 0; part < p->parts; part++) {
        sum += p->partials[2 * (i * p->parts + part)];
        weight += p->partials[2 * (i * p->parts + part) + 1];
      }
      if (weight > 0) mean = sum / weight;
    }
    f64 across = row_distance2(item % rows, p->box, p->depth);
    for (u32 column = 0; column < p->box; column++) {
      f64 x = (f64)column - p->box / 2;
      f64 mask = soft_edge(__builtin_sqrt(x * x + across), p->radius, p->width);
      if (mask == 1) continue;
      u32 at = item * p->box + column;
      p->values[at] = (float)(mask * p->values[at] + (1 - mask) * (p->noise == 0 ? mean : p->noise[at]));
    }
  }
}

// Items: images.
KERNEL(shell_power, const complex *spectra; float *power; u32 box; u32 shells; u32 once;) {
  u32 columns = p->box / 2 + 1;
  f64 sums[p->shells];
  for (u32 i = first; i < end; i++) {
    for (u32 s = 0; s < p->shells; s++) sums[s] = 0;
    for (u32 row = 0; row < p->box; row++) {
      i32 y = frequency(row, p->box);
      const complex *values = p->spectra + (i * p->box + row) * columns;
      for (u32 x = p->once && y < 0 ? 1 : 0; x < columns; x++) {
        u32 shell = shell_of(x * x + (u32)(y * y));
        if (shell >= p->shells) break;
        sums[shell] += (f64)values[x].re * values[x].re + (f64)values[x].im * values[x].im;
      }
    }
    for (u32 s = 0; s < p->shells; s++) p->power[i * p->shells + s] = (float)sums[s];
  }
}

// Items: images.
KERNEL(pack_pixels, const complex *spectra; const u32 *xy; complex *packed; u32 box; u32 pixels;) {
  u32 columns = p->box / 2 + 1;
  for (u32 i = first; i < end; i++)
    for (u32 k = 0; k < p->pixels; k++) {
      i32 x = pixel_x(p->xy[k]), y = pixel_y(p->xy[k]);
      complex value = p->spectra[(i * p->box + wrapped(y, p->box)) * columns + (u32)x];
      float sign = ((x + y) & 1) == 0 ? 1 : -1;
      p->packed[i * p->pixels + k] = (complex){sign * value.re, sign * value.im};
    }
}

// -sin(gamma) exp(b r^2) scale (Mindell & Grigorieff 2003), eight numbers a particle: see `ctfRow`. Items: images.
KERNEL(ctf, const float *parameters; const u32 *xy; float *values; u32 pixels;) {
  for (u32 i = first; i < end; i++) {
    const float *row = p->parameters + 8 * i;
    u32 flags = (u32)row[7];
    for (u32 k = 0; k < p->pixels; k++) {
      f64 x = pixel_x(p->xy[k]), y = pixel_y(p->xy[k]);
      f64 r2 = x * x + y * y;
      f64 turns = row[0] * x * x + row[1] * x * y + row[2] * y * y + row[3] * r2 * r2 - row[4];
      f64 value = (flags & 1) != 0 && __builtin_fabs(turns) < 0.25 ? 1 : -cis_turns(turns).sin;
      if (row[5] != 0) value *= exp_f64(row[5] * r2);
      if ((flags & 2) != 0) value = __builtin_fabs(value);
      else if ((flags & 4) != 0) value = value < 0 ? -1 : 1;
      value *= row[6];
      if (__builtin_fabs(value) < 1e-8) value = value < 0 ? -1e-8 : 1e-8;
      p->values[i * p->pixels + k] = (float)((flags & 8) != 0 ? value * value : value);
    }
  }
}

// Items: images.
KERNEL(spread_shells, const float *table; const u32 *group_of; const u32 *xy; float *values; u32 pixels; u32 shells; u32 zero_origin;) {
  for (u32 i = first; i < end; i++)
    for (u32 k = 0; k < p->pixels; k++) {
      u32 shell = shell_of(length2(pixel_x(p->xy[k]), pixel_y(p->xy[k]), 0));
      int none = shell >= p->shells || (p->zero_origin && shell == 0);
      p->values[i * p->pixels + k] = none ? 0 : p->table[p->group_of[i] * p->shells + shell];
    }
}

// Items: rows of the half transform of a square or cube of side n.
KERNEL(low_pass, complex *spectrum; u32 n; f64 low; f64 high;) {
  u32 columns = p->n / 2 + 1;
  for (u32 row = first; row < end; row++) {
    i32 y = frequency(row % p->n, p->n), z = frequency(row / p->n, p->n);
    for (u32 x = 0; x < columns; x++) {
      f64 radius = __builtin_sqrt((f64)length2((i32)x, y, z));
      if (radius < p->low) continue;
      f64 factor = radius > p->high ? 0 : 0.5 + 0.5 * cis_turns((radius - p->low) / (2 * (p->high - p->low))).cos;
      complex *value = p->spectrum + row * columns + x;
      *value = (complex){(float)(value->re * factor), (float)(value->im * factor)};
    }
  }
}
