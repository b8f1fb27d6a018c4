import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fftPlan, inverseRealFft, realFft } from "../../src/geometry/fft.js";

/** The definition, term by term. */
function slowTransform(re: Float64Array, im: Float64Array): [Float64Array, Float64Array] {
  const n = re.length;
  const [outR, outI] = [new Float64Array(n), new Float64Array(n)];
  for (let k = 0; k < n; k++) {
    for (let j = 0; j < n; j++) {
      const angle = (-2 * Math.PI * ((j * k) % n)) / n;
      outR[k] += re[j] * Math.cos(angle) - im[j] * Math.sin(angle);
      outI[k] += re[j] * Math.sin(angle) + im[j] * Math.cos(angle);
    }
  }
  return [outR, outI];
}

const random = (n: number) => Float64Array.from({ length: n }, () => Math.random() * 2 - 1);
const difference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);

describe("complex transforms", () => {
  test("equal the definition at every length to 64, primes, large factors and odd products", () => {
    const lengths = [
      ...Array.from({ length: 64 }, (_, i) => i + 1),
      74,
      77,
      97,
      101,
      122,
      143,
      169,
      180,
      210,
      227,
      254,
      360,
      512,
      1001,
    ];
    for (const n of lengths) {
      const [re, im] = [random(n), random(n)];
      const [slowR, slowI] = slowTransform(re, im);
      const [fastR, fastI] = [re.slice(), im.slice()];
      fftPlan(n).forward(fastR, fastI);
      // The slow sums themselves carry about n^0.5 rounding errors of 1e-16.
      const error = Math.max(difference(fastR, slowR), difference(fastI, slowI));
      expect(error, `length ${n}`).toBeLessThan(2e-12);
      fftPlan(n).inverse(fastR, fastI);
      expect(
        difference(
          fastR,
          re.map((x) => x * n),
        ),
        `length ${n}`,
      ).toBeLessThan(1e-11);
    }
  });

  test("columns of an array are transformed at once", () => {
    for (const n of [12, 7, 17]) {
      const inner = 5;
      const [re, im] = [random(3 + n * inner), random(3 + n * inner)];
      const [fastR, fastI] = [re.slice(), im.slice()];
      fftPlan(n).forward(fastR, fastI, 3, inner);
      for (let column = 0; column < inner; column++) {
        const pick = (a: Float64Array) =>
          Float64Array.from({ length: n }, (_, j) => a[3 + j * inner + column]);
        const [slowR, slowI] = slowTransform(pick(re), pick(im));
        expect(Math.max(difference(pick(fastR), slowR), difference(pick(fastI), slowI))).toBeLessThan(1e-13);
      }
      expect(fastR.subarray(0, 3)).toEqual(re.subarray(0, 3));
    }
  });
});

describe("real transforms", () => {
  test("come back, keep Parseval's sum, and are scaled as RELION scales them", () => {
    const size = fc.integer({ min: 1, max: 18 });
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 3 }), (shape) => {
        const count = shape.reduce((product, n) => product * n, 1);
        const values = random(count);
        const t = realFft(values, shape);
        expect(difference(inverseRealFft(t), values)).toBeLessThan(1e-13);
        const mean = values.reduce((sum, x) => sum + x, 0) / count;
        expect(t.re[0]).toBeCloseTo(mean, 12);
        const width = shape[shape.length - 1];
        const columns = Math.floor(width / 2) + 1;
        const power = t.re.reduce((sum, re, i) => {
          const x = i % columns;
          const twice = x === 0 || 2 * x === width ? 1 : 2;
          return sum + twice * (re * re + t.im[i] * t.im[i]);
        }, 0);
        expect(power).toBeCloseTo(values.reduce((sum, x) => sum + x * x, 0) / count, 12);
      }),
    );
  });

  test("a plane wave is one coefficient", () => {
    const [h, w] = [6, 10];
    const values = Float64Array.from({ length: h * w }, (_, i) =>
      Math.cos(2 * Math.PI * ((3 * (i % w)) / w - (2 * Math.floor(i / w)) / h)),
    );
    const t = realFft(values, [h, w]);
    const expected = new Float64Array(h * 6);
    expected[4 * 6 + 3] = 0.5;
    expect(difference(t.re, expected)).toBeLessThan(1e-15);
    expect(difference(t.im, new Float64Array(h * 6))).toBeLessThan(1e-15);
  });
});

test("lengths that are none are refused", () => {
  for (const n of [0, -4, 1.5]) expect(() => fftPlan(n)).toThrow(RangeError);
});
