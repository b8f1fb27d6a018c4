/** Variance of pixels over many images, by their distance from the centre in whole pixels. */
export function radialProfile(box: number): {
  /** Images of box x box pixels, one after another. */
  add(pixels: Float32Array): void;
  variances(): Float64Array;
} {
  const ring = Uint32Array.from({ length: box * box }, (_, at) =>
    Math.round(Math.hypot((at % box) - box / 2, Math.floor(at / box) - box / 2)),
  );
  const rings = box / 2;
  const [sums, squares, counts] = [0, 1, 2].map(() => new Float64Array(rings));
  return {
    add(pixels) {
      for (let at = 0; at < pixels.length; at++) {
        const r = ring[at % ring.length];
        if (r >= rings) continue;
        sums[r] += pixels[at];
        squares[r] += pixels[at] ** 2;
        counts[r]++;
      }
    },
    variances: () => squares.map((square, r) => square / counts[r] - (sums[r] / counts[r]) ** 2),
  };
}

/** Room around what the variance shows, as masks have it. */
const margin = 1.15;

/**
 * Diameter (Angstrom) of the particles from the variance of their pixels by distance from the centre: particles lie differently in every image, so
 * there is more of it where they are. It is where 98 % of the excess over the outermost tenth lies inside. Undefined where noise hides it.
 */
export function profileDiameter(variances: Float64Array, pixelSize: number): number | undefined {
  const rings = variances.length;
  const outer = Math.max(2, Math.round(rings / 10));
  const background = variances.slice(-outer);
  const mean = background.reduce((sum, value) => sum + value, 0) / outer;
  const spread = Math.sqrt(background.reduce((sum, value) => sum + (value - mean) ** 2, 0) / outer);
  const excess = variances.map((value, r) => Math.max(0, value - mean) * Math.max(1, r));
  const inner = variances.subarray(1, Math.max(2, rings >> 2));
  const inside = inner.reduce((sum, value) => sum + value, 0) / inner.length;
  // Images without noise, or with pixels that are no numbers, tell nothing either.
  if (!(spread > 0 && inside >= mean + 5 * spread)) return undefined;
  const total = excess.reduce((sum, value) => sum + value, 0);
  let held = 0;
  const radius = excess.findIndex((value) => {
    held += value;
    return held >= 0.98 * total;
  });
  const diameter = Math.ceil((2 * margin * radius * pixelSize) / 5) * 5;
  return Math.min(diameter, Math.floor(2 * rings * pixelSize * 0.95));
}
