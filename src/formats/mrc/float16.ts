let table: Float32Array | undefined;

/** The value of every float16 bit pattern (IEEE 754 binary16). */
export function halfTable(): Float32Array {
  if (table !== undefined) return table;
  table = Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  return table;
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The float16 bit pattern nearest to `value`, ties to even; values of 65,520 and more become infinite. */
export function toHalf(value: number): number {
  float[0] = value;
  const word = bits[0];
  const sign = (word >>> 16) & 0x8000;
  const size = word & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  if (size >= 0x477ff000) return sign | 0x7c00;
  if (size >= 0x38800000) return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
  // Subnormal: a multiple of 2^-24. Adding 0.5 leaves it, rounded to even, in the low bits of the sum.
  float[0] = Math.abs(float[0]) + 0.5;
  return sign | (bits[0] - 0x3f000000);
}
