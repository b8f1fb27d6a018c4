/** Raised-cosine edge: 1 inside `radius`, 0 beyond `radius + width`. All in pixels. */
export function softEdge(distance: number, radius: number, width: number): number {
  if (distance < radius) return 1;
  if (distance > radius + width) return 0;
  return 0.5 - 0.5 * Math.cos((Math.PI * (radius + width - distance)) / width);
}

/** Distance of each pixel (or voxel) to the centre element n / 2 of a square or cube. */
function forEachDistance(shape: readonly number[], visit: (distance: number, index: number) => void): void {
  const n = shape[shape.length - 1];
  const centre = Math.floor(n / 2);
  const depth = shape.length === 3 ? n : 1;
  for (let z = 0, index = 0; z < depth; z++) {
    const dz = depth === 1 ? 0 : z - centre;
    for (let y = 0; y < n; y++)
      for (let x = 0; x < n; x++, index++)
        visit(Math.sqrt((x - centre) ** 2 + (y - centre) ** 2 + dz * dz), index);
  }
}

/** A soft circular or spherical mask; agrees with `relion_mask_create`. */
export function sphericalMask(shape: readonly number[], radius: number, width: number): Float64Array {
  const mask = new Float64Array(shape.reduce((product, n) => product * n, 1));
  forEachDistance(shape, (distance, index) => {
    mask[index] = softEdge(distance, radius, width);
  });
  return mask;
}

/** A cube of `box` times a soft sphere, in place. */
export function maskSphere(
  map: Float32Array | Float64Array,
  box: number,
  radius: number,
  width: number,
): void {
  const centre = Math.floor(box / 2);
  for (let z = 0, row = 0; z < box; z++)
    for (let y = 0; y < box; y++, row += box) {
      const yz = (y - centre) ** 2 + (z - centre) ** 2;
      const reach = (limit: number) => (limit ** 2 > yz ? Math.floor(Math.sqrt(limit ** 2 - yz)) : -1);
      // Nothing changes nearer than `inner`, nothing stays beyond `outer`.
      const [inner, outer] = [reach(radius) - 1, Math.min(reach(radius + width) + 1, centre)];
      map.fill(0, row, row + centre - outer);
      map.fill(0, row + Math.min(box, centre + outer + 1), row + box);
      const edge = (from: number, to: number) => {
        for (let x = from; x <= to; x++)
          map[row + centre + x] *= softEdge(Math.sqrt(x * x + yz), radius, width);
      };
      const last = Math.min(outer, box - 1 - centre);
      if (inner < 0) edge(-outer, last);
      else {
        edge(-outer, -inner - 1);
        edge(inner + 1, last);
      }
    }
}

/**
 * Replace what is outside a soft circle or sphere, in place: `m v + (1 - m) background`. The background is the mean of the values weighted
 * by `1 - m`, or a noise image of the same size.
 */
export function maskOutside(
  values: Float64Array,
  shape: readonly number[],
  radius: number,
  width: number,
  noise?: Float64Array,
): Float64Array {
  const mask = sphericalMask(shape, radius, width);
  let background = 0;
  if (noise === undefined) {
    let weight = 0;
    for (let i = 0; i < values.length; i++) {
      background += (1 - mask[i]) * values[i];
      weight += 1 - mask[i];
    }
    background = weight > 0 ? background / weight : 0;
  }
  for (let i = 0; i < values.length; i++)
    values[i] = mask[i] * values[i] + (1 - mask[i]) * (noise === undefined ? background : noise[i]);
  return values;
}
