const powersOfTen = Float64Array.from({ length: 23 }, (_, e) => 10 ** e);
const decoder = new TextDecoder();
const plainNumber = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const notFinite = /^([+-]?)(inf(?:inity)?|nan)$/i;

/** The value of a number token in `bytes[start, end)`, or undefined where it is none. `inf` and `nan` are numbers, as in C. */
export function parseNumber(bytes: Uint8Array, start: number, end: number): number | undefined {
  let pos = start;
  const first = bytes[pos];
  const negative = first === 45;
  if (negative || first === 43) pos++;
  let mantissa = 0;
  let digits = 0;
  let scale = 0;
  let seenPoint = false;
  let seenDigit = false;
  for (; pos < end; pos++) {
    const digit = bytes[pos] - 48;
    if (digit >= 0 && digit <= 9) {
      seenDigit = true;
      mantissa = mantissa * 10 + digit;
      if (mantissa > 0) digits++;
      if (seenPoint) scale--;
    } else if (bytes[pos] === 46 && !seenPoint) seenPoint = true;
    else break;
  }
  if (seenDigit && pos < end && (bytes[pos] | 32) === 101) {
    let exponent = 0;
    let at = pos + 1;
    const sign = bytes[at];
    if (sign === 45 || sign === 43) at++;
    const begun = at;
    for (; at < end && bytes[at] >= 48 && bytes[at] <= 57; at++) exponent = exponent * 10 + (bytes[at] - 48);
    if (at > begun) {
      pos = at;
      scale += sign === 45 ? -exponent : exponent;
    }
  }
  // Up to 15 digits and powers of ten up to 22 are exact in float64, so one operation rounds correctly (Clinger 1990).
  if (pos === end && seenDigit && digits <= 15 && scale >= -22 && scale <= 22) {
    const value = scale < 0 ? mantissa / powersOfTen[-scale] : mantissa * powersOfTen[scale];
    return negative ? -value : value;
  }
  return parseUncommon(decoder.decode(bytes.subarray(start, end)));
}

function parseUncommon(token: string): number | undefined {
  if (plainNumber.test(token)) return Number(token);
  const match = notFinite.exec(token);
  if (match === null) return undefined;
  const value = match[2]?.toLowerCase().startsWith("n") ? Number.NaN : Number.POSITIVE_INFINITY;
  return match[1] === "-" ? -value : value;
}

/** A real number as RELION writes it: 6 decimals in 12 columns, exponents below 0.001 and above 100,000. */
export function formatReal(value: number): string {
  if (!Number.isFinite(value)) return (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf").padStart(12);
  const size = Math.abs(value);
  const decimals = value < 0 ? 5 : 6;
  if ((size > 0 && size < 0.001) || size > 100_000) {
    const [mantissa, exponent] = value.toExponential(decimals).split("e") as [string, string];
    const power = exponent.slice(1).padStart(2, "0");
    return `${mantissa}e${exponent[0]}${power}`.padStart(12);
  }
  return value.toFixed(decimals).padStart(12);
}

/** Units of the last decimal that `formatReal` writes, or -1 where that has another form or rounding is not certain. */
function lastUnits(value: number): number {
  const size = Math.abs(value);
  const scaled = size * (value < 0 ? 1e5 : 1e6);
  const common = size === 0 || (size >= 0.001 && size <= 100_000);
  // The product is off by at most 2^-53 of 1e11, so rounding is certain away from ties.
  if (!common || Math.abs(scaled - Math.floor(scaled) - 0.5) < 1e-4 || Object.is(value, -0)) return -1;
  return Math.round(scaled);
}

/** The number that is read where `value` was written. */
export function realAsWritten(value: number): number {
  const units = lastUnits(value);
  if (units < 0) return Number(formatReal(value));
  return value < 0 ? -units / 1e5 : units / 1e6;
}

/**
 * Write `value` as `formatReal` does into `target` at `at` and return the end. `target` must have room for 32 bytes.
 */
export function writeReal(value: number, target: Uint8Array, at: number): number {
  const units = lastUnits(value);
  if (units < 0) {
    const text = formatReal(value);
    for (let i = 0; i < text.length; i++) target[at + i] = text.charCodeAt(i);
    return at + text.length;
  }
  const decimals = value < 0 ? 5 : 6;
  let rest = units;
  let length = 0;
  for (let place = 0; place < decimals || rest > 0 || place === decimals; place++) {
    if (place === decimals) scratch[length++] = 46;
    const next = Math.floor(rest / 10);
    scratch[length++] = 48 + (rest - next * 10);
    rest = next;
  }
  if (value < 0) scratch[length++] = 45;
  let out = at;
  for (let pad = length; pad < 12; pad++) target[out++] = 32;
  while (length > 0) target[out++] = scratch[--length];
  return out;
}

const scratch = new Uint8Array(32);
