/** Moments of pixels. `rms` is the standard deviation; non-finite pixels are counted and left out of the rest. */
export interface PixelStatistics {
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly rms: number;
  readonly notFinite: number;
}

/** Pixels that are looked at together: few enough for the processor's nearest cache. */
const blockLength = 4096;

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
    for (let first = 0; first < pixels.length; first += blockLength) {
      const block = pixels.subarray(first, first + blockLength);
      if (!this.addFinite(block)) this.addSome(block);
    }
  }

  /** Adds a block in which all pixels are finite, or says that some are not. */
  private addFinite(block: Float32Array): boolean {
    const shift = this.shift ?? block[0];
    let low = block[0];
    let high = block[0];
    // Four sums at a time: one addition need not wait for the one before.
    let [s0, s1, s2, s3, q0, q1, q2, q3] = [0, 0, 0, 0, 0, 0, 0, 0];
    const fours = block.length - (block.length % 4);
    for (let i = 0; i < fours; i += 4) {
      const a = block[i];
      const b = block[i + 1];
      const c = block[i + 2];
      const d = block[i + 3];
      if (a < low) low = a;
      if (b < low) low = b;
      if (c < low) low = c;
      if (d < low) low = d;
      if (a > high) high = a;
      if (b > high) high = b;
      if (c > high) high = c;
      if (d > high) high = d;
      s0 += a - shift;
      s1 += b - shift;
      s2 += c - shift;
      s3 += d - shift;
      q0 += (a - shift) * (a - shift);
      q1 += (b - shift) * (b - shift);
      q2 += (c - shift) * (c - shift);
      q3 += (d - shift) * (d - shift);
    }
    for (let i = fours; i < block.length; i++) {
      const value = block[i];
      if (value < low) low = value;
      if (value > high) high = value;
      s0 += value - shift;
      q0 += (value - shift) * (value - shift);
    }
    const squares = q0 + q1 + q2 + q3;
    if (squares - squares !== 0) return false;
    this.shift = shift;
    this.minimum = Math.min(this.minimum, low);
    this.maximum = Math.max(this.maximum, high);
    this.sum += s0 + s1 + s2 + s3;
    this.squares += squares;
    this.finite += block.length;
    return true;
  }

  private addSome(block: Float32Array): void {
    const finite = block.filter((value) => value - value === 0);
    this.notFinite += block.length - finite.length;
    if (finite.length > 0) this.addFinite(finite);
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

/** The statistics of a whole map. */
export function statisticsOf(pixels: Float32Array | Float64Array): PixelStatistics {
  const moments = new Moments();
  moments.add(pixels instanceof Float32Array ? pixels : Float32Array.from(pixels));
  return moments.result();
}

/** Where the first number is that is not finite, or -1. */
export function firstNotFinite(values: Float32Array | Float64Array): number {
  if (values instanceof Float64Array) return values.findIndex((value) => !Number.isFinite(value));
  // Whole numbers compare in a fraction of the time: the exponent of what is not finite is all ones.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let at = 0; at < bits.length; at++) if ((bits[at] & 0x7f800000) === 0x7f800000) return at;
  return -1;
}
