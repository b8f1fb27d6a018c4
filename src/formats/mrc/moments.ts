/** Moments of pixels. `rms` is the standard deviation; non-finite pixels are counted and left out of the rest. */
export interface PixelStatistics {
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly rms: number;
  readonly notFinite: number;
}

/** Collects the statistics of pixels that come in parts. */
export class Moments {
  private minimum = Number.POSITIVE_INFINITY;
  private maximum = Number.NEGATIVE_INFINITY;
  private sum = 0;
  private squares = 0;
  private finite = 0;
  private notFinite = 0;
  /** The first finite pixel. Sums are taken of differences from it, so that a large mean costs no digits of the deviation. */
  private shift: number | undefined;

  add(pixels: Float32Array): void {
    let { minimum, maximum, sum, squares, finite } = this;
    let shift = this.shift ?? Number.NaN;
    for (let i = 0; i < pixels.length; i++) {
      const value = pixels[i];
      if (value - value !== 0) continue;
      if (finite === 0) shift = value;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
      const difference = value - shift;
      sum += difference;
      squares += difference * difference;
      finite++;
    }
    this.notFinite += pixels.length - (finite - this.finite);
    if (finite > 0) this.shift = shift;
    Object.assign(this, { minimum, maximum, sum, squares, finite });
  }

  /** The statistics so far; NaN where there was no finite pixel. */
  result(): PixelStatistics {
    const { notFinite, finite, minimum, maximum } = this;
    if (finite === 0)
      return { minimum: Number.NaN, maximum: Number.NaN, mean: Number.NaN, rms: Number.NaN, notFinite };
    const offset = this.sum / finite;
    const variance = this.squares / finite - offset * offset;
    return {
      minimum,
      maximum,
      mean: (this.shift as number) + offset,
      rms: Math.sqrt(Math.max(0, variance)),
      notFinite,
    };
  }
}

/** Where the first number is that is not finite, or -1. A callback a voxel would take seconds for a large map. */
export function firstNotFinite(values: Float32Array | Float64Array): number {
  for (let at = 0; at < values.length; at++) if (values[at] - values[at] !== 0) return at;
  return -1;
}
