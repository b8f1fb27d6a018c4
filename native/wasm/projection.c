// Maps and projectors. Items: planes z of the result unless told otherwise.
#include "math.h"
#include "slice.h"

KERNEL(pad_map, const float *map; float *padded; u32 box; u32 padded_box; u32 correct;) {
  i32 n = (i32)p->padded_box, box = (i32)p->box, centre = box / 2, margin = n / 2 - centre;
  for (i32 z = (i32)first; z < (i32)end; z++)
    for (i32 y = 0; y < n; y++)
      for (i32 x = 0; x < n; x++) {
        i32 sx = x - margin, sy = y - margin, sz = z - margin;
        float value = 0;
        if (sx >= 0 && sx < box && sy >= 0 && sy < box && sz >= 0 && sz < box) {
          value = p->map[(sz * box + sy) * box + sx];
          if (p->correct) {
            f64 s = sinc(__builtin_sqrt((f64)length2(sx - centre, sy - centre, sz - centre)) / n);
            value = (float)(value / (s * s));
          }
        }
        p->padded[(z * n + y) * n + x] = value;
      }
}

KERNEL(make_projector, const complex *spectrum; complex *projector; u32 at; u32 radius; u32 padded_box; u32 least; u32 limit; float scale;) {
  i32 radius = (i32)p->radius;
  u32 n = p->padded_box, columns = n / 2 + 1;
  for (i32 z = (i32)first - radius; z < (i32)end - radius; z++)
    for (i32 y = -radius; y <= radius; y++)
      for (i32 x = 0; x <= radius; x++) {
        complex value = {0, 0};
        u32 r2 = length2(x, y, z);
        if (r2 >= p->least && r2 <= p->limit && (u32)x < columns) {
          value = p->spectrum[(wrapped(z, n) * n + wrapped(y, n)) * columns + (u32)x];
          float factor = ((x + y + z) & 1) == 0 ? p->scale : -p->scale;
          value = (complex){factor * value.re, factor * value.im};
        }
        p->projector[p->at + centred_index(radius, x, y, z)] = value;
      }
}

// Items: slices.
KERNEL(project_slices, const complex *projector; const float *matrices; const u32 *xy; complex *slices; u32 pixels; u32 first_row; u32 radius; u32 rows_a_class; u32 class_length; float padding; float max_r2;) {
  projector from = {p->projector, (i32)p->radius, p->rows_a_class, p->class_length, p->padding, p->max_r2};
  for (u32 o = first; o < end; o++)
    slice_values(&from, p->matrices, p->first_row + o, p->xy, p->pixels, p->slices + o * p->pixels);
}

// Transposed Rz(psi) x direction, nine numbers, for the candidates of a particle (direction by direction), every child of the direction and of the
// angle. Items: particles.
KERNEL(list_orientations, const u32 *starts; const u32 *direction_starts; const u32 *direction_list; const u32 *psi_starts; const u32 *psi_list; const float *directions; const float *psis; float *matrices; u32 direction_children; u32 psi_children;) {
  for (u32 i = first; i < end; i++) {
    float *to = p->matrices + 9 * p->starts[i] * p->direction_children * p->psi_children;
    for (u32 d = p->direction_starts[i]; d < p->direction_starts[i + 1]; d++)
      for (u32 a = p->psi_starts[i]; a < p->psi_starts[i + 1]; a++)
        for (u32 dc = 0; dc < p->direction_children; dc++)
          for (u32 ac = 0; ac < p->psi_children; ac++, to += 9) {
            const float *from = p->directions + 9 * (p->direction_list[d] * p->direction_children + dc);
            const float *turn = p->psis + 2 * (p->psi_list[a] * p->psi_children + ac);
            for (u32 column = 0; column < 3; column++) {
              float x = from[column], y = from[3 + column];
              to[3 * column] = turn[0] * x + turn[1] * y;
              to[3 * column + 1] = turn[0] * y - turn[1] * x;
              to[3 * column + 2] = from[6 + column];
            }
          }
  }
}

KERNEL(crop_map, const float *padded; float *map; u32 box; u32 padded_box; float scale;) {
  u32 n = p->padded_box, box = p->box, margin = n / 2 - box / 2;
  for (u32 z = first; z < end; z++)
    for (u32 y = 0; y < box; y++)
      for (u32 x = 0; x < box; x++)
        p->map[(z * box + y) * box + x] = p->scale * p->padded[((z + margin) * n + y + margin) * n + x + margin];
}

KERNEL(correct_gridding, float *map; u32 box; u32 padded_box;) {
  i32 box = (i32)p->box, centre = box / 2;
  for (i32 z = (i32)first; z < (i32)end; z++)
    for (i32 y = 0; y < box; y++)
      for (i32 x = 0; x < box; x++) {
        f64 s = sinc(__builtin_sqrt((f64)length2(x - centre, y - centre, z - centre)) / p->padded_box);
        float *value = p->map + (z * box + y) * box + x;
        *value = (float)(*value / (s * s));
      }
}

KERNEL(insert_data, const complex *data; const float *estimate; complex *spectrum; u32 radius; u32 padded_box;) {
  i32 radius = (i32)p->radius;
  u32 n = p->padded_box, columns = n / 2 + 1;
  for (u32 plane = first; plane < end; plane++)
    for (u32 row = 0; row < n; row++)
      for (u32 x = 0; x < columns; x++) {
        i32 y = frequency(row, n), z = frequency(plane, n);
        complex value = {0, 0};
        if (length2((i32)x, y, z) <= p->radius * p->radius) {
          u32 at = centred_index(radius, (i32)x, y, z);
          float factor = (((i32)x + y + z) & 1) == 0 ? p->estimate[at] : -p->estimate[at];
          value = (complex){factor * p->data[at].re, factor * p->data[at].im};
        }
        p->spectrum[(plane * n + row) * columns + x] = value;
      }
}
