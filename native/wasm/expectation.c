// The coarse pass: operands, two matrix products, and the two baselines.
#include "products.h"

// 1/2 sum w |X|^2 (w = 1 without weights). Items: particles.
KERNEL(image_constants, const complex *images; const float *weights; float *constants; u32 pixels;) {
  for (u32 i = first; i < end; i++) {
    f64 sum = 0;
    for (u32 k = i * p->pixels; k < (i + 1) * p->pixels; k++) {
      f64 power = (f64)p->images[k].re * p->images[k].re + (f64)p->images[k].im * p->images[k].im;
      sum += p->weights ? power * p->weights[k] : power;
    }
    p->constants[i] = (float)(0.5 * sum);
  }
}

// Operands of the coarse pass. Columns j = (i, t); items: particles.
//   mode 0 (products):    shifted_jk = w C X e,      energy_ik = 1/2 w C^2
//   mode 1 (correlation): shifted_jk = C X e,        energy_ik = C^2
//   mode 2 (tiles):       shifted_jk = sqrt(w) X e,  energy_ik = C sqrt(w)
KERNEL(coarse_operands, const complex *images; const float *ctf; const float *weights; const complex *phases; const u32 *xy; complex *shifted; float *energy; u32 pixels; u32 translations; u32 mode; u32 size; u32 y_at;) {
  for (u32 i = first; i < end; i++) {
    u32 from = i * p->pixels;
    for (u32 k = 0; k < p->pixels; k++) {
      float c = p->ctf[from + k], w = p->weights ? p->weights[from + k] : 1;
      float factor = p->mode == 0 ? w * c : p->mode == 1 ? c : __builtin_sqrtf(w);
      p->energy[from + k] = p->mode == 0 ? 0.5f * w * c * c : p->mode == 1 ? c * c : c * factor;
      complex image = {factor * p->images[from + k].re, factor * p->images[from + k].im};
      i32 x = pixel_x(p->xy[k]), y = pixel_y(p->xy[k]);
      for (u32 t = 0; t < p->translations; t++)
        p->shifted[(i * p->translations + t) * p->pixels + k] = cmul(image, phase_at(p->phases, p->y_at, p->size, t, x, y));
    }
  }
}

// energies_io = sum_k |S_ok|^2 energy_ik. Items: blocks of orientations.
KERNEL(coarse_energy, const complex *slices; const float *energy; float *energies; u32 particles; u32 orientations; u32 pixels;) {
  packed_a a;
  packed_b b;
  float sums[block_a * block_b];
  u32 K = p->pixels, width = block_width(K);
  for (u32 item = first; item < end; item++) {
    u32 o0 = item * block_a, rows = min_u(block_a, p->orientations - o0);
    for (u32 i0 = 0; i0 < p->particles; i0 += block_b) {
      u32 columns = min_u(block_b, p->particles - i0);
      for (u32 k0 = 0; k0 < K; k0 += width) {
        u32 own = min_u(width, K - k0), steps = (own + 3) / 4;
        for (u32 r = 0; r < (rows + tile_a - 1) / tile_a * tile_a; r++)
          for (u32 step = 0; step < steps; step++) {
            f4 power = splat(0);
            for (u32 lane = 0; r < rows && lane < 4 && 4 * step + lane < own; lane++) {
              complex s = p->slices[(o0 + r) * K + k0 + 4 * step + lane];
              power[lane] = s.re * s.re + s.im * s.im;
            }
            a.values[(r / tile_a * steps + step) * tile_a + r % tile_a] = power;
          }
        pack(p->energy + i0 * K + k0, K, columns, own, tile_b, b.values);
        multiply(a.values, b.values, rows, columns, steps, k0 > 0, sums);
      }
      for (u32 c = 0; c < columns; c++)
        for (u32 r = 0; r < rows; r++) p->energies[(i0 + c) * p->orientations + o0 + r] = sums[r * block_b + c];
    }
  }
}

// diff2_iot = energies_io - cross, or minus the normalised correlation. Items: blocks of orientations by blocks of columns.
KERNEL(coarse_product, const float *slices; const float *shifted; const float *energies; const float *norms; float *diff2; u32 columns; u32 orientations; u32 pixels; u32 translations; u32 blocks_j;) {
  packed_a a;
  packed_b b;
  float sums[block_a * block_b];
  u32 K = 2 * p->pixels, width = block_width(K), T = p->translations;
  for (u32 item = first; item < end; item++) {
    u32 o0 = item / p->blocks_j * block_a, rows = min_u(block_a, p->orientations - o0);
    u32 j0 = item % p->blocks_j * block_b, columns = min_u(block_b, p->columns - j0);
    for (u32 k0 = 0; k0 < K; k0 += width) {
      u32 own = min_u(width, K - k0);
      pack(p->slices + o0 * K + k0, K, rows, own, tile_a, a.values);
      pack(p->shifted + j0 * K + k0, K, columns, own, tile_b, b.values);
      multiply(a.values, b.values, rows, columns, (own + 3) / 4, k0 > 0, sums);
    }
    for (u32 c = 0; c < columns; c++) {
      u32 i = (j0 + c) / T, t = (j0 + c) % T;
      for (u32 r = 0; r < rows; r++) {
        u32 row = i * p->orientations + o0 + r;
        float cross = sums[r * block_b + c], value = p->energies[row] - cross;
        if (p->norms) {
          float norm = 2 * p->norms[i] * p->energies[row];
          value = norm > 0 ? -cross / __builtin_sqrtf(norm) : 0;
        }
        p->diff2[row * T + t] = value;
      }
    }
  }
}

// Formula 5.2 of Zhang et al. 2018: squared differences of 32 orientations with 32 columns at a time, less the constants. Items: tiles.
KERNEL(diff2_tiled, const complex *slices; const complex *shifted; const float *energy; const float *constants; float *diff2; u32 columns; u32 orientations; u32 pixels; u32 translations; u32 tiles_j;) {
  u32 K = p->pixels, T = p->translations;
  for (u32 item = first; item < end; item++) {
    u32 o0 = item / p->tiles_j * 32, o1 = min_u(o0 + 32, p->orientations);
    u32 j0 = item % p->tiles_j * 32, j1 = min_u(j0 + 32, p->columns);
    for (u32 o = o0; o < o1; o++)
      for (u32 j = j0; j < j1; j++) {
        const float *slice = (const float *)(p->slices + o * K), *image = (const float *)(p->shifted + j * K);
        const float *factor = p->energy + j / T * K;
        f4 total = splat(0);
        u32 k = 0;
        for (; k + 2 <= K; k += 2) {
          f4 c = {factor[k], factor[k], factor[k + 1], factor[k + 1]};
          f4 d = c * load4(slice + 2 * k) - load4(image + 2 * k);
          total += d * d;
        }
        for (; k < K; k++) {
          f4 d = splat(factor[k]) * load2(slice + 2 * k) - load2(image + 2 * k);
          total += d * d;
        }
        p->diff2[(j / T * p->orientations + o) * T + j % T] = 0.5f * lanes_sum(total) - p->constants[j / T];
      }
  }
}

// One particle, one orientation an item: the sum as it is written, each pixel's terms together.
KERNEL(diff2_direct, const complex *slices; const complex *images; const float *ctf; const float *weights; const complex *phases; const u32 *xy; float *diff2; u32 particle; u32 orientations; u32 pixels; u32 translations; u32 size; u32 y_at;) {
  u32 K = p->pixels, T = p->translations;
  const complex *images = p->images + p->particle * K;
  const float *ctf = p->ctf + p->particle * K, *weights = p->weights + p->particle * K;
  for (u32 o = first; o < end; o++)
    for (u32 t = 0; t < T; t++) {
      f64 sum = 0;
      for (u32 k = 0; k < K; k++) {
        complex s = {ctf[k] * p->slices[o * K + k].re, ctf[k] * p->slices[o * K + k].im};
        complex image = cmul(images[k], phase_at(p->phases, p->y_at, p->size, t, pixel_x(p->xy[k]), pixel_y(p->xy[k])));
        sum += weights[k] * (0.5f * (s.re * s.re + s.im * s.im) - (s.re * image.re + s.im * image.im));
      }
      p->diff2[(p->particle * p->orientations + o) * T + t] = (float)sum;
    }
}
