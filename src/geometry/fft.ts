/**
 * Discrete Fourier transforms of any length in float64. Complex data is two arrays, real and imaginary. Complex transforms are not
 * scaled; real transforms follow RELION: forward divided by the number of values, inverse not scaled.
 */

/** Prime factors of `n`, fours first, or undefined where one is too large for the mixed-radix transform. */
function radices(n: number): number[] | undefined {
  const factors: number[] = [];
  let rest = n;
  for (const radix of [4, 2, 3, 5, 7, 11, 13]) {
    for (; rest % radix === 0; rest /= radix) factors.push(radix);
  }
  return rest === 1 ? factors : undefined;
}

/** cos and sin of 2 pi j / n for j = 0 .. n - 1. */
function roots(n: number): { cos: Float64Array; sin: Float64Array } {
  return {
    cos: Float64Array.from({ length: n }, (_, j) => Math.cos((2 * Math.PI * j) / n)),
    sin: Float64Array.from({ length: n }, (_, j) => Math.sin((2 * Math.PI * j) / n)),
  };
}

/** A transform of one length. Plans are shared: get them from `fftPlan`. */
export class FftPlan {
  private readonly factors: number[] | undefined;
  private readonly cos: Float64Array;
  private readonly sin: Float64Array;
  private chirp:
    | { plan: FftPlan; re: Float64Array; im: Float64Array; cos: Float64Array; sin: Float64Array }
    | undefined;
  private workRe = new Float64Array(0);
  private workIm = new Float64Array(0);

  constructor(readonly n: number) {
    if (!Number.isInteger(n) || n < 1) throw new RangeError(`FFT length ${n} is not a positive integer`);
    this.factors = radices(n);
    ({ cos: this.cos, sin: this.sin } = roots(n));
  }

  /**
   * Transform in place with `exp(-2 pi i jk / n)`, along the first axis of an array [n][inner] that starts at `offset`: `inner` 1 is one
   * contiguous signal.
   */
  forward(re: Float64Array, im: Float64Array, offset = 0, inner = 1): void {
    if (this.factors === undefined) this.bluestein(re, im, offset, inner);
    else this.stockham(re, im, offset, inner, this.factors);
  }

  /** The same with `exp(+2 pi i jk / n)`, not divided by n. */
  inverse(re: Float64Array, im: Float64Array, offset = 0, inner = 1): void {
    this.forward(im, re, offset, inner);
  }

  /** Stockham's self-sorting mixed-radix transform (Van Loan 1992, Computational Frameworks for the FFT, 1.7). */
  private stockham(
    re: Float64Array,
    im: Float64Array,
    offset: number,
    inner: number,
    factors: number[],
  ): void {
    const size = this.n * inner;
    if (this.workRe.length < size) {
      this.workRe = new Float64Array(size);
      this.workIm = new Float64Array(size);
    }
    let fromRe: Float64Array = re.subarray(offset, offset + size);
    let fromIm: Float64Array = im.subarray(offset, offset + size);
    const [endRe, endIm] = [fromRe, fromIm];
    let toRe: Float64Array = this.workRe.subarray(0, size);
    let toIm: Float64Array = this.workIm.subarray(0, size);
    let stride = inner;
    let length = this.n;
    for (const radix of factors) {
      const groups = length / radix;
      if (radix === 4) this.pass4(fromRe, fromIm, toRe, toIm, groups, stride, length);
      else if (radix === 2) this.pass2(fromRe, fromIm, toRe, toIm, groups, stride, length);
      else this.passOdd(radix, fromRe, fromIm, toRe, toIm, groups, stride, length);
      [fromRe, toRe] = [toRe, fromRe];
      [fromIm, toIm] = [toIm, fromIm];
      stride *= radix;
      length = groups;
    }
    if (fromRe !== endRe) {
      endRe.set(fromRe);
      endIm.set(fromIm);
    }
  }

  private pass2(
    ar: Float64Array,
    ai: Float64Array,
    br: Float64Array,
    bi: Float64Array,
    groups: number,
    stride: number,
    length: number,
  ): void {
    const step = this.n / length;
    for (let p = 0; p < groups; p++) {
      const c = this.cos[p * step];
      const s = -this.sin[p * step];
      const i0 = stride * p;
      const i1 = stride * (p + groups);
      const o0 = stride * 2 * p;
      const o1 = o0 + stride;
      for (let q = 0; q < stride; q++) {
        const xr = ar[i0 + q];
        const xi = ai[i0 + q];
        const yr = ar[i1 + q];
        const yi = ai[i1 + q];
        br[o0 + q] = xr + yr;
        bi[o0 + q] = xi + yi;
        const dr = xr - yr;
        const di = xi - yi;
        br[o1 + q] = dr * c - di * s;
        bi[o1 + q] = dr * s + di * c;
      }
    }
  }

  private pass4(
    ar: Float64Array,
    ai: Float64Array,
    br: Float64Array,
    bi: Float64Array,
    groups: number,
    stride: number,
    length: number,
  ): void {
    const step = this.n / length;
    for (let p = 0; p < groups; p++) {
      const [c1, s1] = [this.cos[p * step], -this.sin[p * step]];
      const [c2, s2] = [this.cos[2 * p * step], -this.sin[2 * p * step]];
      const [c3, s3] = [this.cos[3 * p * step], -this.sin[3 * p * step]];
      const i0 = stride * p;
      const jump = stride * groups;
      const o0 = stride * 4 * p;
      for (let q = 0; q < stride; q++) {
        const i = i0 + q;
        const o = o0 + q;
        const sumR = ar[i] + ar[i + 2 * jump];
        const sumI = ai[i] + ai[i + 2 * jump];
        const difR = ar[i] - ar[i + 2 * jump];
        const difI = ai[i] - ai[i + 2 * jump];
        const oddR = ar[i + jump] + ar[i + 3 * jump];
        const oddI = ai[i + jump] + ai[i + 3 * jump];
        const turnR = ai[i + jump] - ai[i + 3 * jump];
        const turnI = ar[i + 3 * jump] - ar[i + jump];
        br[o] = sumR + oddR;
        bi[o] = sumI + oddI;
        const y1r = difR + turnR;
        const y1i = difI + turnI;
        br[o + stride] = y1r * c1 - y1i * s1;
        bi[o + stride] = y1r * s1 + y1i * c1;
        const y2r = sumR - oddR;
        const y2i = sumI - oddI;
        br[o + 2 * stride] = y2r * c2 - y2i * s2;
        bi[o + 2 * stride] = y2r * s2 + y2i * c2;
        const y3r = difR - turnR;
        const y3i = difI - turnI;
        br[o + 3 * stride] = y3r * c3 - y3i * s3;
        bi[o + 3 * stride] = y3r * s3 + y3i * c3;
      }
    }
  }

  /** An odd radix: terms j and radix - j share their products. */
  private passOdd(
    radix: number,
    ar: Float64Array,
    ai: Float64Array,
    br: Float64Array,
    bi: Float64Array,
    groups: number,
    stride: number,
    length: number,
  ): void {
    const step = this.n / length;
    const unit = this.n / radix;
    const half = (radix - 1) / 2;
    const sums = new Float64Array(4 * half);
    const jump = stride * groups;
    for (let p = 0; p < groups; p++) {
      for (let q = 0; q < stride; q++) {
        const i = stride * p + q;
        const o = stride * radix * p + q;
        let totalR = ar[i];
        let totalI = ai[i];
        for (let j = 1; j <= half; j++) {
          const a = i + j * jump;
          const b = i + (radix - j) * jump;
          const at = 4 * (j - 1);
          sums[at] = ar[a] + ar[b];
          sums[at + 1] = ai[a] + ai[b];
          sums[at + 2] = ar[a] - ar[b];
          sums[at + 3] = ai[a] - ai[b];
          totalR += sums[at];
          totalI += sums[at + 1];
        }
        br[o] = totalR;
        bi[o] = totalI;
        for (let k = 1; k <= half; k++) {
          let evenR = ar[i];
          let evenI = ai[i];
          let oddR = 0;
          let oddI = 0;
          for (let j = 1; j <= half; j++) {
            const root = ((j * k) % radix) * unit;
            const at = 4 * (j - 1);
            evenR += this.cos[root] * sums[at];
            evenI += this.cos[root] * sums[at + 1];
            oddR += this.sin[root] * sums[at + 3];
            oddI -= this.sin[root] * sums[at + 2];
          }
          this.store(br, bi, o + k * stride, evenR + oddR, evenI + oddI, p * k * step);
          this.store(br, bi, o + (radix - k) * stride, evenR - oddR, evenI - oddI, p * (radix - k) * step);
        }
      }
    }
  }

  private store(br: Float64Array, bi: Float64Array, at: number, re: number, im: number, root: number): void {
    const c = this.cos[root % this.n];
    const s = this.sin[root % this.n];
    br[at] = re * c + im * s;
    bi[at] = im * c - re * s;
  }

  /** A transform of any length as a convolution (Bluestein 1970, IEEE Trans. Audio Electroacoust. 18:451). */
  private bluestein(re: Float64Array, im: Float64Array, offset: number, inner: number): void {
    const { n } = this;
    this.chirp ??= this.makeChirp();
    const { chirp } = this;
    const m = chirp.plan.n;
    const ar = new Float64Array(m);
    const ai = new Float64Array(m);
    for (let column = 0; column < inner; column++) {
      ar.fill(0);
      ai.fill(0);
      for (let j = 0; j < n; j++) {
        const at = offset + j * inner + column;
        ar[j] = re[at] * chirp.cos[j] + im[at] * chirp.sin[j];
        ai[j] = im[at] * chirp.cos[j] - re[at] * chirp.sin[j];
      }
      chirp.plan.forward(ar, ai);
      for (let k = 0; k < m; k++) {
        const x = ar[k];
        ar[k] = x * chirp.re[k] - ai[k] * chirp.im[k];
        ai[k] = x * chirp.im[k] + ai[k] * chirp.re[k];
      }
      chirp.plan.inverse(ar, ai);
      for (let k = 0; k < n; k++) {
        const at = offset + k * inner + column;
        re[at] = (ar[k] * chirp.cos[k] + ai[k] * chirp.sin[k]) / m;
        im[at] = (ai[k] * chirp.cos[k] - ar[k] * chirp.sin[k]) / m;
      }
    }
  }

  private makeChirp() {
    const { n } = this;
    let m = 1;
    while (m < 2 * n - 1) m *= 2;
    const angle = (j: number) => (Math.PI * Number((BigInt(j) * BigInt(j)) % BigInt(2 * n))) / n;
    const cos = Float64Array.from({ length: n }, (_, j) => Math.cos(angle(j)));
    const sin = Float64Array.from({ length: n }, (_, j) => Math.sin(angle(j)));
    const re = new Float64Array(m);
    const im = new Float64Array(m);
    for (let j = 0; j < n; j++) {
      re[j] = cos[j];
      im[j] = sin[j];
      re[(m - j) % m] = cos[j];
      im[(m - j) % m] = sin[j];
    }
    const plan = fftPlan(m);
    plan.forward(re, im);
    return { plan, re, im, cos, sin };
  }
}

const plans = new Map<number, FftPlan>();

/** The plan of a length; `n` is at least 1, prime factors up to 13 are fastest. */
export function fftPlan(n: number): FftPlan {
  let plan = plans.get(n);
  if (plan === undefined) {
    plan = new FftPlan(n);
    plans.set(n, plan);
  }
  return plan;
}

/**
 * Half of the transform of a real array: the last axis keeps `floor(width / 2) + 1` columns, the other axes are in FFT order (index
 * `i <= n / 2` is frequency `i`, above it `i - n`).
 */
export interface HalfTransform {
  /** Lengths of the real array, slowest axis first. */
  readonly shape: readonly number[];
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Columns of the last axis of a half transform. */
export const halfColumns = (width: number): number => Math.floor(width / 2) + 1;

/** An empty half transform of a real array of `shape`. */
export function halfTransform(shape: readonly number[]): HalfTransform {
  const width = shape[shape.length - 1];
  const size = (shape.reduce((product, n) => product * n, 1) / width) * halfColumns(width);
  return { shape, re: new Float64Array(size), im: new Float64Array(size) };
}

/** Transform of real values, slowest axis first in `shape`, divided by their number. */
export function realFft(
  values: ArrayLike<number>,
  shape: readonly number[],
  out = halfTransform(shape),
): HalfTransform {
  const width = shape[shape.length - 1];
  const columns = halfColumns(width);
  const rows = out.re.length / columns;
  const plan = fftPlan(width);
  const scale = 1 / (rows * width);
  const ar = new Float64Array(width);
  const ai = new Float64Array(width);
  for (let row = 0; row < rows; row += 2) {
    const pair = row + 1 < rows;
    for (let x = 0; x < width; x++) {
      ar[x] = values[row * width + x] * scale;
      ai[x] = pair ? values[(row + 1) * width + x] * scale : 0;
    }
    plan.forward(ar, ai);
    for (let x = 0; x < columns; x++) {
      const mirror = x === 0 ? 0 : width - x;
      const at = row * columns + x;
      out.re[at] = (ar[x] + ar[mirror]) / 2;
      out.im[at] = (ai[x] - ai[mirror]) / 2;
      if (!pair) continue;
      out.re[at + columns] = (ai[x] + ai[mirror]) / 2;
      out.im[at + columns] = (ar[mirror] - ar[x]) / 2;
    }
  }
  transformOuterAxes(out, (outer, offset, inner) => outer.forward(out.re, out.im, offset, inner));
  return out;
}

/** The real values of a half transform; `transform` is left as it is. */
export function inverseRealFft(transform: HalfTransform, out?: Float64Array): Float64Array {
  const { shape } = transform;
  const width = shape[shape.length - 1];
  const columns = halfColumns(width);
  const copy = { shape, re: transform.re.slice(), im: transform.im.slice() };
  transformOuterAxes(copy, (outer, offset, inner) => outer.inverse(copy.re, copy.im, offset, inner));
  const rows = copy.re.length / columns;
  const values = out ?? new Float64Array(rows * width);
  const plan = fftPlan(width);
  const ar = new Float64Array(width);
  const ai = new Float64Array(width);
  for (let row = 0; row < rows; row += 2) {
    const second = row + 1 < rows ? (row + 1) * columns : -1;
    for (let x = 0; x < width; x++) {
      const mirrored = x >= columns;
      const at = row * columns + (mirrored ? width - x : x);
      const sign = mirrored ? -1 : 1;
      // The imaginary parts of columns 0 and width / 2 cancel in a real array.
      const own = x === 0 || 2 * x === width ? 0 : sign;
      const other = second < 0 ? -1 : second + at - row * columns;
      ar[x] = copy.re[at] - (other < 0 ? 0 : own * copy.im[other]);
      ai[x] = own * copy.im[at] + (other < 0 ? 0 : copy.re[other]);
    }
    plan.inverse(ar, ai);
    for (let x = 0; x < width; x++) {
      values[row * width + x] = ar[x];
      if (second >= 0) values[(row + 1) * width + x] = ai[x];
    }
  }
  return values;
}

/** Call `run` for every axis but the last, on each array [n][inner] that lies along it. */
function transformOuterAxes(
  transform: HalfTransform,
  run: (plan: FftPlan, offset: number, inner: number) => void,
): void {
  const { shape, re } = transform;
  let inner = halfColumns(shape[shape.length - 1]);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    const block = shape[axis] * inner;
    for (let offset = 0; offset < re.length; offset += block) run(fftPlan(shape[axis]), offset, inner);
    inner = block;
  }
}
