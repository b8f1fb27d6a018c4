/** In-plane translations in Angstrom. */
export interface TranslationGrid {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly step: number;
}

/**
 * The coarse translations: points of a square grid inside a circle, x outer, y inner. `range` and `step` in Angstrom; a point is
 * in when its squared length is below range^2 + 0.001 (RELION's convention).
 */
export function translationGrid(range: number, step: number): TranslationGrid {
  if (!(step > 0) || !(range >= 0))
    throw new RangeError(`offset range ${range} and step ${step}: range >= 0 and step > 0 are needed`);
  const most = Math.ceil(range / step);
  const [xs, ys]: [number[], number[]] = [[], []];
  for (let ix = -most; ix <= most; ix++) {
    for (let iy = -most; iy <= most; iy++) {
      const [x, y] = [ix * step, iy * step];
      if (x * x + y * y >= range * range + 0.001) continue;
      xs.push(x);
      ys.push(y);
    }
  }
  return { x: Float64Array.from(xs), y: Float64Array.from(ys), step };
}

/** The 4^levels fine translations of a coarse one, x outer, y inner, shifted by `perturbation` coarse steps along both axes. */
export function oversampledTranslations(
  grid: TranslationGrid,
  index: number,
  levels: number,
  perturbation = 0,
): [number, number][] {
  const parts = 2 ** levels;
  const offsets = Array.from(
    { length: parts },
    (_, a) => grid.step * ((0.5 + a) / parts - 0.5 + perturbation),
  );
  return offsets.flatMap((dx) =>
    offsets.map((dy): [number, number] => [grid.x[index] + dx, grid.y[index] + dy]),
  );
}
