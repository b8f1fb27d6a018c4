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
    let [low, high, even, odd, evenSquares, oddSquares] = [block[0], block[0], 0, 0, 0, 0];
    const pairs = block.length - (block.length % 2);
    for (let i = 0; i < pairs; i += 2) {
      const one = block[i];
      const two = block[i + 1];
      const a = one - shift;
      const b = two - shift;
      even += a;
      odd += b;
      evenSquares += a * a;
      oddSquares += b * b;
      low = Math.min(low, one, two);
      high = Math.max(high, one, two);
    }
    for (let i = pairs; i < block.length; i++) {
      const difference = block[i] - shift;
      even += difference;
      evenSquares += difference * difference;
      low = Math.min(low, block[i]);
      high = Math.max(high, block[i]);
    }
    const squares = evenSquares + oddSquares;
    if (squares - squares !== 0) return false;
    this.shift = shift;
    this.minimum = Math.min(this.minimum, low);
    this.maximum = Math.max(this.maximum, high);
    this.sum += even + odd;
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

/** Where the first number is that is not finite, or -1. */
export function firstNotFinite(values: Float32Array | Float64Array): number {
  if (values instanceof Float64Array) return values.findIndex((value) => !Number.isFinite(value));
  // Whole numbers compare in a fraction of the time: the exponent of what is not finite is all ones.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let at = 0; at < bits.length; at++) if ((bits[at] & 0x7f800000) === 0x7f800000) return at;
  return -1;
}
